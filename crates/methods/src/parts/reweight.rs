//! Class weights by epoch.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::range::{OutOfRange, not_negative, share, start};

/// Class re-weighting from `start_epoch` on (0: from the beginning; later: deferred, DRW).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reweight {
    /// Effective number of samples: w_k = (1 − β) / (1 − β^{n_k}), scaled to sum k (Cui et al. 2019, Eq. 2).
    ClassBalanced {
        /// β in \[0, 1); 0 gives all classes equal weight.
        beta: f64,
        /// First epoch with these weights; before it, all are 1.
        start_epoch: i64,
    },
    /// w_k = n_k^(−power), scaled to sum k: 1 is the inverse frequency (influence-balanced loss, Park et al. 2021), 0.5
    /// its square root, 1.2 the generalized re-weighting of Zhang et al. 2021 (DisAlign) on ImageNet-LT.
    InverseFrequency {
        /// 0 gives all classes equal weight.
        power: f64,
        /// First epoch with these weights.
        start_epoch: i64,
    },
    /// w_k = (n_min / n_k)^power: the rarest class has weight 1, others less (cost-sensitive cross-entropy, Zhang et
    /// al. 2021, Bag of Tricks; 1 or 0.5 there). In a weighted mean it equals the inverse frequency; a loss with a
    /// plain mean is smaller by a factor.
    CostSensitive {
        /// 0 gives all classes equal weight.
        power: f64,
        /// First epoch with these weights.
        start_epoch: i64,
    },
}

impl Reweight {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(self) -> Result<(), OutOfRange> {
        match self {
            Reweight::ClassBalanced { beta, .. } => share("class-balanced.beta", beta)?,
            Reweight::InverseFrequency { power, .. } => not_negative("inverse-frequency.power", power)?,
            Reweight::CostSensitive { power, .. } => not_negative("cost-sensitive.power", power)?,
        }
        start("reweight.start_epoch", self.start_epoch())
    }

    /// The weights of 0-based `epoch`, `[k]` in the kind of `class_counts [k]`; `None` if all are 1.
    pub fn class_weights(self, epoch: i64, class_counts: &Tensor) -> Option<Tensor> {
        (epoch >= self.start_epoch()).then(|| match self {
            Reweight::ClassBalanced { beta, .. } => effective_number_weights(beta, class_counts),
            Reweight::InverseFrequency { power, .. } => scaled_to_class_count(&class_counts.pow_tensor_scalar(-power)),
            Reweight::CostSensitive { power, .. } => (class_counts.min() / class_counts).pow_tensor_scalar(power),
        })
    }

    /// First 0-based epoch with these weights.
    pub fn start_epoch(self) -> i64 {
        let (Reweight::ClassBalanced { start_epoch, .. }
        | Reweight::InverseFrequency { start_epoch, .. }
        | Reweight::CostSensitive { start_epoch, .. }) = self;
        start_epoch
    }

    /// See [`Reweight::start_epoch`].
    pub(crate) fn start_epoch_mut(&mut self) -> &mut i64 {
        let (Reweight::ClassBalanced { start_epoch, .. }
        | Reweight::InverseFrequency { start_epoch, .. }
        | Reweight::CostSensitive { start_epoch, .. }) = self;
        start_epoch
    }
}

/// Inverse effective numbers (1 − β) / (1 − β^{n_k}), scaled to sum k. Computed in f64, since 1 − β^n cancels at small
/// n.
pub(crate) fn effective_number_weights(beta: f64, class_counts: &Tensor) -> Tensor {
    let kind = class_counts.kind();
    let powers = (class_counts.to_kind(tch::Kind::Double) * beta.ln()).exp();
    let weights = (1.0 - beta) * (1.0_f64 - powers).reciprocal();
    scaled_to_class_count(&weights).to_kind(kind)
}

/// Weights `[k]` scaled to sum k.
fn scaled_to_class_count(weights: &Tensor) -> Tensor {
    weights * (weights.numel() as f64 / weights.sum(weights.kind()))
}

/// Such as `re-weighted from epoch 160 (β 0.9999)`.
impl fmt::Display for Reweight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reweight::ClassBalanced { beta, start_epoch } => {
                write!(formatter, "re-weighted from epoch {start_epoch} (β {beta})")
            }
            Reweight::InverseFrequency { power, start_epoch } => write!(
                formatter,
                "re-weighted from epoch {start_epoch} (inverse frequency, power {power})"
            ),
            Reweight::CostSensitive { power, start_epoch } => write!(
                formatter,
                "re-weighted from epoch {start_epoch} (cost-sensitive, power {power})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn equal_counts_have_weight_one_and_weights_sum_to_the_class_count() {
        let weights = effective_number_weights(0.9999, &Tensor::from_slice(&[50.0_f32, 50.0, 50.0]));
        assert!(weights.allclose(&Tensor::ones([3], (Kind::Float, weights.device())), 1e-6, 1e-6, false));
        let weights = effective_number_weights(0.9999, &Tensor::from_slice(&[5000.0_f32, 500.0, 50.0]));
        assert!((weights.sum(Kind::Float).double_value(&[]) - 3.0).abs() < 1e-5);
        assert!(weights.double_value(&[2]) > 9.0 * weights.double_value(&[1]));
    }

    #[test]
    fn inverse_frequency_and_cost_sensitive_weights_differ_by_a_factor() {
        let counts = Tensor::from_slice(&[400.0_f64, 100.0, 25.0]);
        let (power, start_epoch) = (0.5, 0);
        let weights = |reweight: Reweight| reweight.class_weights(0, &counts).unwrap();
        let inverse = weights(Reweight::InverseFrequency { power, start_epoch });
        let cost = weights(Reweight::CostSensitive { power, start_epoch });
        assert!(cost.allclose(&Tensor::from_slice(&[0.25, 0.5, 1.0]), 1e-12, 0.0, false));
        assert!(inverse.allclose(&(&cost * (3.0 / 1.75)), 1e-12, 0.0, false));
    }

    #[test]
    fn equal_counts_have_weight_one_in_every_re_weighting() {
        let counts = Tensor::full([4], 30.0, (Kind::Double, tch::Device::Cpu));
        let (beta, power, start_epoch) = (0.999, 1.2, 0);
        for reweight in [
            Reweight::ClassBalanced { beta, start_epoch },
            Reweight::InverseFrequency { power, start_epoch },
            Reweight::CostSensitive { power, start_epoch },
        ] {
            let weights = reweight.class_weights(0, &counts).unwrap();
            assert!(weights.allclose(&counts.ones_like(), 1e-12, 0.0, false), "{reweight:?}");
        }
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
    }
}
