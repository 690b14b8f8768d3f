//! The course of a method's training, as means and deviations over seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::part::{mean_and_deviation, short};
use crate::run::metrics::MetricsRow;

/// Curves over epochs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Curves {
    /// Runs that they are of.
    runs: usize,
    /// 0-based.
    epochs: Vec<i64>,
    /// By name; a value is missing where one is no number.
    series: BTreeMap<&'static str, Series>,
    /// Values that were measured and are no numbers.
    not_numbers: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Series {
    /// Of its values, where it was not measured in every epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    epochs: Option<Vec<i64>>,
    mean: Vec<Option<f64>>,
    /// None where no epoch has two runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deviation: Vec<Option<f64>>,
}

impl Curves {
    /// Of the rows of each run, at about `points` epochs, the first and the last among them.
    pub(super) fn new(runs: &[Vec<MetricsRow>], points: usize) -> Curves {
        let mut by_epoch: BTreeMap<i64, Vec<&MetricsRow>> = BTreeMap::new();
        for row in runs.iter().flatten() {
            by_epoch.entry(row.epoch).or_default().push(row);
        }
        let epochs: Vec<i64> = by_epoch.keys().copied().collect();
        let mut not_numbers = 0;
        let series = MetricsRow::CURVES.into_iter().filter_map(|(name, value)| {
            let measured = |epoch: &i64| by_epoch[epoch].iter().any(|row| value(row).is_some());
            let measured: Vec<i64> = epochs.iter().copied().filter(measured).collect();
            let kept = thinned(&measured, points);
            let at_epochs = kept.iter().map(|epoch| {
                let values: Vec<f64> = by_epoch[epoch].iter().filter_map(|row| value(row)).collect();
                not_numbers += values.iter().filter(|value| !value.is_finite()).count();
                mean_and_deviation(&values)
            });
            let (mean, deviation): (Vec<Option<f64>>, Vec<Option<f64>>) = at_epochs
                .map(|(mean, deviation)| (finite(mean), finite(deviation)))
                .unzip();
            let has_deviations = deviation.iter().any(Option::is_some);
            let deviation = if has_deviations { deviation } else { Vec::new() };
            let has_values = mean.iter().any(Option::is_some);
            let epochs = (measured.len() < epochs.len()).then_some(kept);
            has_values.then_some((
                name,
                Series {
                    epochs,
                    mean,
                    deviation,
                },
            ))
        });
        let series = series.collect();
        Curves {
            runs: runs.len(),
            epochs: thinned(&epochs, points),
            series,
            not_numbers,
        }
    }
}

/// About `points` of the epochs, the first and the last among them.
fn thinned(epochs: &[i64], points: usize) -> Vec<i64> {
    let step = epochs.len().div_ceil(points.max(1)).max(1);
    let kept = epochs.iter().step_by(step).chain(epochs.last()).copied();
    let mut kept: Vec<i64> = kept.collect();
    kept.dedup();
    kept
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite()).map(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(losses: &[f64]) -> Vec<MetricsRow> {
        let lines = losses
            .iter()
            .enumerate()
            .map(|(epoch, loss)| format!("{epoch},0.1,{loss},0.5,1,1\n"));
        let text = "epoch,learning_rate,train_loss,accuracy,images_per_second,seconds\n".to_owned();
        let text = text + &lines.collect::<String>();
        let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
        rows.collect::<Result<_, _>>().expect("sound rows")
    }

    #[test]
    fn a_curve_has_means_and_deviations_over_the_seeds_and_gaps_where_a_value_is_no_number() {
        let curves = Curves::new(&[rows(&[1.0, 4.0, f64::NAN]), rows(&[3.0, 4.0, 1.0])], 100);
        let loss = &curves.series["train_loss"];
        assert_eq!(loss.mean, [Some(2.0), Some(4.0), None]);
        assert_eq!(loss.deviation, [Some(1.414), Some(0.0), None]);
        assert_eq!((curves.runs, curves.not_numbers), (2, 1));
        assert!(!curves.series.contains_key("few"), "no run has it");
        assert_eq!(Curves::new(&[rows(&[1.0])], 100).series["train_loss"].deviation, []);
    }

    #[test]
    fn long_trainings_are_thinned_out_and_keep_their_ends() {
        let curves = Curves::new(&[rows(&[0.5; 10])], 4);
        assert_eq!(curves.epochs, [0, 3, 6, 9]);
        assert_eq!(Curves::new(&[rows(&[0.5; 11])], 4).epochs, [0, 3, 6, 9, 10]);
        assert_eq!(Curves::new(&[], 4).epochs, [0_i64; 0]);
    }

    #[test]
    fn what_is_measured_in_some_epochs_alone_keeps_them_when_a_training_is_thinned_out() {
        let mut measured = rows(&[0.5; 10]);
        for epoch in [1, 5, 9] {
            measured[epoch].test_nc1 = Some(epoch as f64);
        }
        let curves = Curves::new(&[measured], 4);
        let nc1 = &curves.series["test_nc1"];
        assert_eq!(nc1.epochs.as_deref(), Some([1, 5, 9].as_slice()));
        assert_eq!(nc1.mean, [Some(1.0), Some(5.0), Some(9.0)]);
        assert_eq!(curves.series["accuracy"].epochs, None);
    }
}
