//! Ensembles: experts on one shared beginning, which learn side by side.

mod ride;
mod sade;

use models::Backbone;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::{Loss, LossInput};

pub use ride::{Ride, diversity, diversity_temperatures};
pub use sade::{Sade, reversed_counts};

/// The closed set of ensembles. Each expert has features and a classifier of its own and learns by the method's loss; a
/// prediction is the largest mean of their logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Experts {
    /// Experts that are kept from agreeing, Wang et al. 2021.
    Ride(Ride),
    /// An expert each for long-tailed, balanced and reversely long-tailed classes, Zhang et al. 2022.
    Sade(Sade),
}

impl Experts {
    /// How many.
    pub fn count(self) -> i64 {
        match self {
            Experts::Ride(ride) => ride.experts,
            Experts::Sade(_) => 3,
        }
    }

    /// Builds their networks under `path`: images `[b, 3, h, w]` → features `[b, e, d]`.
    pub(crate) fn build(self, backbone: Backbone, path: &Path) -> Box<dyn ModuleT> {
        backbone.build_experts(path, self.count())
    }

    /// Loss of a batch, a scalar, of logits `[b, e, k]` and features `[b, e, d]`: the sum over the experts of `loss`, with
    /// what makes them differ.
    pub fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        match self {
            Experts::Ride(ride) => ride.forward(loss, batch),
            Experts::Sade(sade) => sade.forward(loss, batch),
        }
    }
}

/// Mean feature of an image's experts, `[b, d]`: what regularizers and metrics see (RIDE with NC in Liu et al. 2023's
/// code). Features `[b, d]` of one network are their own.
pub(crate) fn mean_feature(features: &Tensor) -> Tensor {
    match features.dim() {
        3 => features.mean_dim(1, false, features.kind()),
        _ => features.shallow_clone(),
    }
}

/// Sum over the experts e of `objective(e, what e sees of the batch)`.
fn sum_over_experts(batch: &LossInput<'_>, objective: impl Fn(i64, &LossInput<'_>) -> Tensor) -> Tensor {
    let of_expert = |expert| {
        let (logits, features) = (batch.logits.select(1, expert), batch.features.select(1, expert));
        objective(
            expert,
            &LossInput {
                logits: &logits,
                features: &features,
                ..*batch
            },
        )
    };
    (0..batch.logits.size()[1]).map(of_expert).sum()
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// `objective` on six samples with these logits.
    fn value(logits: &Tensor, objective: impl Fn(&LossInput<'_>) -> Tensor) -> f64 {
        let batch = LossInput {
            logits,
            labels: &Tensor::from_slice(&[0_i64, 0, 0, 1, 2, 3]),
            features: logits,
            class_counts: &Tensor::from_slice(&[30.0, 12.0, 5.0, 2.0]),
            class_weights: None,
            labels_seen: None,
            epoch: 0,
        };
        objective(&batch).double_value(&[])
    }

    /// Of three experts, `[6, 3, 4]`.
    fn logits() -> Tensor {
        tch::manual_seed(4);
        Tensor::randn([6, 3, 4], (Kind::Double, Device::Cpu))
    }

    #[test]
    fn ride_rewards_disagreement_and_nothing_else() {
        let ride = |diversity, logits: &Tensor| {
            let experts = Experts::Ride(Ride {
                diversity,
                ..Ride::default()
            });
            value(logits, |batch| experts.forward(Loss::CrossEntropy, batch))
        };
        let logits = logits();
        assert!(ride(0.45, &logits) < ride(0.0, &logits) - 0.01);
        let agreeing = logits.mean_dim(1, true, Kind::Double).expand_as(&logits);
        assert!((ride(0.45, &agreeing) - ride(0.0, &agreeing)).abs() < 1e-12);
    }

    #[test]
    fn sade_without_its_reversal_is_one_cross_entropy_and_two_balanced_softmaxes() {
        let sade = Experts::Sade(Sade { tau: 0.0 });
        let together = value(&logits(), |batch| sade.forward(Loss::CrossEntropy, batch));
        let losses = [Loss::CrossEntropy, Loss::BalancedSoftmax, Loss::BalancedSoftmax];
        let alone = (0..).zip(losses);
        let sum: f64 = alone
            .map(|(expert, loss)| value(&logits().select(1, expert), |batch| loss.forward(batch)))
            .sum();
        assert!((together - sum).abs() < 1e-12);
    }
}
