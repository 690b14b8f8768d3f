//! Heads: features to logits.

use models::{kaiming_normal, linear_bias};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::{Init, Path};

use crate::Classifier;
use crate::classifier::normalized;

/// The closed set of classifiers that a first stage learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Head {
    /// `features · weightᵀ + bias`, weight `[k, d]`.
    #[default]
    Linear,
    /// Cosine of feature and column, weight `[d, k]`, no bias (`NormedLinear` of Cao et al. 2019's code).
    Cosine,
    /// As [`Head::Cosine`], times a fixed scale, for losses that have none of their own: their softmax of numbers between
    /// −1 and 1 would hardly prefer a class (30 in the public code of Wang et al. 2021 and Zhang et al. 2022).
    ScaledCosine {
        /// Above 0.
        scale: f64,
    },
    /// Cosine of feature and row of a fixed simplex equiangular tight frame, drawn at the start and never trained; the
    /// features pass a batch norm before (Yang et al. 2022, §4.1 and their public code).
    FixedEtf,
}

impl Head {
    /// As a grid spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Head::Linear => "linear",
            Head::Cosine => "cosine",
            Head::ScaledCosine { .. } => "scaled-cosine",
            Head::FixedEtf => "fixed-etf",
        }
    }

    /// Builds the classifier's parameters under `path`, named and initialised as in the public CIFAR code.
    ///
    /// # Panics
    /// If this is a fixed ETF of more than `dimension + 1` classes.
    pub(crate) fn build(self, path: &Path, dimension: i64, classes: i64) -> Classifier {
        match self {
            Head::Linear => Classifier::Linear {
                weight: kaiming_normal(path, "weight", &[classes, dimension]),
                bias: linear_bias(path, "bias", dimension, classes),
            },
            Head::Cosine => {
                let weight = path.var("weight", &[dimension, classes], Init::Uniform { lo: -1.0, up: 1.0 });
                tch::no_grad(|| weight.shallow_clone().copy_(&normalized(&weight, 0)));
                Classifier::Cosine { weight }
            }
            Head::ScaledCosine { scale } => {
                let scale = Tensor::full(classes, scale, (path.kind(), path.device()));
                let base = Box::new(Head::Cosine.build(path, dimension, classes));
                Classifier::Scaled { base, scale }
            }
            Head::FixedEtf => {
                let weight = path.zeros_no_train("weight", &[classes, dimension]);
                let etf = nc::simplex_etf(classes, dimension, weight.kind(), weight.device())
                    .expect("k is at most d + 1: whoever names this head checks it");
                tch::no_grad(|| weight.shallow_clone().copy_(&etf));
                Classifier::FixedEtf { weight }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    #[test]
    fn cosine_logits_lie_between_minus_one_and_one_whatever_the_feature_norm() {
        let store = nn::VarStore::new(Device::Cpu);
        let classifier = Head::Cosine.build(&store.root(), 8, 5);
        let logits = classifier.forward(&(Tensor::randn([4, 8], (Kind::Float, Device::Cpu)) * 1e4));
        assert_eq!(logits.size(), [4, 5]);
        assert!(logits.abs().max().double_value(&[]) <= 1.0 + 1e-6);
        assert_eq!(classifier.rows().size(), [5, 8]);
    }

    #[test]
    fn a_scale_is_a_factor_that_nobody_trains() {
        let store = nn::VarStore::new(Device::Cpu);
        let head = Head::ScaledCosine { scale: 30.0 };
        let classifier = head.build(&store.root(), 8, 5);
        assert_eq!(store.trainable_variables().len(), 1);
        let features = classifier.rows();
        let largest = classifier.forward(&features).diagonal(0, 0, 1);
        let expected = Tensor::full([5], 30.0, (Kind::Float, Device::Cpu));
        assert!(largest.allclose(&expected, 1e-5, 1e-5, false), "{largest}");
    }

    #[test]
    fn fixed_etf_has_nothing_to_train_and_cosines_of_one_with_its_own_rows() {
        let store = nn::VarStore::new(Device::Cpu);
        let classifier = Head::FixedEtf.build(&store.root(), 8, 5);
        assert!(store.trainable_variables().is_empty());
        let cosines = classifier.forward(&(classifier.rows() * 3.0));
        assert!(
            cosines
                .diagonal(0, 0, 1)
                .allclose(&Tensor::ones([5], (Kind::Float, Device::Cpu)), 1e-5, 1e-5, false)
        );
    }
}
