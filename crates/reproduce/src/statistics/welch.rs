//! Welch's t test: two samples with variances of their own.

use super::{mean_and_variance, student};

/// A difference of means and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Welch {
    /// Difference over its standard error.
    pub(crate) t: f64,
    /// Degrees of freedom (Welch–Satterthwaite).
    pub(crate) freedom: f64,
    /// Two-sided.
    pub(crate) p: f64,
}

/// Of the mean of `left` less that of `right`; `None` with fewer than two values on a side, or where no value differs.
pub(crate) fn welch(left: &[f64], right: &[f64]) -> Option<Welch> {
    let (left_mean, left_variance) = mean_and_variance(left);
    let (right_mean, right_variance) = mean_and_variance(right);
    let shares = [
        (left_variance? / left.len() as f64, left.len()),
        (right_variance? / right.len() as f64, right.len()),
    ];
    let variance: f64 = shares.iter().map(|(share, _)| share).sum();
    if variance <= 0.0 {
        return None;
    }
    let freedom = satterthwaite(&shares, variance);
    let t = (left_mean - right_mean) / variance.sqrt();
    let p = student::two_sided(t, freedom);
    Some(Welch { t, freedom, p })
}

/// Degrees of freedom of a `variance` of which each share comes from so many values. What of the variance is in no share is taken
/// as known; where all of it is, they are infinite.
pub(crate) fn satterthwaite(shares: &[(f64, usize)], variance: f64) -> f64 {
    let squares: f64 = shares
        .iter()
        .map(|&(share, values)| share.powi(2) / (values as f64 - 1.0))
        .sum();
    if squares > 0.0 {
        variance.powi(2) / squares
    } else {
        f64::INFINITY
    }
}
