//! Terms added to the loss that act on the features, given the labels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A term on the features, beside the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FeatureTerm {
    /// Induced neural collapse, Liu et al. 2023.
    Nc(nc::Config),
}

impl FeatureTerm {
    /// First 0-based epoch in which it moves its centres.
    pub(crate) fn start_epoch_mut(&mut self) -> &mut i64 {
        let FeatureTerm::Nc(config) = self;
        &mut config.start_epoch
    }
}

/// Such as `NC from epoch 0 (λ₁ 0.01, λ₂ 0.1)`.
impl fmt::Display for FeatureTerm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FeatureTerm::Nc(nc::Config {
            lambda_1,
            lambda_2,
            start_epoch,
            within,
            ..
        }) = self;
        let within = match within {
            nc::WithinClass::MeanOverClasses => "",
            nc::WithinClass::SumOverClasses => ", summed over classes",
            nc::WithinClass::SquaredCounts => ", squared counts",
            nc::WithinClass::CenterLoss => ", center loss",
        };
        write!(
            formatter,
            "NC from epoch {start_epoch} (λ₁ {lambda_1}, λ₂ {lambda_2}{within})"
        )
    }
}
