//! Warm starts: a network that starts from another's weights.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a network can start from instead of random weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Initial {
    /// A file: a checkpoint of a run, or a PyTorch state dict saved as safetensors.
    Checkpoint {
        /// Relative to the working directory.
        path: PathBuf,
        /// SHA-256 of the file in hexadecimal; a grid may omit it, and the plan writes it into a run's config.
        sha256: Option<String>,
    },
    /// The finished network of another method: in a grid, its name; in a run's config, the name of its run's directory.
    Method(String),
    /// A network pre-trained to predict by how many quarter turns an image is rotated, with the recipe's length and
    /// learning rate: self-supervised pre-training (Yang & Xu 2020, §4).
    Rotation,
}

/// Such as `starting from ce`.
impl fmt::Display for Initial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Initial::Checkpoint { path, .. } => write!(formatter, "starting from {}", path.display()),
            Initial::Method(name) => write!(formatter, "starting from {name}"),
            Initial::Rotation => formatter.write_str("pre-trained by rotation prediction"),
        }
    }
}
