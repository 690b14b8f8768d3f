//! Poly-1 loss.

use tch::{Kind, Reduction, Tensor};

use super::input::{LossInput, sample_weights};

/// [`crate::Loss::Poly`], a scalar.
pub(super) fn poly(batch: &LossInput<'_>, epsilon: f64) -> Tensor {
    let cross_entropy = batch
        .logits
        .cross_entropy_loss(batch.labels, None::<Tensor>, Reduction::None, -100, 0.0); // −ln p_y, [b]
    let error = -(-&cross_entropy).expm1(); // 1 − p_y, without cancellation where p_y is near 1
    let losses = cross_entropy + error * epsilon;
    match sample_weights(batch) {
        None => losses.mean(None::<Kind>),
        Some(weights) => (losses * &weights).sum(None::<Kind>) / weights.sum(None::<Kind>),
    }
}
