//! Losses that are special cases of other losses.

use tch::{Device, Kind, Tensor};

use super::{Loss, LossInput, SmoothingShape, label_aware_smoothing};
use crate::parts::reweight::Reweight;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// The input of a loss: 24 samples, 4 classes, 3 features.
struct Batch {
    logits: Tensor,
    labels: Tensor,
    features: Tensor,
    class_counts: Tensor,
}

impl Batch {
    fn drawn(class_counts: &[f64]) -> Batch {
        tch::manual_seed(11);
        Batch {
            logits: Tensor::randn([24, 4], DOUBLE) * 2.0,
            labels: Tensor::randint(4, [24], (Kind::Int64, Device::Cpu)),
            features: Tensor::randn([24, 3], DOUBLE), // of both signs
            class_counts: Tensor::from_slice(class_counts),
        }
    }

    fn long_tailed() -> Batch {
        Batch::drawn(&[900.0, 300.0, 100.0, 9.0])
    }

    /// The loss, followed by its gradient at every logit.
    fn value_and_gradient(&self, loss: Loss, class_weights: Option<&Tensor>) -> Tensor {
        let logits = self.logits.copy().set_requires_grad(true);
        let value = loss.forward(&LossInput {
            logits: &logits,
            labels: &self.labels,
            features: &self.features,
            class_counts: &self.class_counts,
            class_weights,
            labels_seen: Some(&self.class_counts),
            epoch: 7,
        });
        value.backward();
        Tensor::cat(&[value.detach().view([1]), logits.grad().view([-1])], 0)
    }

    fn assert_same(&self, left: Loss, right: Loss) {
        let weights = Tensor::from_slice(&[0.5, 0.7, 1.0, 1.8]);
        for weights in [None, Some(&weights)] {
            let [left_value, right_value] = [left, right].map(|loss| self.value_and_gradient(loss, weights));
            assert!(
                left_value.allclose(&right_value, 1e-9, 1e-12, false),
                "{left:?} is not {right:?} with weights {weights:?}"
            );
        }
    }

    fn assert_differ(&self, left: Loss, right: Loss) {
        let [left_value, right_value] = [left, right].map(|loss| self.value_and_gradient(loss, None));
        assert!(
            !left_value.allclose(&right_value, 1e-3, 1e-6, false),
            "{left:?} is {right:?}"
        );
    }
}

#[test]
fn a_loss_whose_strength_is_zero_is_cross_entropy() {
    let batch = Batch::long_tailed();
    let (gamma, tau, start_epoch) = (0.0, 0.0, 8);
    for loss in [
        Loss::LabelSmoothing { smoothing: 0.0 },
        Loss::Ldam {
            max_margin: 0.0,
            scale: 1.0,
        },
        Loss::LogitAdjustment { tau },
        Loss::ClassDependentTemperatures { gamma },
        Loss::VectorScaling { gamma, tau },
        Loss::Equalization {
            rare_share: 0.0,
            probability: 1.0,
        },
        Loss::Equalization {
            rare_share: 1.0,
            probability: 0.0,
        },
        Loss::Seesaw {
            mitigation: 0.0,
            compensation: 0.0,
            least_probability: 0.01,
        },
        Loss::InfluenceBalanced {
            alpha: 1000.0,
            start_epoch,
        },
    ] {
        batch.assert_same(loss, Loss::CrossEntropy);
    }
}

#[test]
fn focal_loss_of_gamma_zero_is_cross_entropy_averaged_plainly() {
    let batch = Batch::long_tailed();
    let weightless = |loss| batch.value_and_gradient(loss, None);
    let focal = weightless(Loss::Focal { gamma: 0.0 });
    assert!(focal.allclose(&weightless(Loss::CrossEntropy), 1e-9, 1e-12, false));
    let weights = Tensor::full([4], 3.0, DOUBLE); // a weighted mean would cancel them
    let tripled = batch.value_and_gradient(Loss::Focal { gamma: 0.0 }, Some(&weights));
    assert!(tripled.allclose(&(focal * 3.0), 1e-9, 1e-12, false));
}

