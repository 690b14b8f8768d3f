//! Classifiers: features to logits, learnt, fixed or computed afterwards.

use std::rc::Rc;

use models::{Backbone, linear_bias};
use tch::Tensor;
use tch::nn::{Init, Path};

use crate::network::class_means::ClassMeans;
use crate::network::gates::Gates;
use crate::parts::head::Head;
use crate::unit::normalized;

/// A classifier's parameters. A [`crate::Head`] builds it; a second stage may wrap or replace it.
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
    /// Cosine of feature and a row that is not trained.
    FixedEtf {
        /// Unit rows, `[k, d]`.
        weight: Tensor,
    },
    /// Logits of another classifier, each class's multiplied by a factor: LWS (Kang et al. 2020, Eq. 6).
    Scaled {
        /// What is scaled.
        base: Box<Classifier>,
        /// One factor per class, `[k]`.
        scale: Tensor,
    },
    /// `DisAlign`: `(1 + σ(x) · scale) ⊙ z + σ(x) · offset` of another classifier's logits z, where the confidence σ(x) is
    /// the sigmoid of a linear function of the feature (the authors' code; Zhang et al. 2021, Eq. 5, blend σ(x) · (scale ⊙
    /// z + offset) with (1 − σ(x)) · z).
    Aligned {
        /// What is calibrated.
        base: Box<Classifier>,
        /// One factor per class, `[k]`.
        scale: Tensor,
        /// One summand per class, `[k]`.
        offset: Tensor,
        /// Weight of the confidence, `[1, d]`.
        confidence: Tensor,
        /// Its bias, `[1]`.
        confidence_bias: Tensor,
    },
    /// Similarity to class means: NCM.
    NearestClassMean(ClassMeans),
    /// One classifier per expert, each on its own features.
    Experts(Rc<[Classifier]>),
    /// The same, but each image is classified by the first experts, as many as it needs.
    Routed {
        /// One classifier per expert.
        experts: Rc<[Classifier]>,
        /// Decide how many are needed.
        gates: Gates,
    },
}

impl Classifier {
    /// The classifier of `head` on features of `backbone`, with its parameters under `path`, named as in the public CIFAR
    /// code and initialised as in the backbone's.
    ///
    /// # Panics
    /// On a fixed ETF of more than `dimension + 1` classes.
    pub(crate) fn new(head: Head, backbone: Backbone, path: &Path, dimension: i64, classes: i64) -> Classifier {
        match head {
            Head::Linear => Classifier::Linear {
                weight: backbone.linear_weight(path, "weight", dimension, classes),
                bias: linear_bias(path, "bias", dimension, classes),
            },
            Head::Cosine => {
                let weight = path.var("weight", &[dimension, classes], Init::Uniform { lo: -1.0, up: 1.0 });
                tch::no_grad(|| weight.shallow_clone().copy_(&normalized(&weight, 0)));
                Classifier::Cosine { weight }
            }
            Head::ScaledCosine { scale } => {
                let scale = Tensor::full(classes, scale, (path.kind(), path.device()));
                let base = Box::new(Classifier::new(Head::Cosine, backbone, path, dimension, classes));
                Classifier::Scaled { base, scale }
            }
            Head::FixedEtf => {
                let weight = path.zeros_no_train("weight", &[classes, dimension]);
                let etf = nc::simplex_etf(classes, dimension, weight.kind(), weight.device())
                    .expect("callers check that k is at most d + 1");
                tch::no_grad(|| weight.shallow_clone().copy_(&etf));
                Classifier::FixedEtf { weight }
            }
        }
    }

    /// Logits `[b, k]` of features `[b, d]`; with experts their mean, of features `[b, e, d]`.
    pub fn forward(&self, features: &Tensor) -> Tensor {
        match self {
            Classifier::Linear { weight, bias } => features.linear(weight, Some(bias)),
            Classifier::Cosine { weight } => cosine_logits(features, weight),
            Classifier::FixedEtf { weight } => normalized(features, 1).matmul(&weight.tr()),
            Classifier::Scaled { base, scale } => base.forward(features) * scale,
            Classifier::Aligned {
                base,
                scale,
                offset,
                confidence,
                confidence_bias,
            } => {
                let confidence = features.linear(confidence, Some(confidence_bias)).sigmoid(); // [b, 1]
                (&confidence * scale + 1.0) * base.forward(features) + &confidence * offset
            }
            Classifier::NearestClassMean(means) => means.similarity(features),
            Classifier::Experts(_) => self.forward_each(features).mean_dim(1, false, features.kind()),
            Classifier::Routed { gates, .. } => gates.routed(features, &self.forward_each(features)),
        }
    }

    /// As [`Classifier::forward`], but with experts the logits of each, `[b, e, k]`.
    pub fn forward_each(&self, features: &Tensor) -> Tensor {
        match self {
            Classifier::Experts(experts) | Classifier::Routed { experts, .. } => {
                let logits = (0..)
                    .zip(experts.iter())
                    .map(|(e, expert)| expert.forward(&features.select(1, e)));
                Tensor::stack(&logits.collect::<Vec<_>>(), 1)
            }
            one => one.forward(features),
        }
    }

