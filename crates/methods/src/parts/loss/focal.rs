//! Focal losses: samples that are already classified correctly count less.

use tch::{Kind, Reduction, Tensor};

use super::input::{LossInput, one_hot, sample_weights};

/// Lower bound on a sample's error: a power below 1 has no finite gradient at 0.
const LEAST_ERROR: f64 = 1e-12;

/// [`crate::Loss::Focal`], a scalar.
pub(super) fn focal(batch: &LossInput<'_>, gamma: f64) -> Tensor {
    let weights = batch.class_weights;
    let losses = batch
        .logits
        .cross_entropy_loss(batch.labels, weights, Reduction::None, -100, 0.0); // [b], weights included
    let error = (-(-&losses).expm1()).clamp_min(LEAST_ERROR); // 1 − e^(−l), without cancellation at small l
    (error.pow_tensor_scalar(gamma) * losses).mean(None::<Kind>)
}

/// [`crate::Loss::SigmoidFocal`], a scalar.
pub(super) fn sigmoid_focal(batch: &LossInput<'_>, gamma: f64) -> Tensor {
    let evidence = batch.logits * (one_hot(batch.logits, batch.labels) * 2.0 - 1.0); // [b, k], negative where wrong
    let error = (-&evidence).sigmoid().clamp_min(LEAST_ERROR);
    let terms = error.pow_tensor_scalar(gamma) * -evidence.log_sigmoid();
    mean_of_terms(batch, &terms)
}

/// Mean over samples of the sum of a sample's binary terms `[b, k]`, times its class's weight: scalar.
pub(super) fn mean_of_terms(batch: &LossInput<'_>, terms: &Tensor) -> Tensor {
    let losses = terms.sum_dim_intlist(1, false, None::<Kind>);
    match sample_weights(batch) {
        None => losses.mean(None::<Kind>),
        Some(weights) => (losses * weights).mean(None::<Kind>),
    }
}
