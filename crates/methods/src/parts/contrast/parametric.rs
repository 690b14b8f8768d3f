//! `PaCo`: contrast between views and class centres at once.

use std::fmt;

use crate::parts::loss::one_hot;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::negative_log_likelihood;

/// Parametric contrastive learning (Cui et al. 2021): `parametric_contrast` of logits z + ln π, which replaces the
/// loss.
///
/// Defaults: the settings on CIFAR-100-LT. Deviations: keys are the batch and a second view of it, all with gradient;
/// the public code has a queue of 1024 keys from a momentum encoder. Both views are augmented in the same way. The
/// classifier sees unnormalised features; in that code (except on CIFAR) they have unit length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParametricContrast {
    /// Weight of a view of the same class, above 0, relative to 1 for the class itself (ImageNet-LT 0.05).
    pub alpha: f64,
    /// τ > 0.
    pub temperature: f64,
    /// Length p of a projected feature.
    pub dimension: i64,
}

impl Default for ParametricContrast {
    fn default() -> ParametricContrast {
        ParametricContrast {
            alpha: 0.01,
            temperature: 0.05,
            dimension: 32,
        }
    }
}

/// Such as `parametric contrastive learning (…)`.
impl fmt::Display for ParametricContrast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "parametric contrastive learning (α {}, temperature {}, {} dimensions)",
            self.alpha, self.temperature, self.dimension
        )
    }
}

/// −mean_i Σ_j w_ij ln softmax_j \[z_i, s_i / τ\] / Σ_j w_ij where j are the classes, with logits z `[b, k]`, and all
/// views but i itself, with s, the inner products of unit views `[2b, p]` with labels `[2b]` i64; the first b views are
/// the anchors. w is 1 for i's class, `alpha` for views of it, else 0 (Cui et al. 2021, Eq. 4, and their code). →
/// scalar.
pub(super) fn parametric_contrast(
    logits: &Tensor,
    views: &Tensor,
    labels: &Tensor,
    alpha: f64,
    temperature: f64,
) -> Tensor {
    let anchors = logits.size()[0];
    let anchor_labels = labels.narrow(0, 0, anchors);
    let itself = Tensor::eye_m(anchors, views.size()[0], (Kind::Bool, views.device()));
    let same_class = anchor_labels.unsqueeze(1).eq_tensor(labels);
    let same_class = same_class.logical_and(&itself.logical_not()).to_kind(logits.kind());
    let own_class = one_hot(logits, &anchor_labels);

    let similarity = views.narrow(0, 0, anchors).matmul(&views.tr()) / temperature;
    let similarity = similarity.masked_fill(&itself, f64::NEG_INFINITY);
    let log_shares = Tensor::cat(&[logits, &similarity], 1).log_softmax(1, None::<Kind>);
    negative_log_likelihood(&log_shares, &Tensor::cat(&[own_class, same_class * alpha], 1))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// The formula, anchor by anchor.
    fn by_the_formula(logits: &Tensor, views: &Tensor, labels: &[i64], alpha: f64, temperature: f64) -> f64 {
        let (anchors, classes) = logits.size2().unwrap();
        let similarity = views.matmul(&views.tr()) / temperature;
        let anchor_loss = |anchor: i64| {
            let label = labels[anchor as usize];
            let others = (0..labels.len() as i64).filter(|&key| key != anchor);
            let class_scores = (0..classes).map(|class| {
                let weight = if class == label { 1.0 } else { 0.0 };
                (logits.double_value(&[anchor, class]), weight)
            });
            let view_scores = others.map(|key| {
                let weight = if labels[key as usize] == label { alpha } else { 0.0 };
                (similarity.double_value(&[anchor, key]), weight)
            });
            let scores: Vec<(f64, f64)> = class_scores.chain(view_scores).collect();
            let denominator: f64 = scores.iter().map(|(score, _)| score.exp()).sum();
            let total: f64 = scores.iter().map(|(_, weight)| weight).sum();
            let surprises = scores.iter().map(|(score, weight)| weight * (denominator.ln() - score));
            surprises.sum::<f64>() / total
        };
        (0..anchors).map(anchor_loss).sum::<f64>() / anchors as f64
    }

    #[test]
    fn the_term_is_the_formula_and_its_gradient_is_finite() {
        tch::manual_seed(7);
        let double = (Kind::Double, Device::Cpu);
        let logits = Tensor::randn([4, 3], double).set_requires_grad(true);
        let views = crate::unit::normalized(&Tensor::randn([8, 5], double), 1).set_requires_grad(true);
        let labels = [0_i64, 0, 1, 2, 0, 0, 1, 2];
        let value = parametric_contrast(&logits, &views, &Tensor::from_slice(&labels), 0.3, 0.2);
        let expected = by_the_formula(&logits, &views, &labels, 0.3, 0.2);
        assert!((value.double_value(&[]) - expected).abs() < 1e-12, "{value} {expected}");
        value.backward();
        for tensor in [logits, views] {
            assert!(tensor.grad().isfinite().all().int64_value(&[]) == 1);
        }
    }
}