#[test]
fn sigmoid_losses_without_modulation_are_the_sum_of_binary_cross_entropies() {
    let batch = Batch::long_tailed();
    let no_class_is_rare = Loss::SigmoidEqualization { rare_count: 1 };
    batch.assert_same(Loss::SigmoidFocal { gamma: 0.0 }, no_class_is_rare);
    let targets = batch.labels.one_hot(4).to_kind(Kind::Double);
    let expected =
        batch
            .logits
            .binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None::<&Tensor>, tch::Reduction::Sum)
            / 24.0;
    let got = batch.value_and_gradient(no_class_is_rare, None).get(0);
    assert!(got.allclose(&expected, 1e-9, 0.0, false));
}

#[test]
fn mean_squared_error_is_over_all_entries_and_equal_weights_scale_it() {
    let batch = Batch::long_tailed();
    let weights = Tensor::full([4], 3.0, DOUBLE);
    let [plain, tripled] =
        [None, Some(&weights)].map(|weights| batch.value_and_gradient(Loss::MeanSquaredError, weights));
    let expected = nc::mean_squared_error(&batch.logits, &batch.labels);
    assert!(plain.get(0).allclose(&expected, 1e-9, 0.0, false));
    assert!(tripled.allclose(&(plain * 3.0), 1e-9, 1e-12, false));
}

#[test]
fn balanced_softmax_is_logit_adjustment_with_tau_one() {
    let batch = Batch::long_tailed();
    batch.assert_same(Loss::BalancedSoftmax, Loss::LogitAdjustment { tau: 1.0 });
    let (alpha, lambda) = (0.0, 0.1);
    batch.assert_same(Loss::Lade { alpha, lambda }, Loss::BalancedSoftmax);
}

#[test]
fn vector_scaling_contains_logit_adjustment_and_class_dependent_temperatures() {
    let batch = Batch::long_tailed();
    let (gamma, tau) = (0.3, 1.2);
    batch.assert_same(Loss::VectorScaling { gamma: 0.0, tau }, Loss::LogitAdjustment { tau });
    let cdt = Loss::ClassDependentTemperatures { gamma };
    batch.assert_same(Loss::VectorScaling { gamma, tau: 0.0 }, cdt);
    batch.assert_differ(Loss::VectorScaling { gamma, tau }, cdt);
}

#[test]
fn label_aware_smoothing_with_equal_ends_is_label_smoothing() {
    let batch = Batch::long_tailed();
    let (head, tail) = (0.2, 0.2);
    for shape in [
        SmoothingShape::Concave,
        SmoothingShape::Linear,
        SmoothingShape::Convex,
        SmoothingShape::Power { exponent: 0.5 },
    ] {
        let aware = Loss::LabelAwareSmoothing { head, tail, shape };
        batch.assert_same(aware, Loss::LabelSmoothing { smoothing: 0.2 });
        let smoothing = label_aware_smoothing(&batch.class_counts, 0.4, 0.1, shape);
        let ends = [smoothing.double_value(&[0]), smoothing.double_value(&[3])];
        assert!(
            (ends[0] - 0.4).abs() < 1e-12 && (ends[1] - 0.1).abs() < 1e-12,
            "{ends:?}"
        );
    }
}

#[test]
fn attraction_repulsion_is_balanced_softmax_where_batch_and_split_have_the_same_shares() {
    let labels = Tensor::from_slice(&[0_i64, 0, 0, 0, 1, 1, 1, 2, 2, 3]);
    let drawn = Batch::drawn(&[400.0, 300.0, 200.0, 100.0]);
    let batch = Batch {
        logits: drawn.logits.narrow(0, 0, 10),
        features: drawn.features.narrow(0, 0, 10),
        labels,
        ..drawn
    };
    batch.assert_same(Loss::AttractionRepulsion, Loss::BalancedSoftmax);
}

