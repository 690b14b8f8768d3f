//! Classifiers: features to logits, whether they were learnt, fixed or computed afterwards.

use tch::Tensor;

use crate::ClassMeans;

/// A classifier's parameters. What a [`crate::Head`] builds, a second stage may wrap or replace.
#[derive(Debug)]
pub enum Classifier {
    /// `features · weightᵀ + bias`.
    Linear {
        /// `[k, d]`.
        weight: Tensor,
        /// `[k]`.
        bias: Tensor,
    },
    /// Cosine of feature and column.
    Cosine {
        /// `[d, k]`.
        weight: Tensor,
    },
    /// Similarity to class means: NCM.
    NearestClassMean(ClassMeans),
}

impl Classifier {
    /// Logits `[b, k]` of features `[b, d]`.
    pub fn forward(&self, features: &Tensor) -> Tensor {
        match self {
            Classifier::Linear { weight, bias } => features.linear(weight, Some(bias)),
            Classifier::Cosine { weight } => normalized(features, 1).matmul(&normalized(weight, 0)),
            Classifier::NearestClassMean(means) => means.similarity(features),
        }
    }

    /// One row a class, `[k, d]`: the classifier as neural-collapse metrics see it.
    pub(crate) fn rows(&self) -> Tensor {
        match self {
            Classifier::Linear { weight, .. } => weight.detach(),
            Classifier::Cosine { weight } => weight.detach().transpose(0, 1),
            Classifier::NearestClassMean(means) => means.rows().shallow_clone(),
        }
    }

    /// The bias `[k]`, where the classifier has one.
    pub(crate) fn bias(&self) -> Option<Tensor> {
        match self {
            Classifier::Linear { bias, .. } => Some(bias.detach()),
            Classifier::Cosine { .. } | Classifier::NearestClassMean(_) => None,
        }
    }
}

/// Slices along `dim` divided by their length, which is clamped at 1e-12 (PyTorch's `normalize`).
pub(crate) fn normalized(tensor: &Tensor, dim: i64) -> Tensor {
    let length = tensor
        .norm_scalaropt_dim_dtype(2, dim, true, tensor.kind())
        .clamp_min(1e-12);
    tensor / length
}
