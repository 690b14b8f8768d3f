//! Regularizers: features against labels.

use serde::{Deserialize, Serialize};

/// The closed set of feature regularizers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Regularizer {
    /// Induced neural collapse, Liu et al. 2023.
    Nc(nc::Config),
}
