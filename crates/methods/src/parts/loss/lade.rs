//! Label-distribution disentangling (LADE): its regularizer.

use tch::{Kind, Tensor};

use super::input::{LossInput, one_hot};
use super::prior_adjustment;

/// −Σ_k π_k (A_k − B_k − λ B_k²), a scalar (Hong et al. 2021): A_k is the mean logit z_k over the batch's samples of
/// class k, 0 if there are none; B_k is the logarithm of the mean over the batch of exp(z_k) (1/k) / π_k.
pub(super) fn label_distribution_distance(batch: &LossInput<'_>, lambda: f64) -> Tensor {
    let [samples, classes] = batch.logits.size()[..] else {
        panic!("logits are [b, k]: {:?}", batch.logits.size())
    };
    let sum = |tensor: &Tensor| tensor.sum_dim_intlist(0, false, None::<Kind>);
    let one_hot = one_hot(batch.logits, batch.labels);
    let own = sum(&(batch.logits * &one_hot)) / sum(&one_hot).clamp_min(1.0); // A, [k]
    let log_priors = prior_adjustment(batch.class_counts, 1.0);
    let spread = (batch.logits - &log_priors - (classes as f64).ln()).logsumexp(0, false) - (samples as f64).ln(); // B, [k]
    let bound = own - &spread - spread.square() * lambda;
    -(log_priors.exp() * bound).sum(None::<Kind>)
}
