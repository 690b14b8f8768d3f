//! The input of a loss.

use tch::Tensor;

/// A batch as a loss sees it: b samples, k classes, d features.
#[derive(Clone, Copy, Debug)]
pub struct LossInput<'a> {
    /// `[b, k]`; for [`crate::Experts`] `[b, e, k]`.
    pub logits: &'a Tensor,
    /// `[b]` i64.
    pub labels: &'a Tensor,
    /// The features that the logits were computed from, `[b, d]`; for [`crate::Experts`] `[b, e, d]`.
    pub features: &'a Tensor,
    /// Samples of each class in the training split, `[k]` in the kind of the logits.
    pub class_counts: &'a Tensor,
    /// Class weights of the epoch, `[k]`; `None` if all are 1.
    pub class_weights: Option<&'a Tensor>,
    /// How often each class was a label so far, including this batch, `[k]`; for losses that [count
    /// labels](super::Loss::counts_labels).
    pub labels_seen: Option<&'a Tensor>,
    /// 0-based.
    pub epoch: i64,
}

/// 1 at a sample's label, else 0: labels `[b]` → `[b, k]` in the kind and shape of the logits. (libtorch's `one_hot`
/// first reads the largest label on the host.)
pub(crate) fn one_hot(logits: &Tensor, labels: &Tensor) -> Tensor {
    logits.detach().zeros_like().scatter_value(1, &labels.unsqueeze(1), 1.0)
}

/// The weight w_y of each sample, `[b]`; `None` if all classes have weight 1.
pub(super) fn sample_weights(batch: &LossInput<'_>) -> Option<Tensor> {
    batch.class_weights.map(|weights| weights.index_select(0, batch.labels))
}
