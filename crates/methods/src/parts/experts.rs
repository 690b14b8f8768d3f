//! Ensembles: experts that learn side by side.

mod aggregation;
mod bilateral;
mod ncl;
mod ride;
mod sade;

use std::fmt;

use models::Backbone;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::parts::loss::{Loss, LossInput};
use crate::parts::sampler::Sampler;
use crate::range::OutOfRange;
use crate::recipe::scale_epoch;

pub use aggregation::{stable_weights, weighted};
pub use bilateral::Bilateral;
pub use ncl::Ncl;
pub use ride::{Ride, diversity_temperatures};
pub use sade::Sade;

/// An ensemble. Each expert has its own features and classifier and learns by the method's loss; the prediction is the
/// class with the largest mean logit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Experts {
    /// Experts with a reward for diversity, Wang et al. 2021.
    Ride(Ride),
    /// One expert each for long-tailed, balanced and inversely long-tailed classes, Zhang et al. 2022.
    Sade(Sade),
    /// Two branches that learn from two samplers, Zhou et al. 2020.
    Bilateral(Bilateral),
    /// Whole networks that learn from each other, Li et al. 2022.
    Ncl(Ncl),
}

impl Experts {
    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        match self {
            Experts::Ride(ride) => ride.check(),
            Experts::Sade(sade) => sade.check(),
            Experts::Bilateral(bilateral) => bilateral.check(),
            Experts::Ncl(ncl) => ncl.check(),
        }
    }

    /// Number of experts.
    pub fn count(self) -> i64 {
        match self {
            Experts::Ride(ride) => ride.experts,
            Experts::Sade(_) => 3,
            Experts::Bilateral(_) => 2,
            Experts::Ncl(ncl) => ncl.experts,
        }
    }

    /// The sampler of the second half of a batch; `None`: all experts learn from the same images.
    pub(crate) fn second_sampler(self) -> Option<Sampler> {
        match self {
            Experts::Bilateral(_) => Some(Sampler::Reverse),
            Experts::Ride(_) | Experts::Sade(_) | Experts::Ncl(_) => None,
        }
    }

    /// The factor on their mean logits in training, beside the loss's own: branches are summed.
    pub(crate) fn logit_scale(self) -> f64 {
        match self {
            Experts::Bilateral(_) => 2.0,
            Experts::Ride(_) | Experts::Sade(_) | Experts::Ncl(_) => 1.0,
        }
    }

    /// Whether their networks have the same layers, so that one can start from the other's weights.
    pub fn have_layers_of(self, other: Experts) -> bool {
        let shape = |experts| match experts {
            Experts::Ride(_) | Experts::Sade(_) => 0,
            Experts::Bilateral(_) => 1,
            Experts::Ncl(_) => 2,
        };
        shape(self) == shape(other) && self.count() == other.count()
    }

    /// Scales them to a training of `factor` times the length.
    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Experts::Bilateral(bilateral) => bilateral.epochs = scale_epoch(bilateral.epochs, factor).max(1),
            Experts::Ride(_) | Experts::Sade(_) | Experts::Ncl(_) => {}
        }
    }

    /// Feature width d of each.
    pub(crate) fn dimension(self, backbone: Backbone) -> i64 {
        match self {
            Experts::Ride(_) | Experts::Sade(_) => backbone.expert_dimension(),
            Experts::Bilateral(_) | Experts::Ncl(_) => backbone.dimension(),
        }
    }

    /// Builds their networks under `path`: images `[b, 3, h, w]` → features `[b, e, d]`.
    pub(crate) fn build(self, backbone: Backbone, path: &Path) -> Box<dyn ModuleT> {
        match self {
            Experts::Ride(_) | Experts::Sade(_) => backbone.build_experts(path, self.count()),
            Experts::Bilateral(_) => backbone.build_branches(path, self.count()),
            Experts::Ncl(_) => backbone.build_side_by_side(path, self.count()),
        }
    }

    /// Loss of a batch, a scalar, from logits `[b, e, k]` and features `[b, e, d]`: the sum of `loss` over the experts,
    /// with the terms that make them differ.
    pub fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        match self {
            Experts::Ride(ride) => ride.forward(loss, batch),
            Experts::Sade(sade) => sade.forward(loss, batch),
            Experts::Bilateral(bilateral) => bilateral.forward(loss, batch),
            Experts::Ncl(ncl) => ncl.forward(loss, batch),
        }
    }
}

