//! `ProCo`: contrast with a distribution of each class's features.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::nn::Path;
use tch::{Kind, Tensor, no_grad};

use crate::parts::loss::{one_hot, prior_adjustment};
use crate::unit::normalized;

/// Probabilistic contrastive learning (Du et al. 2024): `weight` · `probabilistic_contrast`, which the authors add to a
/// logit-adjusted loss. It is the limit of contrast with infinitely many views of every class, drawn from von
/// Mises-Fisher distributions.
///
/// Defaults: the authors' code on CIFAR. Deviations: directions of unseen classes are drawn once; in that code, in each
/// epoch. The projection's batch norm sees only the views; in that code, the batch as well. Views are augmented like
/// the batch; in that code, the batch by `AutoAugment` and cutout, its views by crops and colour changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbabilisticContrast {
    /// Weight of the term, above 0.
    pub weight: f64,
    /// τ > 0.
    pub temperature: f64,
    /// Length p of a projected feature, 16 or more: below, `log_ratios` is inexact.
    pub dimension: i64,
}

impl ProbabilisticContrast {
    /// Hidden width of the projection, whatever the width of its inputs.
    pub(super) const HIDDEN: i64 = 512;
}

impl Default for ProbabilisticContrast {
    fn default() -> ProbabilisticContrast {
        ProbabilisticContrast {
            weight: 1.0,
            temperature: 0.1,
            dimension: 128,
        }
    }
}

/// Such as `probabilistic contrastive learning (…)`.
impl fmt::Display for ProbabilisticContrast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "probabilistic contrastive learning (weight {}, temperature {}, {} dimensions)",
            self.weight, self.temperature, self.dimension
        )
    }
}

/// Mean over the two views of a batch of the cross-entropy of `log_ratios` + ln π. Views are unit rows `[2b, p]`, all
/// first views before all second ones, labels `[b]` i64, class counts `[k]`. Each view enters the distributions before
/// it is compared with them, the first one before the second (Du et al. 2024 and their code). → scalar.
pub(super) fn probabilistic_contrast(
    views: &Tensor,
    classes: &ClassDistributions,
    labels: &Tensor,
    class_counts: &Tensor,
    temperature: f64,
) -> Tensor {
    let view_loss = |view: &Tensor| {
        classes.add(view, labels);
        let logits = classes.log_ratios(view, temperature) + prior_adjustment(class_counts, 1.0);
        logits.cross_entropy_for_logits(labels)
    };
    let losses: Tensor = views.chunk(2, 0).iter().map(view_loss).sum();
    losses / 2.0
}

/// A von Mises-Fisher distribution of each class's unit views; its mean is over all views of the last epoch and of this
/// one so far. The checkpoint stores all of it.
#[derive(Debug)]
pub(crate) struct ClassDistributions {
    /// Sums of views in the last epoch and in this one, `[2, k, p]`.
    sums: Tensor,
    /// Numbers of views, likewise, `[2, k, 1]`.
    counts: Tensor,
    /// Means of classes without views, `[k, p]`: of length 0.9 in random directions.
    unseen: Tensor,
}

impl ClassDistributions {
    pub(super) fn new(path: &Path, classes: i64, dimension: i64) -> ClassDistributions {
        let random = Tensor::randn([classes, dimension], (path.kind(), path.device()));
        ClassDistributions {
            sums: path.zeros_no_train("sums", &[2, classes, dimension]),
            counts: path.zeros_no_train("counts", &[2, classes, 1]),
            unseen: path.add("unseen", normalized(&random, 1) * 0.9, false),
        }
    }

    /// Drops the last epoch's views and begins a new epoch.
    pub(super) fn begin_epoch(&self) {
        for by_epoch in [&self.sums, &self.counts] {
            let (mut last, mut this) = (by_epoch.get(0), by_epoch.get(1));
            no_grad(|| last.copy_(&this));
            let _ = this.zero_();
        }
    }

    /// Adds unit views `[n, p]` with labels `[n]` to this epoch's.
    fn add(&self, views: &Tensor, labels: &Tensor) {
        no_grad(|| {
            let classes = self.unseen.size()[0];
            let members = one_hot(
                &views.new_empty([views.size()[0], classes], (views.kind(), views.device())),
                labels,
            );
            let mut sums = self.sums.get(1);
            sums += members.tr().matmul(views); // a matrix product always sums in the same order
            let mut counts = self.counts.get(1);
            counts += members.sum_dim_intlist(0_i64, false, None::<Kind>).unsqueeze(1);
        });
    }

