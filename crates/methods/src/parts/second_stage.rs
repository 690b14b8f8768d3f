//! Second stages, which retrain or adjust a finished first stage.

mod expert_assignment;
mod settings;
mod words;

use serde::{Deserialize, Serialize};

pub use expert_assignment::ExpertAssignment;

use crate::parts::head::Head;
use crate::parts::loss::Loss;
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Sampler;
use crate::range::{OutOfRange, is_not_negative, not_negative, require};
use crate::recipe::{LearningRate, RecipeError, check_epochs, check_weight_decay};

/// A second stage. Some train a part of the network for some epochs with a frozen backbone; the others compute a
/// classifier and need no epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecondStage {
    /// Classifier re-training (Kang et al. 2020, §4.1). With another `loss`, that loss's decoupled version.
    Crt(Retraining),
    /// Learnable weight scaling (Kang et al. 2020, §4.3): the classifier stays except for one learnt factor per class
    /// on its logits.
    Lws(Retraining),
    /// Classifier and factors as in LWS learn together; `backbone = "train"` is the shifted batch norm (Zhong et al. 2021,
    /// §3.3 and 3.4).
    Mislas(Retraining),
    /// Adaptive calibration of the frozen classifier's logits (Zhang et al. 2021, §4.2): see
    /// [`crate::Classifier::Aligned`].
    DisAlign(Retraining),
    /// Classifier re-training with large weight decay and `max_norm` (Alshammari et al. 2022, §3.2).
    WeightBalancing(Retraining),
    /// See [`crate::tau_normalized`].
    TauNormalization(Sweep),
    /// Post-hoc logit adjustment: see [`crate::logit_adjusted`].
    LogitAdjustment(Sweep),
    /// Nearest-class-mean classification: see [`crate::ClassMeans`].
    NearestClassMean {
        /// Transform of the features.
        #[serde(default)]
        features: FeatureTransform,
        /// Similarity of a feature and a mean.
        #[serde(default)]
        nearness: Nearness,
    },
    /// As many experts as an image needs: see [`ExpertAssignment`]. Only its gates learn.
    ExpertAssignment(ExpertAssignment),
}

/// How a second stage trains. No regularizer and no mixup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retraining {
    /// Length; it does not scale with the first stage.
    pub epochs: i64,
    /// Learning rate over these epochs, without warm-up.
    pub learning_rate: LearningRate,
    /// L2 coefficient on the trained parameters.
    pub weight_decay: f64,
    /// The samples that an epoch draws.
    pub sampler: Sampler,
    /// What the classifier starts from.
    pub classifier: InitialClassifier,
    /// How batch norm runs in the frozen backbone.
    pub backbone: BackboneMode,
    /// `None`: the first stage's.
    pub loss: Option<Loss>,
    /// Class weights; `None`: all are 1.
    pub reweight: Option<Reweight>,
    /// Factor on the classifier's learning rate, if another part learns beside it; `None`: 1.
    pub classifier_rate: Option<f64>,
    /// Threshold of the [`crate::MaxNorm`] projection of the classifier's rows; `None`: no bound.
    pub max_norm: Option<f64>,
}

impl Retraining {
    /// Refuses a length or a learning rate out of range.
    ///
    /// # Errors
    /// The first thing that is wrong, and its remedy.
    pub fn check_course(&self) -> Result<(), RecipeError> {
        check_epochs("epochs", self.epochs)?;
        check_weight_decay(self.weight_decay)?;
        self.learning_rate.check(self.epochs)
    }

    /// Refuses numbers out of range.
    pub(crate) fn check(&self) -> Result<(), OutOfRange> {
        if let Some(rate) = self.classifier_rate {
            not_negative("classifier_rate", rate)?;
        }
        if let Some(threshold) = self.max_norm {
            let is_share = (0.0..=1.0).contains(&threshold);
            require(
                "max_norm",
                threshold,
                is_share,
                "0 to 1, a share of the spread of lengths",
            )?;
        }
        if let Some(reweight) = self.reweight {
            reweight.check()?;
            self.reaches("second_stage.reweight.start_epoch", reweight.start_epoch())?;
        }
        if let Some(start) = self.loss.and_then(Loss::start_epoch) {
            self.reaches("second_stage.loss.start_epoch", start)?;
        }
        self.loss.map_or(Ok(()), Loss::check)
    }

    /// Refuses a part that would never start.
    fn reaches(&self, name: &'static str, start: i64) -> Result<(), OutOfRange> {
        let expected = "an epoch before the end of the second stage, whose length is its `epochs`";
        require(name, start as f64, start < self.epochs, expected)
    }
}

/// What a second stage's classifier starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialClassifier {
    /// Weights N(0, 0.01²), zero bias.
    Fresh,
    /// The first stage's.
    FirstStage,
}

/// How batch norm runs in a frozen backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneMode {
    /// Running statistics, which do not change.
    Eval,
    /// Batch statistics; the running ones drift towards the second stage's sampling.
    Train,
}

/// The strengths τ of an adjustment. A single one is used; of several, the one with the highest accuracy on the
/// validation split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// At least one.
    pub taus: Vec<f64>,
}

impl Sweep {
    /// Refuses strengths below 0.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(&self) -> Result<(), OutOfRange> {
        let check = |&tau: &f64| require("taus", tau, is_not_negative(tau), "0 or more, each");
        self.taus.iter().try_for_each(check)
    }
}

impl SecondStage {
    /// How it trains; `None` if it only computes.
    pub fn retraining(&self) -> Option<&Retraining> {
        match self {
            SecondStage::Crt(retraining)
            | SecondStage::Lws(retraining)
            | SecondStage::Mislas(retraining)
            | SecondStage::DisAlign(retraining)
            | SecondStage::WeightBalancing(retraining) => Some(retraining),
            SecondStage::TauNormalization(_)
            | SecondStage::LogitAdjustment(_)
            | SecondStage::NearestClassMean { .. }
            | SecondStage::ExpertAssignment(_) => None,
        }
    }

    /// Length in epochs; 0 if it only computes.
    pub fn epochs(&self) -> i64 {
        self.retraining().map_or(0, |retraining| retraining.epochs)
    }

    /// The strengths to choose from on a validation split; `None` if there is nothing to choose.
    pub fn choices(&self) -> Option<&[f64]> {
        match self {
            SecondStage::TauNormalization(Sweep { taus }) | SecondStage::LogitAdjustment(Sweep { taus }) => {
                (taus.len() > 1).then_some(taus)
            }
            _ => None,
        }
    }

    /// Whether it can follow a first stage with `head`. Class means need only features, and re-training needs a head
    /// that learns; the others act on a linear classifier's weights or on logits that are log-probabilities.
    pub fn fits(&self, head: Head) -> bool {
        match self {
            SecondStage::NearestClassMean { .. } | SecondStage::ExpertAssignment(_) => true,
            SecondStage::Crt(Retraining { max_norm: None, .. }) => matches!(head, Head::Linear | Head::Cosine),
            _ => head == Head::Linear,
        }
    }
}

/// Transform of features in nearest-class-mean classification, both in fitting and in prediction (the three feature
/// types of Kang et al. 2020's public code).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureTransform {
    /// No transform.
    None,
    /// Divided by their length.
    Normalized,
    /// Minus the mean of the training features, then divided by their length.
    #[default]
    CentredNormalized,
}

/// Similarity of a feature and a class mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nearness {
    /// Negative squared Euclidean distance.
    #[default]
    Euclidean,
    /// Inner product divided by the dimension d. The means, which are not unit vectors, are not normalised again, as in
    /// the public code, which calls this `cos`.
    Cosine,
}
