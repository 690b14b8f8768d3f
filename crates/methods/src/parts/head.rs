//! Heads: features to logits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::range::{OutOfRange, positive};

/// The classifier that a first stage learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Head {
    /// `features · weightᵀ + bias`, weight `[k, d]`.
    #[default]
    Linear,
    /// Cosine of feature and column, weight `[d, k]`, no bias (`NormedLinear` of Cao et al. 2019's code).
    Cosine,
    /// As [`Head::Cosine`], times a fixed scale, for losses without one: a softmax of numbers between −1 and 1 hardly
    /// prefers a class (30 in the public code of Wang et al. 2021 and Zhang et al. 2022).
    ScaledCosine {
        /// Above 0.
        scale: f64,
    },
    /// Cosine of feature and row of a fixed simplex equiangular tight frame, drawn at the start and never trained; the
    /// features pass through a batch norm first (Yang et al. 2022, §4.1 and their public code).
    FixedEtf,
}

impl Head {
    /// As written in a grid.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Head::Linear => "linear",
            Head::Cosine => "cosine",
            Head::ScaledCosine { .. } => "scaled-cosine",
            Head::FixedEtf => "fixed-etf",
        }
    }

    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        match self {
            Head::ScaledCosine { scale } => positive("scaled-cosine.scale", scale),
            Head::Linear | Head::Cosine | Head::FixedEtf => Ok(()),
        }
    }
}

/// Such as `cosine head`.
impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Head::Linear => formatter.write_str("linear head"),
            Head::Cosine => formatter.write_str("cosine head"),
            Head::ScaledCosine { scale } => write!(formatter, "cosine head (scale {scale})"),
            Head::FixedEtf => formatter.write_str("fixed ETF head"),
        }
    }
}