    /// Mean directions `[k, p]` and concentrations κ `[k]`: κ = p R / (1 − R²), at most 1e5, where R is the length of
    /// the mean (code of Du et al. 2024; the original estimate, Sra 2012, has p − R² instead of p).
    fn parameters(&self) -> (Tensor, Tensor) {
        let total = |by_epoch: &Tensor| by_epoch.sum_dim_intlist(0_i64, false, None::<Kind>);
        let counts = total(&self.counts); // [k, 1]
        let means = (total(&self.sums) / counts.clamp_min(1.0)).where_self(&counts.gt(0.0), &self.unseen);
        let length = means.norm_scalaropt_dim(2.0, [1_i64], false); // [k]
        let dimension = means.size()[1] as f64;
        let spread = Tensor::clamp_min(&(1.0 - length.square()), 1e-12); // rounding may leave a single view longer than 1
        (normalized(&means, 1), (length * dimension / spread).clamp_max(1e5))
    }

    /// ln C(κ_k) − ln C(|κ_k μ_k + z / τ|) for unit views z `[n, p]` and every class k, `[n, k]`, where C(κ) ∝ κ^ν /
    /// I_ν(κ) normalises the density, ν = p / 2 − 1, and I_ν the modified Bessel function (Du et al. 2024).
    ///
    /// Deviation: I_ν is computed by its uniform expansion for large ν, to the third order (DLMF 10.41.3); their code
    /// takes 2ν steps of a recurrence in f64. The expansion gives ln C(κ) = −s + ν ln (ν + s) + ½ ln s − ln (1 + …), s²
    /// = ν² + κ², whose difference between two κ needs only f32 and no tensor `[n, k, p]`.
    fn log_ratios(&self, views: &Tensor, temperature: f64) -> Tensor {
        let (directions, concentrations) = no_grad(|| self.parameters());
        let order = directions.size()[1] as f64 / 2.0 - 1.0; // ν
        let cosines = views.matmul(&directions.tr()); // [n, k]
        let growth = cosines * &concentrations * (2.0 / temperature) + temperature.powi(-2); // of κ², so of s²
        let class_root = (concentrations.square() + order * order).sqrt(); // s, [k]
        let joint = (class_root.square() + &growth).sqrt(); // [n, k]
        let longer = growth / (&joint + &class_root); // s of both − s of the class, without cancellation
        let logarithms = (&longer / (&class_root + order)).log1p() * order + (&longer / &class_root).log1p() * 0.5;
        longer - logarithms + log_correction(&joint, order) - log_correction(&class_root, order)
    }
}

