//! Influence-balanced loss: samples with the most influence on the decision boundary count less.

use tch::{Kind, Reduction, Tensor};

use super::input::{LossInput, one_hot};

/// [`crate::Loss::InfluenceBalanced`] from its start epoch on, a scalar.
pub(super) fn influence_balanced(batch: &LossInput<'_>, alpha: f64) -> Tensor {
    let weights = batch.class_weights;
    let losses = batch
        .logits
        .cross_entropy_loss(batch.labels, weights, Reduction::None, -100, 0.0); // [b], weights included
    let errors = batch.logits.softmax(1, None::<Kind>) - one_hot(batch.logits, batch.labels);
    let influence = length(&errors) * length(batch.features); // L1 norm of the gradient at the classifier's weights
    (losses * alpha / (influence + 1e-3)).mean(None::<Kind>)
}

/// L1 norm of each row, `[b, …]` → `[b]`.
fn length(rows: &Tensor) -> Tensor {
    rows.abs().sum_dim_intlist(1, false, None::<Kind>)
}