#[test]
fn influence_balanced_loss_divides_by_the_gradients_length() {
    let batch = Batch::long_tailed();
    let started = Loss::InfluenceBalanced {
        alpha: 10.0,
        start_epoch: 7,
    };
    let losses = batch
        .logits
        .cross_entropy_loss(&batch.labels, None::<&Tensor>, tch::Reduction::None, -100, 0.0);
    let errors = (batch.logits.softmax(1, None) - batch.labels.one_hot(4)).abs();
    let influence =
        errors.sum_dim_intlist(1, false, None::<Kind>) * batch.features.abs().sum_dim_intlist(1, false, None::<Kind>);
    let expected = (losses * 10.0 / (influence + 1e-3)).mean(Kind::Double);
    let got = batch.value_and_gradient(started, None).get(0);
    assert!(got.allclose(&expected, 1e-9, 0.0, false));
}

#[test]
fn lade_is_the_formula_of_its_source() {
    let batch = Batch::long_tailed();
    let (alpha, lambda) = (0.1, 0.01);
    let (mut distance, counts) = (0.0, [900.0, 300.0, 100.0, 9.0]);
    for class in 0..4 {
        let prior = counts[class as usize] / 1309.0;
        let logits: Vec<f64> = Vec::try_from(batch.logits.select(1, class)).unwrap();
        let labels: Vec<i64> = Vec::try_from(&batch.labels).unwrap();
        let own: Vec<f64> = (0..24).filter(|&i| labels[i] == class).map(|i| logits[i]).collect();
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        let spread = (logits.iter().map(|z| z.exp() / prior / 4.0).sum::<f64>() / 24.0).ln();
        distance -= prior * (mean - spread - lambda * spread * spread);
    }
    let adjusted = batch.value_and_gradient(Loss::BalancedSoftmax, None).double_value(&[0]);
    let got = batch
        .value_and_gradient(Loss::Lade { alpha, lambda }, None)
        .double_value(&[0]);
    assert!((got - adjusted - alpha * distance).abs() < 1e-9);
}

#[test]
fn with_equal_class_counts_every_prior_and_every_re_weighting_is_cross_entropy() {
    let batch = Batch::drawn(&[50.0; 4]);
    let (gamma, tau) = (0.3, 1.0);
    for loss in [
        Loss::BalancedSoftmax,
        Loss::LogitAdjustment { tau },
        Loss::ClassDependentTemperatures { gamma },
        Loss::VectorScaling { gamma, tau },
        Loss::Equalization {
            rare_share: 0.2,
            probability: 1.0,
        },
        Loss::Seesaw {
            mitigation: 0.8,
            compensation: 0.0,
            least_probability: 0.01,
        },
    ] {
        batch.assert_same(loss, Loss::CrossEntropy);
    }
    let (power, start_epoch) = (1.0, 0);
    for reweight in [
        Reweight::ClassBalanced {
            beta: 0.9999,
            start_epoch,
        },
        Reweight::InverseFrequency { power, start_epoch },
        Reweight::CostSensitive { power, start_epoch },
    ] {
        let weights = reweight.class_weights(0, &batch.class_counts);
        let [weighted, plain] =
            [weights.as_ref(), None].map(|weights| batch.value_and_gradient(Loss::CrossEntropy, weights));
        assert!(weighted.allclose(&plain, 1e-9, 1e-12, false), "{reweight:?}");
    }
}

#[test]
fn samples_classified_with_certainty_leave_finite_gradients() {
    let logits = Tensor::from_slice2(&[[200.0_f32, -200.0, 0.0, 0.0]]);
    let batch = Batch {
        logits,
        labels: Tensor::from_slice(&[0_i64]),
        features: Tensor::ones([1, 3], (Kind::Float, Device::Cpu)),
        class_counts: Tensor::from_slice(&[900.0_f32, 300.0, 100.0, 9.0]),
    };
    for loss in [
        Loss::Focal { gamma: 0.5 },
        Loss::SigmoidFocal { gamma: 0.5 },
        Loss::SoftmaxBinaryCrossEntropy,
    ] {
        let values = batch.value_and_gradient(loss, None);
        assert!(values.isfinite().all().int64_value(&[]) == 1, "{loss:?}: {values}");
    }
}