/// Mean feature over an image's experts, `[b, d]`, which regularizers and metrics see (RIDE with NC in Liu et al.
/// 2023's code). Features `[b, d]` of one network stay.
pub(crate) fn mean_feature(features: &Tensor) -> Tensor {
    match features.dim() {
        3 => features.mean_dim(1, false, features.kind()),
        _ => features.shallow_clone(),
    }
}

/// Sum over the experts e of `objective(e, batch)`, with e's logits and features in the batch.
fn sum_over_experts(batch: &LossInput<'_>, objective: impl Fn(i64, &LossInput<'_>) -> Tensor) -> Tensor {
    let expert_loss = |expert| {
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
    (0..batch.logits.size()[1]).map(expert_loss).sum()
}

/// Such as `SADE of 3 experts (τ 2)`.
impl fmt::Display for Experts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Experts::Ride(ride) => ride.fmt(formatter),
            Experts::Sade(sade) => sade.fmt(formatter),
            Experts::Bilateral(bilateral) => bilateral.fmt(formatter),
            Experts::Ncl(ncl) => ncl.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Reduction};

    use super::*;

    /// `objective` on six samples with these logits, which get its gradient if they require one.
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
        let value = objective(&batch);
        if logits.requires_grad() {
            value.backward();
        }
        value.double_value(&[])
    }

    /// Logits of three experts, `[6, 3, 4]`.
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

    #[test]
    fn ncl_of_no_easy_class_and_no_collaboration_is_balanced_softmax_twice() {
        let ncl = Experts::Ncl(Ncl {
            hard_share: 0.99,
            collaboration: 0.0,
            ..Ncl::default()
        });
        let together = value(&logits(), |batch| ncl.forward(Loss::CrossEntropy, batch));
        let alone = |expert| {
            value(&logits().select(1, expert), |batch| {
                Loss::BalancedSoftmax.forward(batch)
            })
        };
        let sum: f64 = (0..3).map(alone).sum();
        assert!((together - 2.0 * sum).abs() < 1e-12);
    }

    #[test]
    fn each_branch_learns_on_its_half_of_the_batch() {
        let towards_end = |epoch| {
            let logits = logits().narrow(1, 0, 2).copy().set_requires_grad(true);
            let bilateral = Experts::Bilateral(Bilateral { epochs: 10 });
            let in_epoch =
                |batch: &LossInput<'_>| bilateral.forward(Loss::CrossEntropy, &LossInput { epoch, ..*batch });
            let loss = value(&logits, in_epoch);
            let gradient = logits.grad().abs().sum_dim_intlist(2_i64, false, Kind::Double); // [6, 2]
            (loss, gradient.gt(0.0).to_kind(Kind::Int64))
        };
        let doubled = |half: i64, branch: i64| {
            let (logits, labels) = (logits(), Tensor::from_slice(&[0_i64, 0, 0, 1, 2, 3]));
            let logits = logits.narrow(0, 3 * half, 3).select(1, branch) * 2.0;
            let labels = labels.narrow(0, 3 * half, 3);
            let loss = logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Mean, -100, 0.0);
            loss.double_value(&[])
        };
        let (first, learning) = towards_end(0);
        assert!((first - doubled(0, 0)).abs() < 1e-12);
        let rows = |rows: [[i64; 2]; 6]| Tensor::from_slice2(&rows);
        assert_eq!(learning, rows([[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [0, 0]]));
        let (middle, learning) = towards_end(5);
        assert!(middle.is_finite());
        assert_eq!(learning, rows([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]));
        assert!((towards_end(10).0 - doubled(1, 1)).abs() < 1e-12);
    }
}
