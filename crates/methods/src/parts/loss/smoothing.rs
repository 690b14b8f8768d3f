//! Label smoothing, with one ε for all classes or one for each.

use std::f64::consts::FRAC_PI_2;
use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::input::{LossInput, sample_weights};

/// How label-aware smoothing falls from the largest class to the rarest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SmoothingShape {
    /// Along a quarter of a sine that stays near the head's ε (the usual one in Zhong et al. 2021).
    Concave,
    /// Straight.
    Linear,
    /// Along the other quarter, which stays near the tail's ε.
    Convex,
    /// With a power of q (an option of its code).
    Power {
        /// Above 0; 1 is linear.
        exponent: f64,
    },
}

/// ε of each class, `[k]`, from class counts `[k]`: `head` for the largest class, `tail` for the rarest, between them
/// along `shape` by q = (n_k − n_min) / (n_max − n_min). If all counts are equal, every class counts as the rarest.
pub fn label_aware_smoothing(class_counts: &Tensor, head: f64, tail: f64, shape: SmoothingShape) -> Tensor {
    let smallest = class_counts.min();
    let range = (class_counts.max() - &smallest).clamp_min(1.0);
    let place = (class_counts - smallest) / range;
    match shape {
        SmoothingShape::Concave => (place * FRAC_PI_2).sin() * (head - tail) + tail,
        SmoothingShape::Linear => place * (head - tail) + tail,
        SmoothingShape::Convex => (1.0 - (place * FRAC_PI_2).cos()) * (head - tail) + tail,
        SmoothingShape::Power { exponent } => place.pow_tensor_scalar(exponent) * (head - tail) + tail,
    }
}

/// (1 − ε_y) (−ln p_y) + ε_y mean_k(−ln p_k), averaged: scalar. `smoothing` holds ε of each class, `[k]`.
pub(super) fn smoothed_cross_entropy(batch: &LossInput<'_>, smoothing: &Tensor) -> Tensor {
    let surprisal = -batch.logits.log_softmax(1, batch.logits.kind()); // [b, k]
    let smoothing = smoothing.index_select(0, batch.labels); // [b]
    let own = surprisal.gather(1, &batch.labels.unsqueeze(1), false).squeeze_dim(1);
    let all = surprisal.mean_dim(1, false, None::<Kind>);
    let losses: Tensor = (1.0 - &smoothing) * own + smoothing * all;
    match sample_weights(batch) {
        None => losses.mean(None::<Kind>),
        Some(weights) => (losses * &weights).sum(None::<Kind>) / weights.sum(None::<Kind>),
    }
}

/// Such as `concave`.
impl fmt::Display for SmoothingShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SmoothingShape::Concave => formatter.write_str("concave"),
            SmoothingShape::Linear => formatter.write_str("linear"),
            SmoothingShape::Convex => formatter.write_str("convex"),
            SmoothingShape::Power { exponent } => write!(formatter, "power {exponent}"),
        }
    }
}
