//! Second stages: what is retrained on a finished first stage.

use serde::{Deserialize, Serialize};

use crate::{Augmentation, LearningRate, Method, Recipe, Sampler};

/// The closed set of second stages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecondStage {
    /// Classifier re-training (Kang et al. 2020, §4.1): the backbone stays, the classifier learns again under another
    /// sampler. No regularizer, no mixing, no re-weighting.
    Crt {
        /// Length; it does not scale with the first stage.
        epochs: i64,
        /// Learning rate over these epochs, without warm-up.
        learning_rate: LearningRate,
        /// L2 coefficient on the classifier.
        weight_decay: f64,
        /// Which samples an epoch draws.
        sampler: Sampler,
        /// What the classifier starts from.
        classifier: InitialClassifier,
        /// How batch norm runs in the frozen backbone.
        backbone: BackboneMode,
    },
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
    /// Running statistics, which stay.
    Eval,
    /// Batch statistics; the running ones drift towards the second stage's sampling.
    Train,
}

impl SecondStage {
    /// The second stage as the training loop runs it: a recipe and a method of its own.
    pub fn as_training(&self, first: &Recipe, method: &Method) -> (Recipe, Method) {
        let SecondStage::Crt {
            epochs,
            learning_rate,
            weight_decay,
            sampler,
            ..
        } = self;
        let recipe = Recipe {
            epochs: *epochs,
            learning_rate: learning_rate.clone(),
            weight_decay: *weight_decay,
            warmup_epochs: 0,
            ..first.clone()
        };
        let augmentation = Augmentation {
            mix: None,
            ..method.augmentation.clone()
        };
        (
            recipe,
            Method {
                sampler: *sampler,
                augmentation,
                loss: method.loss,
                head: method.head,
                ..Method::default()
            },
        )
    }

    /// Length in epochs.
    pub fn epochs(&self) -> i64 {
        let SecondStage::Crt { epochs, .. } = self;
        *epochs
    }
}
