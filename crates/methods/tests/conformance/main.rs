//! Conformance of methods with their papers and the authors' public code, point by point in `docs/conformance.md`: values
//! and gradients of `tests/fixtures/conformance`, which `scripts/conformance` derives without this workspace.

mod augmentation;
mod backbones;
mod comparison;
mod contrast;
mod experts;
mod losses;
mod second_stages;
mod transfer;

use methods::LossInput;
use tch::Tensor;

use comparison::{check_with_gradients, compare, fixture, leaf};

/// A batch without class weights in epoch 0, for losses that need no features.
fn batch<'a>(logits: &'a Tensor, labels: &'a Tensor, class_counts: &'a Tensor) -> LossInput<'a> {
    LossInput {
        logits,
        labels,
        features: logits,
        class_counts,
        class_weights: None,
        labels_seen: None,
        epoch: 0,
    }
}
