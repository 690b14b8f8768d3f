//! Heads: features to logits.

use models::{kaiming_normal, linear_bias};
use serde::{Deserialize, Serialize};
use tch::nn::{Init, Path};

use crate::Classifier;
use crate::classifier::normalized;

/// The closed set of classifiers that a first stage learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// `features · weightᵀ + bias`, weight `[k, d]`.
    #[default]
    Linear,
    /// Cosine of feature and column, weight `[d, k]`, no bias (`NormedLinear` of Cao et al. 2019's code).
    Cosine,
}

impl Head {
    /// Builds the classifier's parameters under `path`, named and initialised as in the public CIFAR code.
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
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor, nn};

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
}
