//! Class weights at an epoch.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::method::scale_epoch;

/// The closed set of re-weightings, each from its `start_epoch` on (0: from the beginning; later: deferred, DRW).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reweight {
    /// Effective number of samples: w_k = (1 − β) / (1 − β^{n_k}), scaled to sum k (Cui et al. 2019, Eq. 2).
    ClassBalanced {
        /// β in \[0, 1); 0 weighs all classes alike.
        beta: f64,
        /// First epoch with these weights; before it all classes weigh 1.
        start_epoch: i64,
    },
}

impl Reweight {
    /// The weights of 0-based `epoch`, `[k]` in the kind of `class_counts [k]`; `None` while all classes weigh 1.
    pub fn class_weights(self, epoch: i64, class_counts: &Tensor) -> Option<Tensor> {
        let Reweight::ClassBalanced { beta, start_epoch } = self;
        (epoch >= start_epoch).then(|| effective_number_weights(beta, class_counts))
    }

    /// The re-weighting with its start scaled to another length of training.
    pub(crate) fn scaled(self, factor: f64) -> Reweight {
        let Reweight::ClassBalanced { beta, start_epoch } = self;
        Reweight::ClassBalanced {
            beta,
            start_epoch: scale_epoch(start_epoch, factor),
        }
    }
}

/// Inverse effective numbers (1 − β) / (1 − β^{n_k}), scaled to sum k. In f64: 1 − β^n cancels at small n.
pub(crate) fn effective_number_weights(beta: f64, class_counts: &Tensor) -> Tensor {
    let kind = class_counts.kind();
    let powers = (class_counts.to_kind(tch::Kind::Double) * beta.ln()).exp();
    let weights = (1.0 - beta) * (1.0_f64 - powers).reciprocal();
    let classes = weights.numel() as f64;
    (&weights * (classes / weights.sum(tch::Kind::Double))).to_kind(kind)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn equal_counts_weigh_one_and_weights_sum_to_the_class_count() {
        let weights = effective_number_weights(0.9999, &Tensor::from_slice(&[50.0_f32, 50.0, 50.0]));
        assert!(weights.allclose(&Tensor::ones([3], (Kind::Float, weights.device())), 1e-6, 1e-6, false));
        let weights = effective_number_weights(0.9999, &Tensor::from_slice(&[5000.0_f32, 500.0, 50.0]));
        assert!((weights.sum(Kind::Float).double_value(&[]) - 3.0).abs() < 1e-5);
        assert!(weights.double_value(&[2]) > 9.0 * weights.double_value(&[1]));
    }

    #[test]
    fn deferred_weights_begin_at_their_start_epoch() {
        let reweight = Reweight::ClassBalanced {
            beta: 0.9999,
            start_epoch: 160,
        };
        let counts = Tensor::from_slice(&[10.0_f32, 1.0]);
        assert!(reweight.class_weights(159, &counts).is_none());
        assert!(reweight.class_weights(160, &counts).is_some());
        assert_eq!(
            reweight.scaled(0.15),
            Reweight::ClassBalanced {
                beta: 0.9999,
                start_epoch: 24
            }
        );
    }
}
