//! Contrastive terms: projected features of a batch's views against each other.

mod balanced;
mod projection;

use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use projection::Projection;

pub use balanced::{BalancedContrast, balanced_contrast};

/// The closed set of contrastive terms. Each sees two more views of every image, augmented like the batch but unmixed,
/// which pass the network with it, and learns networks of its own, which no prediction needs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Contrast {
    /// Balanced contrastive learning (BCL), Zhu et al. 2022.
    Balanced(BalancedContrast),
}

/// A contrastive term at work: its settings beside what it learns.
#[derive(Debug)]
pub(crate) struct ContrastiveBranch {
    settings: BalancedContrast,
    /// Of features, `[2b, d]` → `[2b, p]`.
    features: Projection,
    /// Of the classifier's rows, `[k, d]` → `[k, p]`: the classes' prototypes.
    classes: Projection,
}

impl Contrast {
    /// Builds what it learns under `path`, for features of `dimension`.
    pub(crate) fn build(self, path: &Path, dimension: i64) -> ContrastiveBranch {
        let Contrast::Balanced(settings) = self;
        ContrastiveBranch {
            settings,
            features: Projection::new(&(path / "features"), dimension, settings.dimension),
            classes: Projection::new(&(path / "classes"), dimension, settings.dimension),
        }
    }
}

impl ContrastiveBranch {
    /// Its share of a batch's loss, a scalar: features of the views `[2b, d]`, all first ones before all second ones,
    /// labels of their images `[b]` and the classifier's rows `[k, d]`.
    pub(crate) fn forward(&self, features: &Tensor, labels: &Tensor, rows: &Tensor) -> Tensor {
        let (views, prototypes) = (self.features.forward(features), self.classes.forward(rows));
        let BalancedContrast {
            weight, temperature, ..
        } = self.settings;
        balanced_contrast(&views, &prototypes, &labels.repeat([2]), temperature) * weight
    }
}