/// ln (1 + u₁(t) / ν + u₂(t) / ν² + u₃(t) / ν³), t = ν / s (DLMF 10.41.10).
fn log_correction(s: &Tensor, order: f64) -> Tensor {
    let inverse: Tensor = s.reciprocal();
    let t: Tensor = (&inverse * order).square();
    let first: Tensor = (3.0 - &t * 5.0) / 24.0;
    let second: Tensor = (81.0 - &t * (462.0 - &t * 385.0)) / 1152.0;
    let third: Tensor = (30375.0 - &t * (369_603.0 - &t * (765_765.0 - &t * 425_425.0))) / 414_720.0;
    (&inverse * (first + &inverse * (second + &inverse * third))).log1p()
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use tch::nn::VarStore;

    use super::*;
    use crate::conformance::{check_with_gradients, compare_within, leaf};

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn distributions(classes: i64, dimension: i64) -> ClassDistributions {
        let mut store = VarStore::new(Device::Cpu);
        let distributions = ClassDistributions::new(&store.root(), classes, dimension);
        store.double();
        distributions
    }

    /// ln (I_ν(κ) / κ^ν) by the power series, up to a constant.
    fn by_the_series(order: f64, kappa: f64) -> f64 {
        let (mut log_term, mut log_sum) = (0.0_f64, 0.0_f64);
        for m in 1..60_000 {
            log_term += (kappa * kappa / 4.0).ln() - (f64::from(m) * (f64::from(m) + order)).ln();
            let (low, high) = (log_term.min(log_sum), log_term.max(log_sum));
            log_sum = high + (low - high).exp().ln_1p();
            if log_term < log_sum - 45.0 && f64::from(m) > kappa {
                break;
            }
        }
        log_sum
    }

    #[test]
    fn the_expansion_matches_the_bessel_function_at_all_concentrations() {
        for (dimension, tolerance) in [(128, 1e-8), (16, 1e-6)] {
            let classes = distributions(3, dimension);
            tch::manual_seed(2);
            let unit = |rows| normalized(&Tensor::randn([rows, dimension], DOUBLE), 1);
            let (towards, views) = (unit(3), unit(5));
            let lengths = Tensor::from_slice(&[0.0, 0.6, 0.999]).unsqueeze(1); // κ 0 to 64,000 at 128 dimensions
            no_grad(|| classes.sums.get(1).copy_(&(&towards * lengths)));
            let _ = classes.counts.get(1).fill_(1.0);
            let (directions, concentrations) = classes.parameters();
            let found = classes.log_ratios(&views, 0.1);
            let order = dimension as f64 / 2.0 - 1.0;
            for view in 0..5 {
                for class in 0..3 {
                    let kappa = concentrations.double_value(&[class]);
                    let sum = directions.get(class) * kappa + views.get(view) / 0.1;
                    let joint = sum.norm().double_value(&[]);
                    let expected = by_the_series(order, joint) - by_the_series(order, kappa);
                    let found = found.double_value(&[view, class]);
                    assert!(
                        (found - expected).abs() < tolerance * (1.0 + expected.abs()),
                        "{dimension} dimensions, κ {kappa}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn single_precision_is_enough_for_the_narrowest_class() {
        let classes = distributions(1, 128);
        let direction = Tensor::ones([128], DOUBLE) / 128_f64.sqrt();
        no_grad(|| classes.sums.get(1).get(0).copy_(&direction));
        let _ = classes.counts.get(1).fill_(1.0); // one view: κ = 1e5
        tch::manual_seed(3);
        let views = normalized(&(Tensor::randn([6, 128], DOUBLE) * 0.3 + direction), 1);
        let precise = classes.log_ratios(&views, 0.1);
        let in_float = ClassDistributions {
            sums: classes.sums.to_kind(Kind::Float),
            counts: classes.counts.to_kind(Kind::Float),
            unseen: classes.unseen.to_kind(Kind::Float),
        };
        let rounded = in_float.log_ratios(&views.to_kind(Kind::Float), 0.1);
        let difference = (rounded.to_kind(Kind::Double) - precise).abs().max().double_value(&[]);
        assert!(difference < 1e-4, "{difference}");
    }

    #[test]
    fn a_class_has_the_views_of_the_last_epoch_and_of_this_one() {
        let classes = distributions(3, 16);
        let axis = |index: i64| Tensor::eye(16, DOUBLE).narrow(0, index, 1);
        let label = |class: i64| Tensor::from_slice(&[class]);
        let mean = |class: i64| {
            let (directions, _) = classes.parameters();
            directions.get(class)
        };
        let is = |found: Tensor, expected: Tensor| found.allclose(&expected.view([-1]), 1e-6, 1e-6, false);
        classes.add(&axis(0), &label(0));
        classes.begin_epoch();
        classes.add(&axis(1), &label(0));
        classes.add(&axis(2), &label(1));
        assert!(is(mean(0), normalized(&(axis(0) + axis(1)), 1)));
        assert!(is(mean(1), axis(2)));
        assert!(is(mean(2), classes.unseen.get(2) / 0.9), "no view of it was seen");
        classes.begin_epoch();
        classes.add(&axis(5), &label(0));
        assert!(
            is(mean(0), normalized(&(axis(1) + axis(5)), 1)),
            "the first epoch is forgotten"
        );
    }

    #[test]
    fn a_view_is_pulled_to_its_class_and_classes_get_no_gradient() {
        tch::manual_seed(4);
        let classes = distributions(3, 16);
        let views = normalized(&Tensor::randn([3, 16], DOUBLE), 1).set_requires_grad(true);
        let labels = Tensor::from_slice(&[0_i64, 1, 2]);
        classes.add(&views, &labels);
        assert!(!classes.sums.requires_grad());
        let value = |views: &Tensor| classes.log_ratios(views, 0.1).cross_entropy_for_logits(&labels);
        let before = value(&views);
        before.backward();
        let after = no_grad(|| value(&(&views - views.grad() * 1e-3)));
        assert!(after.double_value(&[]) < before.double_value(&[]));
    }

    #[test]
    fn the_term_conforms_over_epochs_view_by_view() {
        // The expansion of the Bessel function is of the third order: 1e-6 at 20 dimensions.
        compare_within("proco", [1e-5, 1e-6], |comparison| {
            let fixture = comparison.fixture;
            let [classes, dimension] = fixture.input("unseen").size()[..] else {
                panic!("means are [k, p]")
            };
            let classes = distributions(classes, dimension);
            no_grad(|| classes.unseen.shallow_clone().copy_(fixture.input("unseen")));
            for step in 0..fixture.hyper("steps") as i64 {
                if step % fixture.hyper("per_epoch") as i64 == 0 {
                    classes.begin_epoch();
                }
                let (first, second) = (
                    leaf(fixture, &format!("first{step}")),
                    leaf(fixture, &format!("second{step}")),
                );
                let value = probabilistic_contrast(
                    &normalized(&Tensor::cat(&[&first, &second], 0), 1),
                    &classes,
                    fixture.input(&format!("labels{step}")),
                    fixture.input("counts"),
                    fixture.hyper("temperature"),
                );
                let leaves = [("first", &first), ("second", &second)];
                check_with_gradients(comparison, &format!("step{step}."), &value, &leaves);
            }
        });
    }
}
