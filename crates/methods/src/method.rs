//! Method: the sum of parts.

use serde::{Deserialize, Serialize};

use crate::{Augmentation, Head, Loss, Mix, Reweight, Sampler, SecondStage};

/// How one network is trained on long-tailed data. Any part may be swapped without touching another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Which samples an epoch draws.
    #[serde(default)]
    pub sampler: Sampler,
    /// What happens to images, and so to targets.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// Logits against labels.
    #[serde(default)]
    pub loss: Loss,
    /// Class weights, from an epoch on.
    pub reweight: Option<Reweight>,
    /// Features against labels: NC goes here.
    pub regularizer: Option<Regularizer>,
    /// Features to logits.
    #[serde(default)]
    pub head: Head,
    /// What is retrained afterwards, on the finished first stage.
    pub second_stage: Option<SecondStage>,
}

/// The closed set of feature regularizers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Regularizer {
    /// Induced neural collapse, Liu et al. 2023.
    Nc(nc::Config),
}

impl Method {
    /// The method without its second stage: what a second stage starts from, and what several of them can share.
    pub fn first_stage(&self) -> Method {
        Method {
            second_stage: None,
            ..self.clone()
        }
    }

    /// The same method in a training shortened or stretched by `factor`: whatever starts at an epoch starts at the
    /// scaled one. A second stage keeps its own length.
    pub fn scaled(&self, factor: f64) -> Method {
        let mut method = self.clone();
        method.reweight = method.reweight.map(|reweight| reweight.scaled(factor));
        if let Some(Mix::Cmo(cmo)) = &mut method.augmentation.mix {
            cmo.start_epoch = scale_epoch(cmo.start_epoch, factor);
            cmo.last_plain_epochs = scale_epoch(cmo.last_plain_epochs, factor);
        }
        if let Some(Regularizer::Nc(config)) = &mut method.regularizer {
            config.start_epoch = scale_epoch(config.start_epoch, factor);
        }
        method
    }
}

/// An epoch of a schedule in a training of `factor` times the length, rounded to the nearest epoch.
pub(crate) fn scale_epoch(epoch: i64, factor: f64) -> i64 {
    (epoch as f64 * factor).round() as i64
}
