//! The within-class term (NC1): features are drawn to the centre of their class.

use tch::{Kind, Tensor};

use crate::{AbsentClasses, WithinClass};

/// The bounds of a class's share of the term in the public code. The floor is what an absent class adds there.
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
