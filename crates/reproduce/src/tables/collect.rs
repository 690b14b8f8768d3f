//! Aggregation with polars: means and standard deviations over seeds for each row of a table.

use std::collections::HashMap;

use polars::prelude::*;
use serde::Serialize;

use crate::run::Outcome;
use crate::run::metric::Metric;

/// Mean of a metric over seeds, and its sample standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Over the seeds that have the metric.
    pub(crate) mean: f64,
    /// With n − 1; `None` for one seed.
    pub(crate) deviation: Option<f64>,
}

/// The metrics that a row's finished runs have, by [`Metric::name`].
pub(crate) type Spreads = HashMap<&'static str, Spread>;

/// Name of the column with the row that an outcome belongs to.
const ROW: &str = "row";

/// Means and deviations of the outcomes of each row; none if a row has no outcome.
///
/// # Errors
/// Those of polars, for frames too large to hold.
#[expect(
    deprecated,
    reason = "polars deprecates eager means for its lazy engine, which takes minutes to compile"
)]
pub(crate) fn spreads(rows: &[Vec<&Outcome>]) -> PolarsResult<Vec<Spreads>> {
    let mut spreads = vec![Spreads::new(); rows.len()];
    if rows.iter().all(Vec::is_empty) {
        return Ok(spreads);
    }
    let frame = frame(rows)?;
    let groups = frame
        .group_by_stable([ROW])?
        .select(Metric::ALL.map(|metric| metric.name));
    let (means, deviations) = (groups.mean()?, groups.std(1)?);
    let row_of_line = means.column(ROW)?.u64()?;
    for metric in Metric::ALL {
        let mean = means.column(&format!("{}_mean", metric.name))?.f64()?;
        let deviation = deviations.column(&format!("{}_agg_std", metric.name))?.f64()?;
        for ((row, mean), deviation) in row_of_line.iter().zip(mean.iter()).zip(deviation.iter()) {
            if let (Some(row), Some(mean)) = (row, mean) {
                spreads[row as usize].insert(metric.name, Spread { mean, deviation });
            }
        }
    }
    Ok(spreads)
}

/// One line per outcome: its row and its metrics, which may be missing.
fn frame(rows: &[Vec<&Outcome>]) -> PolarsResult<DataFrame> {
    let lines = || {
        (0_u64..)
            .zip(rows)
            .flat_map(|(row, outcomes)| outcomes.iter().map(move |outcome| (row, *outcome)))
    };
    let mut columns = vec![Column::new(ROW.into(), lines().map(|(row, _)| row).collect::<Vec<_>>())];
    columns.extend(Metric::ALL.map(|metric| {
        let values: Vec<Option<f64>> = lines().map(|(_, outcome)| (metric.of)(outcome)).collect();
        Column::new(metric.name.into(), values)
    }));
    DataFrame::new(columns[0].len(), columns)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::RunId;

    /// A finished run with invented values.
    pub(crate) fn outcome(method: &str, ratio: f64, seed: i64, accuracy: f64) -> Outcome {
        let text = str::to_owned;
        Outcome {
            run: RunId::named(format!("{method}.r{ratio}.s{seed}")),
            first_stage: None,
            method: text(method),
            dataset: text("cifar10"),
            protocol: text("paper"),
            imbalance: text("exponential"),
            ratio: Some(ratio),
            seed,
            backbone: text("ResNet-32"),
            parameters: 464_154,
            epochs: 200,
            train_images: 12_406,
            accuracy_last: accuracy,
            accuracy_best: Some(accuracy + 0.01),
            best_epoch: Some(190),
            evaluations: None,
            accuracy_selected: None,
            selected_epoch: None,
            tau: None,
            many: Some(accuracy + 0.1),
            medium: Some(accuracy - 0.1),
            few: None,
            many_by_index: None,
            medium_by_index: None,
            few_by_index: Some(accuracy - 0.2),
            top5: None,
            ece: None,
            nc1: Some(0.25),
            nc2_equiangularity: Some(0.125),
            nc2_min_angle: None,
            nc2_norm_cov: None,
            nc3: None,
            seconds: 60.0,
            device: text("cpu"),
            precision: text("f32"),
            threads: 1,
            processes: 1,
            libtorch: Some(text("2.11.0")),
            launch: text("eager"),
            commit: text("0123abc"),
            data_digest: text("d1"),
            split_digest: text("d2"),
            replaced: 0,
            predictions_digest: None,
            command: text("reproduce run one"),
        }
    }

    fn spread(outcomes: &[Outcome], metric: Metric) -> Option<Spread> {
        let spreads = spreads(&[outcomes.iter().collect()]).expect("a small frame");
        spreads[0].get(metric.name).copied()
    }

    #[test]
    fn deviation_is_that_of_a_sample() {
        let outcomes = [0.7, 0.72, 0.77].map(|accuracy| outcome("ce", 100.0, 0, accuracy));
        let Spread { mean, deviation } = spread(&outcomes, Metric::ACCURACY_LAST).expect("all runs have an accuracy");
        // numpy.mean and numpy.std(ddof=1) of [0.7, 0.72, 0.77]
        assert!((mean - 0.73).abs() < 1e-12);
        assert!((deviation.expect("three seeds") - 0.036_055_512_754_639_89).abs() < 1e-12);
    }

    #[test]
    fn one_seed_has_no_deviation() {
        let spread = spread(&[outcome("ce", 100.0, 0, 0.7)], Metric::ACCURACY_LAST);
        assert_eq!(
            spread,
            Some(Spread {
                mean: 0.7,
                deviation: None
            })
        );
    }

    #[test]
    fn a_missing_value_is_left_out_and_never_zero() {
        let mut outcomes = [0.7, 0.8].map(|accuracy| outcome("ce", 100.0, 0, accuracy));
        assert_eq!(spread(&outcomes, Metric::FEW), None);
        outcomes[1].few = Some(0.5);
        assert_eq!(
            spread(&outcomes, Metric::FEW),
            Some(Spread {
                mean: 0.5,
                deviation: None
            })
        );
    }

    #[test]
    fn rows_are_kept_apart_and_an_empty_one_has_nothing() {
        let outcomes = [0.7, 0.9, 0.8].map(|accuracy| outcome("ce", 100.0, 0, accuracy));
        let [first, second, third] = &outcomes;
        let spreads = spreads(&[vec![first, third], vec![], vec![second]]).expect("a small frame");
        let mean = |row: usize| spreads[row].get("accuracy_last").map(|spread| spread.mean);
        assert_eq!((mean(0), mean(1), mean(2)), (Some(0.75), None, Some(0.9)));
    }

    #[test]
    fn without_outcomes_every_metric_is_missing() {
        assert_eq!(spread(&[], Metric::ACCURACY_LAST), None);
    }
}
