//! Rows of the tables that a finished run writes and that reports read.

use serde::{Deserialize, Serialize};

/// One row of `confusion.csv`: how many test samples of a class are predicted as which. A pair of classes without samples has no
/// row; older versions wrote one for every pair.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfusionRow {
    pub(crate) label: i64,
    pub(crate) prediction: i64,
    pub(crate) samples: i64,
}

/// The shift of a row of `robustness.csv` under noise on the pixels.
pub(crate) const GAUSSIAN_NOISE: &str = "gaussian-noise";
/// The shift of the unchanged test split, in which all classes are equally frequent.
pub(crate) const UNIFORM: &str = "uniform";

/// One row of `robustness.csv`: test accuracy, in 0..1, under noise or other class frequencies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RobustnessRow {
    pub(crate) shift: String,
    /// Standard deviation of the noise, or ratio of the class frequencies; `uniform` ones have none.
    pub(crate) strength: Option<f64>,
    pub(crate) accuracy: f64,
}

/// One row of `calibration.csv`: the test images whose predictions have about this confidence, in 0..1.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CalibrationRow {
    /// Of all test images.
    pub(crate) share: f64,
    pub(crate) confidence: f64,
    pub(crate) accuracy: f64,
}

/// One row of `angles.csv`: the angle between the centred means of two classes' features, on the training split in evaluation mode. Each
/// pair has one row, with the smaller class number first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AngleRow {
    pub(crate) class: i64,
    pub(crate) other_class: i64,
    pub(crate) angle_degrees: f64,
}
