//! Second stages that compute a classifier instead of training one.

use datasets::DataError;
use tch::{Kind, Tensor};

use crate::images::Images;
use crate::measures::evaluate::features_of;
use crate::network::class_means::ClassMeans;
use crate::network::classifier::Classifier;
use crate::network::model::Model;
use crate::network::posthoc::{logit_adjusted, tau_normalized};
use crate::parts::augment::Augmentation;
use crate::parts::second_stage::{SecondStage, Sweep};

/// A classifier that a second stage computed.
#[derive(Debug)]
pub struct Adjusted {
    /// Its strength, where it has one.
    pub tau: Option<f64>,
    /// The classifier that replaces the first stage's.
    pub classifier: Classifier,
}

impl SecondStage {
    /// The classifiers that it computes from the first stage's `model`, training images and `augmentation`: one for
    /// each strength, none if it trains. Expert assignment draws from libtorch's generator.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn adjusted(
        &self,
        model: &Model,
        train: &Images,
        augmentation: &Augmentation,
    ) -> Result<Vec<Adjusted>, DataError> {
        let (weight, bias) = model.classifier();
        let bias = bias.unwrap_or_else(|| Tensor::zeros([model.classes()], (Kind::Float, model.device())));
        let sweep = |sweep: &Sweep, classifier: &dyn Fn(f64) -> Classifier| {
            let adjusted = |&tau: &f64| Adjusted {
                tau: Some(tau),
                classifier: classifier(tau),
            };
            sweep.taus.iter().map(adjusted).collect()
        };
        Ok(match self {
            SecondStage::TauNormalization(taus) => sweep(taus, &|tau| tau_normalized(&weight, tau)),
            SecondStage::LogitAdjustment(taus) => {
                let counts = Tensor::from_slice(&train.class_counts()).to_device(model.device());
                let counts = counts.to_kind(Kind::Float);
                sweep(taus, &|tau| logit_adjusted(&weight, &bias, &counts, tau))
            }
            SecondStage::NearestClassMean { features, nearness } => {
                let seen = features_of(model, train)?;
                let means = ClassMeans::new(&seen, train.labels(), model.classes(), *features, *nearness);
                vec![Adjusted {
                    tau: None,
                    classifier: Classifier::NearestClassMean(means),
                }]
            }
            SecondStage::ExpertAssignment(assignment) => vec![Adjusted {
                tau: None,
                classifier: model.routed_classifier(assignment.gates(model, train, augmentation)?),
            }],
            _ => Vec::new(),
        })
    }
}
