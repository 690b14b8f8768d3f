//! The within-class term (NC1): it pulls features to the centre of their class.

use tch::{Kind, Tensor};

use crate::{AbsentClasses, WithinClass};

/// Bounds on a class's share of the term in the public code. An absent class adds the floor.
const FLOOR: f64 = 1e-12;
const CEILING: f64 = 1e12;

/// Within-class distance of a batch to the centres (Liu et al. 2023, Eq. 13, and its variants; see [`WithinClass`]).
///
/// Shapes: features `[b, d]`, labels `[b]` in `0..k`, centres `[k, d]` → scalar, of the centres' kind. Gradients flow
/// to features and centres. Nothing larger than `[b, d]` is allocated, and nothing is copied to the host.
///
/// Sources: `NC1Loss` and `NC1Loss_1` of `Pepper-lll/NCfeature`, including their `n_k + 1e-10` and `n_k + 1e-5` and
/// the bounds 1e-12 and 1e12 of a class's share. Deviation: distances are sums of squared differences rather than
/// `‖h‖² + ‖c‖² − 2 h·c`, which can come out negative.
pub fn within_class(
    features: &Tensor,
    labels: &Tensor,
    centres: &Tensor,
    form: WithinClass,
    absent_classes: AbsentClasses,
) -> Tensor {
    let features = features.to_kind(centres.kind());
    let differences = features - centres.index_select(0, labels); // [b, d]
    let distances = differences.square().sum_dim_intlist(-1, false, None::<Kind>); // [b]
    let (count_offset, count_power) = match form {
        WithinClass::CenterLoss => return distances.clamp(FLOOR, CEILING).mean(None::<Kind>),
        WithinClass::MeanOverClasses | WithinClass::SumOverClasses => (1e-10, 1.0),
        WithinClass::SquaredCounts => (1e-5, 2.0),
    };
    let zeros = Tensor::zeros(centres.size()[0], (centres.kind(), centres.device())); // [k]
    let counts = zeros.index_add(0, labels, &distances.ones_like());
    let shares = zeros.index_add(0, labels, &distances) / (&counts + count_offset).pow_tensor_scalar(count_power);
    let shares = shares.clamp(FLOOR, CEILING); // [k]
    let total = match absent_classes {
        AbsentClasses::CountAsZero => shares.sum(None::<Kind>),
        AbsentClasses::Excluded => (shares * counts.gt(0.0)).sum(None::<Kind>),
    };
    match (form, absent_classes) {
        (WithinClass::SumOverClasses, _) => total,
        (_, AbsentClasses::CountAsZero) => total / centres.size()[0] as f64,
        (_, AbsentClasses::Excluded) => total / counts.gt(0.0).sum(centres.kind()).clamp_min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::simplex_etf;

    const FORMS: [WithinClass; 4] = [
        WithinClass::MeanOverClasses,
        WithinClass::SumOverClasses,
        WithinClass::SquaredCounts,
        WithinClass::CenterLoss,
    ];

    /// Four samples at squared distances 1, 9, 4, 16 from the centres of their classes 0, 0, 2, 2; class 1 is absent.
    fn batch() -> (Tensor, Tensor, Tensor) {
        let centres = Tensor::from_slice2(&[[0.0_f64, 0.0], [5.0, 5.0], [1.0, 0.0]]);
        let features = Tensor::from_slice2(&[[1.0_f64, 0.0], [0.0, 3.0], [3.0, 0.0], [1.0, 4.0]]);
        (features, Tensor::from_slice(&[0_i64, 0, 2, 2]), centres)
    }

    fn value(form: WithinClass, absent_classes: AbsentClasses) -> f64 {
        let (features, labels, centres) = batch();
        within_class(&features, &labels, &centres, form, absent_classes).double_value(&[])
    }

    fn gradients(features: &Tensor, labels: &Tensor, centres: &Tensor, form: WithinClass) -> (f64, Tensor, Tensor) {
        let features = features.detach().set_requires_grad(true);
        let centres = centres.detach().set_requires_grad(true);
        let loss = within_class(&features, labels, &centres, form, AbsentClasses::CountAsZero);
        loss.backward();
        (loss.double_value(&[]), features.grad(), centres.grad())
    }

    #[test]
    fn each_form_is_its_formula() {
        use AbsentClasses::CountAsZero;
        assert!((value(WithinClass::MeanOverClasses, CountAsZero) - (5.0 + 10.0) / 3.0).abs() < 1e-8);
        assert!((value(WithinClass::SumOverClasses, CountAsZero) - (5.0 + 10.0)).abs() < 1e-8);
        assert!((value(WithinClass::SquaredCounts, CountAsZero) - (2.5 + 5.0) / 3.0).abs() < 1e-4);
        assert!((value(WithinClass::CenterLoss, CountAsZero) - 30.0 / 4.0).abs() < 1e-8);
    }

    #[test]
    fn an_absent_class_dilutes_the_mean_unless_it_is_excluded() {
        use AbsentClasses::Excluded;
        assert!((value(WithinClass::MeanOverClasses, Excluded) - 7.5).abs() < 1e-8);
        assert!((value(WithinClass::SquaredCounts, Excluded) - 3.75).abs() < 1e-4);
        assert!((value(WithinClass::SumOverClasses, Excluded) - (5.0 + 10.0)).abs() < 1e-8);
    }

    #[test]
    fn an_absent_class_has_no_gradient_and_a_present_one_is_pulled_to_its_batch_mean() {
        let (features, labels, centres) = batch();
        let (_, _, gradient) = gradients(&features, &labels, &centres, WithinClass::MeanOverClasses);
        let batch_means = Tensor::from_slice2(&[[0.5_f64, 1.5], [5.0, 5.0], [2.0, 2.0]]);
        let expected = (centres - batch_means) * (2.0 / 3.0);
        assert!((gradient - expected).abs().max().double_value(&[]) < 1e-8);
    }

    #[test]
    fn rotating_space_changes_nothing_and_scaling_it_scales_by_the_square() {
        let (features, labels, centres) = batch();
        let turn = simplex_etf(2, 2, Kind::Double, Device::Cpu).expect("2 is at most 3"); // rows v and -v
        let turn = Tensor::stack(
            &[
                turn.get(0),
                Tensor::stack(&[-turn.get(0).get(1), turn.get(0).get(0)], 0),
            ],
            0,
        );
        for form in FORMS {
            let base = gradients(&features, &labels, &centres, form).0;
            let turned = gradients(&features.matmul(&turn), &labels, &centres.matmul(&turn), form).0;
            let scaled = gradients(&(&features * 3.0), &labels, &(&centres * 3.0), form).0;
            assert!((turned / base - 1.0).abs() < 1e-12);
            assert!((scaled / base - 9.0).abs() < 1e-11);
        }
    }

    #[test]
    fn huge_and_tiny_features_have_finite_values_and_gradients() {
        let (features, labels, centres) = batch();
        for form in FORMS {
            for scale in [1e-38, 1e-30, 1e10, 1e30, 3e37] {
                let features = (&features * scale).to_kind(Kind::Float);
                for centres in [&centres * scale, centres.copy(), centres.zeros_like()] {
                    let (loss, features, centres) = gradients(&features, &labels, &centres.to_kind(Kind::Float), form);
                    assert!(loss.is_finite() && loss >= 0.0, "{form:?} at {scale}: {loss}");
                    assert_eq!(features.isfinite().all().int64_value(&[]), 1, "{form:?} at {scale}");
                    assert_eq!(centres.isfinite().all().int64_value(&[]), 1, "{form:?} at {scale}");
                }
            }
        }
    }

    #[test]
    fn features_of_lower_precision_are_compared_in_the_precision_of_the_centres() {
        let (features, labels, centres) = batch();
        let features = features.to_kind(Kind::BFloat16); // all entries are exact in it
        let form = WithinClass::MeanOverClasses;
        let loss = within_class(&features, &labels, &centres, form, AbsentClasses::CountAsZero);
        assert_eq!(loss.kind(), Kind::Double);
        assert!((loss.double_value(&[]) - 5.0).abs() < 1e-8);
    }
}
