//! What a page shows, or why it does not.

use serde::Serialize;

/// A part of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part<T> {
    /// It is there.
    Shown(T),
    /// It is not, with the reason, a sentence without a full stop.
    Missing(String),
}

impl<T> Part<T> {
    pub(super) fn missing(reason: impl Into<String>) -> Part<T> {
        Part::Missing(reason.into())
    }
}

impl<T> From<anyhow::Result<T>> for Part<T> {
    fn from(result: anyhow::Result<T>) -> Part<T> {
        match result {
            Ok(shown) => Part::Shown(shown),
            Err(error) => Part::Missing(format!("{error:#}")),
        }
    }
}

/// Mean over seeds, and sample deviation where there are two; `None` without a value. Values that are no numbers, such as the loss of a
/// training that diverged, stay such.
pub(super) fn mean_and_deviation(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    (Some(mean), deviation)
}

/// With four significant digits, which are more than a chart shows: a page of 300 runs has a million numbers.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value) // `NaN` and `inf` are read back too
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_needs_a_value_and_a_deviation_two() {
        assert_eq!(mean_and_deviation(&[]), (None, None));
        assert_eq!(mean_and_deviation(&[2.0]), (Some(2.0), None));
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), (Some(2.0), Some(2.0_f64.sqrt())));
        let (mean, deviation) = mean_and_deviation(&[1.0, f64::NAN]);
        assert!(mean.expect("two values").is_nan() && deviation.expect("two values").is_nan());
    }

    #[test]
    fn numbers_keep_four_digits() {
        let shortened = [0.123_456, 98_766.0, 0.0, -1e-9].map(|value| short(value).to_string());
        assert_eq!(shortened, ["0.1235", "98770", "0", "-0.000000001"]);
        assert!(short(f64::NAN).is_nan());
    }
}
