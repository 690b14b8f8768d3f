//! Post-hoc adjustment: classifiers computed from a trained one, or from training features, without any training.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::classifier::normalized;
use crate::{Classifier, prior_adjustment};

/// Logit adjustment: the linear classifier with `τ ln π_k` ([`prior_adjustment`]) taken off its logits, where π_k is class
/// k's share of the training images (Menon et al. 2021, Eq. 9). Shapes: weight `[k, d]`, bias and `class_counts` `[k]`.
pub fn logit_adjusted(weight: &Tensor, bias: &Tensor, class_counts: &Tensor, tau: f64) -> Classifier {
    Classifier::Linear {
        weight: weight.shallow_clone(),
        bias: bias - prior_adjustment(class_counts, tau),
    }
}

/// τ-normalisation: `w_k / ‖w_k‖^τ`, without the bias (Kang et al. 2020, Eq. 4 and their public code). Weight `[k, d]`.
pub fn tau_normalized(weight: &Tensor, tau: f64) -> Classifier {
    let lengths = weight.norm_scalaropt_dim(2, 1, true); // [k, 1]
    Classifier::Linear {
        weight: weight / lengths.pow_tensor_scalar(tau),
        bias: Tensor::zeros(weight.size()[0], (weight.kind(), weight.device())),
    }
}

/// What nearest-class-mean classification does to features, those it is fitted to and those it is asked about (the three
/// feature types of Kang et al. 2020's public code).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureTransform {
    /// Nothing.
    None,
    /// Divided by their length.
    Normalized,
    /// Minus the mean of the training features, then divided by their length.
    #[default]
    CentredNormalized,
}

/// How near a feature is to a class mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nearness {
    /// Negative squared Euclidean distance.
    #[default]
    Euclidean,
    /// Inner product over the dimension d. The means, whose lengths are not one, are not normalised again, as in the
    /// public code, which calls this `cos`.
    Cosine,
}

/// Nearest-class-mean classification (NCM; Kang et al. 2020, §4.1), fitted to features.
#[derive(Debug)]
pub struct ClassMeans {
    transform: FeatureTransform,
    nearness: Nearness,
    centre: Tensor, // [d], mean of the training features
    means: Tensor,  // [k, d], of transformed features
}

impl ClassMeans {
    /// Means of `features [n, d]` with `labels [n]`, each of `classes` classes having a sample.
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

    /// Nearness of features `[b, d]` to each class mean, `[b, k]`: the larger the nearer.
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
    /// Features `[b, d]` transformed, given the mean `centre [d]` of the training features.
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

    fn logits(classifier: &Classifier, features: &Tensor) -> Tensor {
        classifier.forward(features)
    }

    #[test]
    fn tau_zero_is_the_classifier_itself() {
        let (weight, bias) = (Tensor::randn([3, 5], OPTIONS), Tensor::randn([3], OPTIONS));
        let features = Tensor::randn([4, 5], OPTIONS);
        let counts = Tensor::from_slice(&[50.0, 5.0, 1.0]);
        let plain = features.linear(&weight, Some(&bias));
        let adjusted = logits(&logit_adjusted(&weight, &bias, &counts, 0.0), &features);
        assert!(adjusted.allclose(&plain, 1e-9, 1e-9, false));
        let normalized = logits(&tau_normalized(&weight, 0.0), &features);
        assert!(normalized.allclose(&(plain - bias), 1e-9, 1e-9, false));
    }

    #[test]
    fn larger_tau_moves_decisions_from_frequent_to_rare_classes() {
        let weight = Tensor::from_slice2(&[[3.0, 0.0], [0.0, 1.0]]);
        let bias = Tensor::zeros([2], OPTIONS);
        let counts = Tensor::from_slice(&[90.0, 10.0]);
        let feature = Tensor::from_slice2(&[[0.5, 1.0]]);
        let decision = |classifier: &Classifier| logits(classifier, &feature).argmax(1, false).int64_value(&[0]);
        assert_eq!(decision(&logit_adjusted(&weight, &bias, &counts, 0.0)), 0);
        assert_eq!(decision(&logit_adjusted(&weight, &bias, &counts, 1.0)), 1);
        assert_eq!(decision(&tau_normalized(&weight, 1.0)), 1);
    }

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
