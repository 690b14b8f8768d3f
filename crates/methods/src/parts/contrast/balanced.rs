//! BCL: contrast in which every class has the same weight.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::negative_log_likelihood;

/// Balanced contrastive learning (Zhu et al. 2022): `weight` · `balanced_contrast`. The authors add it to a
/// logit-adjusted loss on a scaled cosine head.
///
/// Defaults: the authors' code on ImageNet-LT (their CIFAR script is not public), whose features have 2048 dimensions.
/// Deviation: the views are augmented like the batch; their code applies `RandAugment` to the batch alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalancedContrast {
    /// Weight of the term, above 0.
    pub weight: f64,
    /// τ > 0.
    pub temperature: f64,
    /// Length p of a projected feature.
    pub dimension: i64,
}

impl Default for BalancedContrast {
    fn default() -> BalancedContrast {
        BalancedContrast {
            weight: 0.35,
            temperature: 0.07,
            dimension: 1024,
        }
    }
}

/// Such as `balanced contrastive learning (…)`.
impl fmt::Display for BalancedContrast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "balanced contrastive learning (weight {}, temperature {}, {} dimensions)",
            self.weight, self.temperature, self.dimension
        )
    }
}

/// −mean_i mean_{p ∈ P(i)} ln( exp(s_ip / τ) / Σ_c mean_{a of class c, a ≠ i} exp(s_ia / τ) ), where s are the inner
/// products of unit views `[n, p]`, with labels `[n]` i64, with all views and unit prototypes `[k, p]`, one per class,
/// and P(i) are the others of i's class. So each class has the same weight whatever its share of the batch, and none is
/// missing (Zhu et al. 2022 and their code). → scalar.
pub(super) fn balanced_contrast(views: &Tensor, prototypes: &Tensor, labels: &Tensor, temperature: f64) -> Tensor {
    let (samples, classes) = (labels.size()[0], prototypes.size()[0]);
    let keys = Tensor::cat(&[views, prototypes], 0); // [n + k, p]
    let every_class = Tensor::arange(classes, (Kind::Int64, labels.device()));
    let key_labels = Tensor::cat(&[labels, &every_class], 0);
    let itself = Tensor::eye_m(samples, samples + classes, (Kind::Bool, labels.device()));
    let same_class = labels.unsqueeze(1).eq_tensor(&key_labels); // [n, n + k]
    let positive = same_class.logical_and(&itself.logical_not()).to_kind(views.kind());

    let similarity = views.matmul(&keys.tr()) / temperature;
    let class_sizes = nc::batch_counts(&key_labels, classes).index_select(0, &key_labels); // [n + k]
    let averaged_over = class_sizes - &positive; // an anchor is not a key of its own class
    let denominator = (&similarity - averaged_over.log())
        .masked_fill(&itself, f64::NEG_INFINITY)
        .logsumexp([1_i64].as_slice(), true);
    negative_log_likelihood(&(similarity - denominator), &positive)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// The formula, sample by sample and class by class.
    fn by_the_formula(views: &Tensor, prototypes: &Tensor, labels: &[i64], temperature: f64) -> f64 {
        let (n, classes) = (labels.len(), prototypes.size()[0]);
        let key_labels: Vec<i64> = labels.iter().copied().chain(0..classes).collect();
        let similarity = views.matmul(&Tensor::cat(&[views, prototypes], 0).tr()) / temperature;
        let score = |anchor: usize, key: usize| similarity.double_value(&[anchor as i64, key as i64]);
        let in_class = |anchor: usize, class: i64| -> Vec<usize> {
            (0..key_labels.len())
                .filter(|&key| key != anchor && key_labels[key] == class)
                .collect()
        };
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let anchor_loss = |anchor: usize| {
            let exponentials = |class| {
                in_class(anchor, class)
                    .iter()
                    .map(|&key| score(anchor, key).exp())
                    .collect()
            };
            let denominator: f64 = (0..classes).map(|class| mean(exponentials(class))).sum();
            let positives = in_class(anchor, labels[anchor]);
            -mean(
                positives
                    .iter()
                    .map(|&key| score(anchor, key) - denominator.ln())
                    .collect(),
            )
        };
        mean((0..n).map(anchor_loss).collect())
    }

    #[test]
    fn the_term_is_the_formula_with_absent_and_single_classes() {
        tch::manual_seed(6);
        let unit = |rows| {
            let rows = Tensor::randn([rows, 3], (Kind::Double, Device::Cpu));
            crate::unit::normalized(&rows, 1)
        };
        let (views, prototypes) = (unit(7), unit(4));
        let labels = [0_i64, 0, 0, 2, 0, 3, 3];
        let value = balanced_contrast(&views, &prototypes, &Tensor::from_slice(&labels), 0.2).double_value(&[]);
        let expected = by_the_formula(&views, &prototypes, &labels, 0.2);
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }
}
