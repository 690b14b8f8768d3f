//! KCL: contrast in which every anchor has the same number of positives.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::negative_log_likelihood;
use crate::words::count;

/// K-positive contrastive learning (Kang et al. 2021): `k_positive_contrast` alone trains the features. The loss trains
/// the classifier, and its gradient stops at the features; a second stage `crt` then retrains the classifier.
///
/// Defaults: the authors' code on ImageNet-LT. Deviations: keys are the batch and a second view of it, all with
/// gradient; that code has a queue of 65,536 keys from a momentum encoder, for which batches of 128 are no substitute.
/// The projection has a hidden layer. Views are augmented like any batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KPositiveContrast {
    /// k ≥ 0: positives of an anchor beside its own other view; 0 is contrast without labels.
    pub positives: i64,
    /// τ > 0.
    pub temperature: f64,
    /// Length p of a projected feature.
    pub dimension: i64,
}

impl Default for KPositiveContrast {
    fn default() -> KPositiveContrast {
        KPositiveContrast {
            positives: 6,
            temperature: 0.07,
            dimension: 128,
        }
    }
}

/// Such as `features by k-positive contrastive learning alone (…)`.
impl fmt::Display for KPositiveContrast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "features by k-positive contrastive learning alone ({}, temperature {}, {} dimensions)",
            count(self.positives, "positive"),
            self.temperature,
            self.dimension
        )
    }
}

/// −mean_i mean_{p ∈ P(i)} ln( exp(s_ip / τ) / Σ_{a ≠ i} exp(s_ia / τ) ), where s are the inner products of unit views
/// `[2b, p]`, all first views before all second ones, with labels `[2b]` i64, and P(i) are the other view of i's image
/// and `positives` views of other images of its class, drawn without replacement, or all if there are no more (Kang et
/// al. 2021; drawn as in the code of Li et al. 2022). So frequent and rare classes pull equally. Draws from libtorch's
/// generator. → scalar.
pub(super) fn k_positive_contrast(views: &Tensor, labels: &Tensor, positives: i64, temperature: f64) -> Tensor {
    let samples = views.size()[0];
    let itself = Tensor::eye_m(samples, samples, (Kind::Bool, views.device()));
    let other_view = itself.roll([samples / 2], [1]);
    let same_class = labels.unsqueeze(1).eq_tensor(labels);
    let same_class = same_class.logical_and(&itself.logical_or(&other_view).logical_not());
    // The largest of uniform numbers are a draw without replacement. Views that may not be drawn come last, below 0.
    let tickets =
        Tensor::rand([samples, samples], (views.kind(), views.device())).masked_fill(&same_class.logical_not(), -1.0);
    let (tickets, drawn) = tickets.topk(positives.min(samples), 1, true, true);
    let is_positive = tickets.ge(0.0).to_kind(views.kind());
    let weights = other_view.to_kind(views.kind()).scatter_add(1, &drawn, &is_positive);

    let similarity = views.matmul(&views.tr()) / temperature;
    let log_shares = similarity
        .masked_fill(&itself, f64::NEG_INFINITY)
        .log_softmax(1, None::<Kind>);
    negative_log_likelihood(&log_shares, &weights)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Five images in two views each, of classes 0, 0, 0, 1 and 2; every pair by its share, `[10, 10]`.
    fn views_and_labels() -> (Tensor, Tensor, Tensor) {
        tch::manual_seed(6);
        let views = crate::unit::normalized(&Tensor::randn([10, 3], (Kind::Double, Device::Cpu)), 1);
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 1, 2]).repeat([2]);
        let exponentials =
            (views.matmul(&views.tr()) / 0.2).exp() * (1.0_f64 - Tensor::eye(10, (Kind::Double, Device::Cpu)));
        let shares = &exponentials / exponentials.sum_dim_intlist(1_i64, true, None::<Kind>);
        (views, labels, shares)
    }

    fn value(views: &Tensor, labels: &Tensor, positives: i64) -> f64 {
        k_positive_contrast(views, labels, positives, 0.2).double_value(&[])
    }

    #[test]
    fn without_positives_an_image_is_contrasted_with_all_others() {
        let (views, labels, shares) = views_and_labels();
        let surprises = (0..10_i64).map(|view| -shares.double_value(&[view, (view + 5) % 10]).ln());
        let expected: f64 = surprises.sum::<f64>() / 10.0;
        assert!((value(&views, &labels, 0) - expected).abs() < 1e-12);
    }

    #[test]
    fn with_all_positives_the_term_is_supervised_contrast() {
        let (views, labels, shares) = views_and_labels();
        let view_loss = |view: i64| {
            let same_class = |key: &i64| labels.int64_value(&[*key]) == labels.int64_value(&[view]);
            let positives: Vec<i64> = (0..10).filter(|&key| key != view).filter(same_class).collect();
            let surprises = positives.iter().map(|&key| -shares.double_value(&[view, key]).ln());
            surprises.sum::<f64>() / positives.len() as f64
        };
        let expected = (0..10).map(view_loss).sum::<f64>() / 10.0;
        assert!((value(&views, &labels, 4) - expected).abs() < 1e-12);
        assert!((value(&views, &labels, 100) - expected).abs() < 1e-12);
    }

    #[test]
    fn draws_choose_different_positives_only_in_large_classes() {
        let (views, labels, _) = views_and_labels();
        let draws: Vec<f64> = (0..8).map(|_| value(&views, &labels, 2)).collect();
        assert!(draws.iter().any(|&draw| (draw - draws[0]).abs() > 1e-6), "{draws:?}");
        let apart = Tensor::arange(5, (Kind::Int64, Device::Cpu)).repeat([2]);
        assert!((value(&views, &apart, 2) - value(&views, &apart, 0)).abs() < 1e-12);
    }
}
