//! Equalization losses: samples of other classes do not push rare classes down.

use tch::{Kind, Tensor};

use super::focal::mean_of_terms;
use super::input::{LossInput, one_hot};

/// Logits `[b, k]` whose cross-entropy is the softmax equalization loss (Tan et al. 2020). A class is dropped from the
/// denominator, with logit −∞, if it is not the label, has less than `rare_share` of the training samples and its
/// uniform draw in `draws` `[b, k]` is below `probability`.
pub fn equalized_logits(batch: &LossInput<'_>, rare_share: f64, probability: f64, draws: &Tensor) -> Tensor {
    let counts = batch.class_counts;
    let rare = (counts / counts.sum(None::<Kind>)).lt(rare_share); // [k]
    let leaving = rare.logical_and(&draws.lt(probability)); // [b, k]
    batch
        .logits
        .masked_fill(&other_classes(batch).logical_and(&leaving), f64::NEG_INFINITY)
}

/// [`crate::Loss::SigmoidEqualization`], a scalar.
pub(super) fn sigmoid_equalization(batch: &LossInput<'_>, rare_count: i64) -> Tensor {
    let evidence = batch.logits * (one_hot(batch.logits, batch.labels) * 2.0 - 1.0);
    let left_out = other_classes(batch).logical_and(&batch.class_counts.lt(rare_count));
    mean_of_terms(batch, &(-evidence.log_sigmoid()).masked_fill(&left_out, 0.0))
}

/// Whether each class is not the sample's label, `[b, k]` bool.
fn other_classes(batch: &LossInput<'_>) -> Tensor {
    one_hot(batch.logits, batch.labels).logical_not()
}
