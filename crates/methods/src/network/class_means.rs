//! Class means: a classifier computed from training features without training.

use tch::{Kind, Tensor};

use crate::parts::second_stage::{FeatureTransform, Nearness};
use crate::unit::normalized;

/// Nearest-class-mean classification (NCM; Kang et al. 2020, §4.1), fitted to features.
#[derive(Debug)]
pub struct ClassMeans {
    transform: FeatureTransform,
    nearness: Nearness,
    centre: Tensor, // [d], mean of the training features
    means: Tensor,  // [k, d], of transformed features
}

impl ClassMeans {
    /// Fits `features [n, d]` with `labels [n]`; each of `classes` classes needs a sample.
    pub fn new(
        features: &Tensor,
        labels: &Tensor,
        classes: i64,
        transform: FeatureTransform,
        nearness: Nearness,
    ) -> ClassMeans {
        let centre = features.mean_dim(0, false, None::<Kind>);
        let transformed = transform.apply(features, &centre);
        let zeros = Tensor::zeros([classes, features.size()[1]], (features.kind(), features.device()));
        let counts = labels.bincount(None::<Tensor>, classes).unsqueeze(1);
        ClassMeans {
            transform,
            nearness,
            centre,
            means: zeros.index_add(0, labels, &transformed) / counts,
        }
    }

    /// Similarity of features `[b, d]` to each class mean, `[b, k]`: the larger, the nearer.
    pub(crate) fn similarity(&self, features: &Tensor) -> Tensor {
        let features = self.transform.apply(features, &self.centre);
        let products = features.matmul(&self.means.tr());
        match self.nearness {
            Nearness::Euclidean => {
                let squares = |rows: &Tensor| rows.square().sum_dim_intlist(1, false, None::<Kind>);
                products * 2.0 - squares(&self.means) - squares(&features).unsqueeze(1)
            }
            Nearness::Cosine => products / self.means.size()[1],
        }
    }

    /// The means, `[k, d]`.
    pub(crate) fn rows(&self) -> &Tensor {
        &self.means
    }
}

impl FeatureTransform {
    /// Transforms features `[b, d]`, given the mean `centre [d]` of the training features.
    fn apply(self, features: &Tensor, centre: &Tensor) -> Tensor {
        match self {
            FeatureTransform::None => features.shallow_clone(),
            FeatureTransform::Normalized => normalized(features, 1),
            FeatureTransform::CentredNormalized => normalized(&(features - centre), 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    #[test]
    fn nearest_mean_of_every_kind_finds_well_separated_classes() {
        let centres = Tensor::eye(3, OPTIONS) * 10.0;
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 0, 1, 1, 2]);
        let features = centres.index_select(0, &labels) + Tensor::randn([7, 3], OPTIONS) * 0.1;
        for transform in [
            FeatureTransform::None,
            FeatureTransform::Normalized,
            FeatureTransform::CentredNormalized,
        ] {
            for nearness in [Nearness::Euclidean, Nearness::Cosine] {
                let means = ClassMeans::new(&features, &labels, 3, transform, nearness);
                let decisions = means.similarity(&features).argmax(1, false);
                assert_eq!(decisions, labels, "{transform:?} {nearness:?}");
            }
        }
    }
}
