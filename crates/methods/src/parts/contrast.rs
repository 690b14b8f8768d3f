//! Contrastive terms: they compare projected features of a batch's views.

mod balanced;
mod k_positive;
mod parametric;
mod probabilistic;
mod projection;

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::nn::Path;
use tch::{Kind, Tensor};

use crate::parts::loss::{LossInput, prior_adjustment};
use crate::range::{OutOfRange, positive, require};
use projection::Projection;

pub use balanced::BalancedContrast;
use balanced::balanced_contrast;
pub use k_positive::KPositiveContrast;
use k_positive::k_positive_contrast;
pub use parametric::ParametricContrast;
use parametric::parametric_contrast;
pub use probabilistic::ProbabilisticContrast;
use probabilistic::{ClassDistributions, probabilistic_contrast};

/// A contrastive term. Each sees more views of every image, augmented like the batch but unmixed, which pass through
/// the network with the batch. It learns projections of its own, which predictions do not need.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ContrastiveTerm {
    /// Balanced contrastive learning (BCL), Zhu et al. 2022: added to the loss.
    Balanced(BalancedContrast),
    /// K-positive contrastive learning (KCL), Kang et al. 2021: it alone trains the features.
    KPositive(KPositiveContrast),
    /// Parametric contrastive learning (`PaCo`), Cui et al. 2021: it replaces the loss.
    Parametric(ParametricContrast),
    /// Probabilistic contrastive learning (`ProCo`), Du et al. 2024: added to the loss.
    Probabilistic(ProbabilisticContrast),
}

/// A contrastive term in use: its settings and what it learns.
#[derive(Debug)]
pub(crate) enum ContrastiveBranch {
    Balanced {
        settings: BalancedContrast,
        /// Projects features, `[2b, d]` → `[2b, p]`.
        features: Projection,
        /// Projects the classifier's rows to the classes' prototypes, `[k, d]` → `[k, p]`.
        classes: Projection,
    },
    KPositive {
        settings: KPositiveContrast,
        features: Projection,
    },
    Parametric {
        settings: ParametricContrast,
        features: Projection,
    },
    Probabilistic {
        settings: ProbabilisticContrast,
        features: Projection,
        /// Distribution of each class's projected features.
        classes: ClassDistributions,
    },
}

impl ContrastiveTerm {
    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        let (temperature, dimension) = match self {
            ContrastiveTerm::Balanced(balanced) => {
                positive("balanced.weight", balanced.weight)?;
                (balanced.temperature, balanced.dimension)
            }
            ContrastiveTerm::KPositive(k_positive) => {
                let (name, positives) = ("k-positive.positives", k_positive.positives);
                require(name, positives as f64, positives >= 0, "0 or more")?;
                (k_positive.temperature, k_positive.dimension)
            }
            ContrastiveTerm::Parametric(parametric) => {
                positive("parametric.alpha", parametric.alpha)?;
                (parametric.temperature, parametric.dimension)
            }
            ContrastiveTerm::Probabilistic(probabilistic) => {
                positive("probabilistic.weight", probabilistic.weight)?;
                let (name, dimension) = ("probabilistic.dimension", probabilistic.dimension);
                require(name, dimension as f64, dimension >= 16, "16 or more")?;
                (probabilistic.temperature, dimension)
            }
        };
        positive("contrast.temperature", temperature)?;
        require("contrast.dimension", dimension as f64, dimension >= 1, "1 or more")
    }

    /// How many views of each image it needs beside the batch; if 1, the batch itself is the first of two views.
    pub(crate) fn more_views(self) -> usize {
        match self {
            ContrastiveTerm::Balanced(_) | ContrastiveTerm::Probabilistic(_) => 2,
            ContrastiveTerm::KPositive(_) | ContrastiveTerm::Parametric(_) => 1,
        }
    }

    /// Whether it is added to the loss, on views of its own; otherwise the batch is one of the views, and the contrast
    /// alone trains the features.
    pub(crate) fn is_beside_the_loss(self) -> bool {
        matches!(self, ContrastiveTerm::Balanced(_) | ContrastiveTerm::Probabilistic(_))
    }

    /// Whether it replaces the loss.
    pub(crate) fn replaces_the_loss(self) -> bool {
        matches!(self, ContrastiveTerm::Parametric(_))
    }

    /// Builds what it learns under `path`, for features of `dimension` and for `classes` classes.
    pub(crate) fn build(self, path: &Path, dimension: i64, classes: i64) -> ContrastiveBranch {
        let projection = |name, outputs| Projection::new(&(path / name), [dimension, dimension, outputs]);
        match self {
            ContrastiveTerm::Balanced(settings) => ContrastiveBranch::Balanced {
                settings,
                features: projection("features", settings.dimension),
                classes: projection("classes", settings.dimension),
            },
            ContrastiveTerm::KPositive(settings) => ContrastiveBranch::KPositive {
                settings,
                features: projection("features", settings.dimension),
            },
            ContrastiveTerm::Parametric(settings) => ContrastiveBranch::Parametric {
                settings,
                features: projection("features", settings.dimension),
            },
            ContrastiveTerm::Probabilistic(settings) => {
                let widths = [dimension, ProbabilisticContrast::HIDDEN, settings.dimension];
                ContrastiveBranch::Probabilistic {
                    settings,
                    features: Projection::new(&(path / "features"), widths),
                    classes: ClassDistributions::new(&(path / "distributions"), classes, settings.dimension),
                }
            }
        }
    }
}

