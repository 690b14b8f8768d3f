//! Binary cross-entropies of the softmax's probabilities.

use tch::{Kind, Tensor};

use super::focal::mean_of_terms;
use super::input::{LossInput, one_hot};

/// Upper bound on the probability of a class other than the label: ln (1 − p) has no finite gradient at 1.
const LARGEST_PROBABILITY: f64 = 1.0 - 1e-7;

/// [`crate::Loss::SoftmaxBinaryCrossEntropy`], a scalar.
pub(super) fn softmax_binary_cross_entropy(batch: &LossInput<'_>) -> Tensor {
    let log_probabilities = batch.logits.log_softmax(1, None::<Kind>); // [b, k]
    let own = one_hot(batch.logits, batch.labels);
    let others = (-log_probabilities.exp().clamp_max(LARGEST_PROBABILITY)).log1p();
    let log_likelihoods: Tensor = &own * log_probabilities + (1.0 - &own) * others;
    -mean_of_terms(batch, &log_likelihoods) / batch.logits.size()[1]
}
