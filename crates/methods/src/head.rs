//! Heads: features to logits.

use models::{kaiming_normal, linear_bias};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::{Init, Path};

/// The closed set of classifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// `features · weightᵀ + bias`, weight `[k, d]`.
    #[default]
    Linear,
    /// Cosine of feature and column, weight `[d, k]`, no bias (`NormedLinear` of Cao et al. 2019's code).
    Cosine,
}

/// A head's parameters.
#[derive(Debug)]
pub(crate) enum Classifier {
    Linear { weight: Tensor, bias: Tensor },
    Cosine { weight: Tensor },
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

impl Classifier {
    /// Logits `[b, k]` of features `[b, d]`.
    pub(crate) fn forward(&self, features: &Tensor) -> Tensor {
        match self {
            Classifier::Linear { weight, bias } => features.linear(weight, Some(bias)),
            Classifier::Cosine { weight } => cosine_logits(features, weight),
        }
    }

    /// One row a class, `[k, d]`: the classifier as neural-collapse metrics see it.
    pub(crate) fn rows(&self) -> Tensor {
        match self {
            Classifier::Linear { weight, .. } => weight.detach(),
            Classifier::Cosine { weight } => weight.detach().transpose(0, 1),
        }
    }

    /// The bias `[k]`, where the head has one.
    pub(crate) fn bias(&self) -> Option<Tensor> {
        match self {
            Classifier::Linear { bias, .. } => Some(bias.detach()),
            Classifier::Cosine { .. } => None,
        }
    }
}

/// Cosines of features `[b, d]` with the columns of `weight [d, k]`, `[b, k]`.
pub fn cosine_logits(features: &Tensor, weight: &Tensor) -> Tensor {
    normalized(features, 1).matmul(&normalized(weight, 0))
}

/// Slices along `dim` divided by their length, which is clamped at 1e-12 (PyTorch's `normalize`).
fn normalized(tensor: &Tensor, dim: i64) -> Tensor {
    let length = tensor
        .norm_scalaropt_dim_dtype(2, dim, true, tensor.kind())
        .clamp_min(1e-12);
    tensor / length
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
}