    /// One row per class, `[k, d]`: the classifier that neural-collapse metrics see. Under an aligned classifier, whose
    /// confidence depends on the feature, that is its base; with experts it is the linear classifier of all their
    /// features side by side, `[k, e · d]`. With gradient.
    pub(crate) fn rows(&self) -> Tensor {
        match self {
            Classifier::Linear { weight, .. } | Classifier::FixedEtf { weight } => weight.shallow_clone(),
            Classifier::Cosine { weight } => weight.transpose(0, 1),
            Classifier::Scaled { base, scale } => base.rows() * scale.unsqueeze(1),
            Classifier::Aligned { base, .. } => base.rows(),
            Classifier::NearestClassMean(means) => means.rows().shallow_clone(),
            Classifier::Experts(experts) | Classifier::Routed { experts, .. } => {
                let rows: Vec<Tensor> = experts.iter().map(Classifier::rows).collect();
                Tensor::cat(&rows, 1) / experts.len() as f64
            }
        }
    }

    /// As [`Classifier::rows`], without a factor on the logits: contrastive terms project these.
    pub(crate) fn unscaled_rows(&self) -> Tensor {
        match self {
            Classifier::Scaled { base, .. } => base.unscaled_rows(),
            one => one.rows(),
        }
    }

    /// The bias `[k]`, if the classifier has one.
    pub(crate) fn bias(&self) -> Option<Tensor> {
        match self {
            Classifier::Linear { bias, .. } => Some(bias.detach()),
            Classifier::Scaled { base, scale } => base.bias().map(|bias| bias * scale.detach()),
            Classifier::Aligned { base, .. } => base.bias(),
            Classifier::Cosine { .. } | Classifier::FixedEtf { .. } | Classifier::NearestClassMean(_) => None,
            Classifier::Experts(experts) | Classifier::Routed { experts, .. } => {
                let biases: Option<Vec<Tensor>> = experts.iter().map(Classifier::bias).collect();
                biases.map(|biases| Tensor::stack(&biases, 0).mean_dim(0, false, biases[0].kind()))
            }
        }
    }
}

/// Cosines of features `[b, d]` with the columns of `weight [d, k]`, `[b, k]`.
pub fn cosine_logits(features: &Tensor, weight: &Tensor) -> Tensor {
    normalized(features, 1).matmul(&normalized(weight, 0))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    #[test]
    fn experts_are_one_linear_classifier_of_all_their_features() {
        let expert = || Classifier::Linear {
            weight: Tensor::randn([5, 4], (Kind::Double, Device::Cpu)),
            bias: Tensor::randn([5], (Kind::Double, Device::Cpu)),
        };
        let experts = Classifier::Experts([expert(), expert(), expert()].into());
        let features = Tensor::randn([7, 3, 4], (Kind::Double, Device::Cpu));
        assert_eq!(experts.forward_each(&features).size(), [7, 3, 5]);
        let one = features.flatten(1, -1).linear(&experts.rows(), experts.bias());
        assert!(experts.forward(&features).allclose(&one, 1e-12, 1e-12, false));
    }

    #[test]
    fn an_aligned_classifier_changes_logits_by_its_confidence() {
        let base = || {
            Box::new(Classifier::Linear {
                weight: Tensor::from_slice2(&[[1.0, 0.0], [0.0, 2.0]]),
                bias: Tensor::from_slice(&[0.5, 0.0]),
            })
        };
        let feature = Tensor::from_slice2(&[[1.0, 1.0]]); // logits 1.5 and 2
        let aligned = |confidence_bias: f64| Classifier::Aligned {
            base: base(),
            scale: Tensor::from_slice(&[1.0, -1.0]),
            offset: Tensor::from_slice(&[0.25, 4.0]),
            confidence: Tensor::from_slice2(&[[0.0, 0.0]]),
            confidence_bias: Tensor::from_slice(&[confidence_bias]),
        };
        for (confidence_bias, expected) in [(-1e3, [1.5, 2.0]), (0.0, [2.375, 3.0]), (1e3, [3.25, 4.0])] {
            let logits = aligned(confidence_bias).forward(&feature);
            assert!(
                logits.allclose(&Tensor::from_slice2(&[expected]), 1e-12, 1e-12, false),
                "{logits:?}"
            );
        }
    }

    #[test]
    fn cosine_logits_lie_between_minus_one_and_one_whatever_the_feature_norm() {
        let store = nn::VarStore::new(Device::Cpu);
        let classifier = Classifier::new(Head::Cosine, Backbone::default(), &store.root(), 8, 5);
        let logits = classifier.forward(&(Tensor::randn([4, 8], (Kind::Float, Device::Cpu)) * 1e4));
        assert_eq!(logits.size(), [4, 5]);
        assert!(logits.abs().max().double_value(&[]) <= 1.0 + 1e-6);
        assert_eq!(classifier.rows().size(), [5, 8]);
    }

    #[test]
    fn a_scale_is_a_factor_that_is_not_trained() {
        let store = nn::VarStore::new(Device::Cpu);
        let head = Head::ScaledCosine { scale: 30.0 };
        let classifier = Classifier::new(head, Backbone::default(), &store.root(), 8, 5);
        assert_eq!(store.trainable_variables().len(), 1);
        let features = classifier.rows();
        let largest = classifier.forward(&features).diagonal(0, 0, 1);
        let expected = Tensor::full([5], 30.0, (Kind::Float, Device::Cpu));
        assert!(largest.allclose(&expected, 1e-5, 1e-5, false), "{largest}");
    }

    #[test]
    fn fixed_etf_has_nothing_to_train_and_cosines_of_one_with_its_own_rows() {
        let store = nn::VarStore::new(Device::Cpu);
        let classifier = Classifier::new(Head::FixedEtf, Backbone::default(), &store.root(), 8, 5);
        assert!(store.trainable_variables().is_empty());
        let cosines = classifier.forward(&(classifier.rows() * 3.0));
        assert!(
            cosines
                .diagonal(0, 0, 1)
                .allclose(&Tensor::ones([5], (Kind::Float, Device::Cpu)), 1e-5, 1e-5, false)
        );
    }
}
