//! Initial weights taken from another network.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The closed set of things that a network can begin with instead of random weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Initial {
    /// A file: a checkpoint of a run, or a PyTorch state dict saved as safetensors.
    Checkpoint {
        /// From the working directory on.
        path: PathBuf,
        /// Digest of its bytes in hexadecimal digits; a grid may leave it to the plan, which writes it into a run's config.
        sha256: Option<String>,
    },
    /// The finished network of another method: in a grid its name, in a run's config the name of its run's directory.
    Method(String),
    /// A network that has learnt to tell by how many quarter turns an image is rotated, for as long and as fast as the
    /// recipe says: self-supervised pre-training (Yang & Xu 2020, §4).
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