/// Such as `balanced contrastive learning (…)`.
impl fmt::Display for ContrastiveTerm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContrastiveTerm::Balanced(balanced) => balanced.fmt(formatter),
            ContrastiveTerm::KPositive(k_positive) => k_positive.fmt(formatter),
            ContrastiveTerm::Parametric(parametric) => parametric.fmt(formatter),
            ContrastiveTerm::Probabilistic(probabilistic) => probabilistic.fmt(formatter),
        }
    }
}

impl ContrastiveBranch {
    /// Call it before the first batch of an epoch.
    pub(crate) fn begin_epoch(&self) {
        if let ContrastiveBranch::Probabilistic { classes, .. } = self {
            classes.begin_epoch();
        }
    }

    /// Its term of a batch's loss, a scalar, from the batch with the unmixed labels of its images, the features of the
    /// further views `[vb, d]`, all first views before all second ones, and the classifier's rows `[k, d]`.
    pub(crate) fn forward(&self, batch: &LossInput<'_>, view_features: &Tensor, rows: &Tensor) -> Tensor {
        let labels = batch.labels.repeat([2]);
        let with_batch = || Tensor::cat(&[batch.features, view_features], 0); // [2b, d]
        match self {
            ContrastiveBranch::Balanced {
                settings,
                features,
                classes,
            } => {
                let (views, prototypes) = (features.forward(view_features), classes.forward(rows));
                balanced_contrast(&views, &prototypes, &labels, settings.temperature) * settings.weight
            }
            ContrastiveBranch::KPositive { settings, features } => {
                let views = features.forward(&with_batch());
                k_positive_contrast(&views, &labels, settings.positives, settings.temperature)
            }
            ContrastiveBranch::Parametric { settings, features } => {
                let views = features.forward(&with_batch());
                let logits = batch.logits + prior_adjustment(batch.class_counts, 1.0);
                parametric_contrast(&logits, &views, &labels, settings.alpha, settings.temperature)
            }
            ContrastiveBranch::Probabilistic {
                settings,
                features,
                classes,
            } => {
                let (views, counts) = (features.forward(view_features), batch.class_counts);
                probabilistic_contrast(&views, classes, batch.labels, counts, settings.temperature) * settings.weight
            }
        }
    }

    /// Whether it alone trains the features, and the classifier learns on them detached.
    pub(crate) fn teaches_alone(&self) -> bool {
        matches!(self, ContrastiveBranch::KPositive { .. })
    }
}

/// −mean_i Σ_j w_ij ln s_ij / Σ_j w_ij over anchors i and their positives, the keys j with weight w_ij > 0. The
/// logarithms of the shares s and the weights are `[n, m]` → scalar.
fn negative_log_likelihood(log_shares: &Tensor, weights: &Tensor) -> Tensor {
    let total = |values: Tensor| values.sum_dim_intlist(1_i64, false, None::<Kind>);
    let weighted = log_shares.masked_fill(&weights.le(0.0), 0.0) * weights; // −∞ · 0 would be NaN where j is no key
    -(total(weighted) / total(weights.shallow_clone())).mean(None::<Kind>)
}

#[cfg(test)]
mod tests;
