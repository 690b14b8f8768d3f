//! Seesaw loss: its shift of the logits.

use tch::{Kind, Tensor};

use super::input::LossInput;

/// ln(M_yj · C_yj) of [`crate::Loss::Seesaw`], `[b, k]`, 0 at the label itself and without gradient.
pub(super) fn seesaw_shift(batch: &LossInput<'_>, mitigation: f64, compensation: f64, least: f64) -> Tensor {
    let seen = batch.labels_seen.expect("a model counts labels if its loss needs them");
    let seen = seen.clamp_min(1.0).log(); // [k]; a class never seen counts as seen once
    let seen_less = &seen - seen.index_select(0, batch.labels).unsqueeze(1); // ln(N_j / N_y), [b, k]
    let scores = batch.logits.detach().log_softmax(1, None::<Kind>);
    let own = scores
        .gather(1, &batch.labels.unsqueeze(1), false)
        .clamp_min(least.ln());
    let outscores = scores - own; // ln(p_j / p_y), [b, k]
    seen_less.clamp_max(0.0) * mitigation + outscores.clamp_min(0.0) * compensation
}
