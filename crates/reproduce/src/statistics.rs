//! Statistics of a few seeds: what a difference between two methods is worth.

pub(crate) mod bootstrap;
pub(crate) mod holm;
pub(crate) mod mcnemar;
pub(crate) mod student;
pub(crate) mod welch;

#[cfg(test)]
mod error_rates;
#[cfg(test)]
mod reference;

/// Mean and sample variance (with n − 1); the variance of fewer than two values is missing.
pub(crate) fn mean_and_variance(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| squares / (n - 1.0)))
}
