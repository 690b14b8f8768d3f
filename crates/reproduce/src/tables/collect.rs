//! Collect: finished runs to a frame, and the frame to means and deviations over seeds.

use std::collections::HashMap;

use polars::prelude::*;

use crate::run::Outcome;

/// The measured values of a run that are averaged over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Test accuracy after the last epoch.
    AccuracyLast,
    /// Highest test accuracy of any epoch.
    AccuracyBest,
    /// Test accuracy after the epoch with the highest validation accuracy.
    AccuracySelected,
    /// Mean class accuracy, many-shot classes.
    Many,
    /// Medium-shot classes.
    Medium,
    /// Few-shot classes.
    Few,
    /// Mean class accuracy, the first 36 % of classes, from the largest to the smallest.
    ManyByIndex,
    /// The next 35 %.
    MediumByIndex,
    /// The last 29 %.
    FewByIndex,
    /// Share of samples with their label among the five largest logits.
    Top5,
    /// Expected calibration error.
    Ece,
    /// Within-class scatter over between-class scatter.
    Nc1,
    /// Mean |cos + 1/(K−1)| of class means.
    Nc2Equiangularity,
    /// Smallest angle between class means, degrees.
    Nc2MinAngle,
    /// Variation of the norms of class means.
    Nc2NormCov,
    /// Distance of classifier and class means.
    Nc3,
    /// Seconds of training and evaluation.
    Seconds,
}

impl Metric {
    /// In the order of `summary.csv`.
    pub(crate) const ALL: [Metric; 17] = [
        Metric::AccuracyLast,
        Metric::AccuracyBest,
        Metric::AccuracySelected,
        Metric::Many,
        Metric::Medium,
        Metric::Few,
        Metric::ManyByIndex,
        Metric::MediumByIndex,
        Metric::FewByIndex,
        Metric::Top5,
        Metric::Ece,
        Metric::Nc1,
        Metric::Nc2Equiangularity,
        Metric::Nc2MinAngle,
        Metric::Nc2NormCov,
        Metric::Nc3,
        Metric::Seconds,
    ];

    /// Its field in [`Outcome`], and its column in frames and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::AccuracyLast => "accuracy_last",
            Metric::AccuracyBest => "accuracy_best",
            Metric::AccuracySelected => "accuracy_selected",
            Metric::Many => "many",
            Metric::Medium => "medium",
            Metric::Few => "few",
            Metric::ManyByIndex => "many_by_index",
            Metric::MediumByIndex => "medium_by_index",
            Metric::FewByIndex => "few_by_index",
            Metric::Top5 => "top5",
            Metric::Ece => "ece",
            Metric::Nc1 => "nc1",
            Metric::Nc2Equiangularity => "nc2_equiangularity",
            Metric::Nc2MinAngle => "nc2_min_angle",
            Metric::Nc2NormCov => "nc2_norm_cov",
            Metric::Nc3 => "nc3",
            Metric::Seconds => "seconds",
        }
    }

    fn of(self, outcome: &Outcome) -> Option<f64> {
        // A classifier that was only computed has no epochs to select among.
        let only = (outcome.epochs == 0).then_some(outcome.accuracy_last);
        match self {
            Metric::AccuracyLast => Some(outcome.accuracy_last),
            Metric::AccuracyBest => outcome.accuracy_best.or(only),
            Metric::AccuracySelected => outcome.accuracy_selected,
            Metric::Many => outcome.many,
            Metric::Medium => outcome.medium,
            Metric::Few => outcome.few,
            Metric::ManyByIndex => outcome.many_by_index,
            Metric::MediumByIndex => outcome.medium_by_index,
            Metric::FewByIndex => outcome.few_by_index,
            Metric::Top5 => outcome.top5,
            Metric::Ece => outcome.ece,
            Metric::Nc1 => outcome.nc1,
            Metric::Nc2Equiangularity => outcome.nc2_equiangularity,
            Metric::Nc2MinAngle => outcome.nc2_min_angle,
            Metric::Nc2NormCov => outcome.nc2_norm_cov,
            Metric::Nc3 => outcome.nc3,
            Metric::Seconds => Some(outcome.seconds),
        }
    }
}

/// Mean of a metric over seeds, and its sample standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// Over the seeds that have the metric.
    pub(crate) mean: f64,
    /// With n − 1; `None` for one seed.
    pub(crate) deviation: Option<f64>,
}

/// Means and deviations of all metrics, one row for each method and imbalance.
#[derive(Debug)]
pub(crate) struct Summary {
    frame: DataFrame,
    rows: HashMap<(String, String), usize>,
}

/// What sets the rows of a [`Summary`] apart.
const KEYS: [&str; 2] = ["method", "imbalance"];

impl Summary {
    /// Groups outcomes by method and imbalance.
    ///
    /// # Errors
    /// Those of polars, for frames too large to hold.
    pub(crate) fn new(outcomes: &[&Outcome]) -> PolarsResult<Summary> {
        if outcomes.is_empty() {
            return Ok(Summary {
                frame: DataFrame::empty(),
                rows: HashMap::new(),
            });
        }
        let frame = means_and_deviations(&frame(outcomes)?)?;
        let (methods, imbalances) = (frame.column("method")?.str()?, frame.column("imbalance")?.str()?);
        let keys = methods.iter().flatten().zip(imbalances.iter().flatten());
        let rows = keys
            .map(|(method, imbalance)| (method.to_owned(), imbalance.to_owned()))
            .zip(0..)
            .collect();
        Ok(Summary { frame, rows })
    }

    /// All metrics of a method under an imbalance (as in `exponential 100`), in the order of [`Metric::ALL`]; `None` where
    /// no finished run has the metric.
    ///
    /// # Errors
    /// None in a frame of this type's own making.
    pub(crate) fn spreads(&self, method: &str, imbalance: &str) -> PolarsResult<Vec<Option<Spread>>> {
        let Some(&row) = self.rows.get(&(method.to_owned(), imbalance.to_owned())) else {
            return Ok(vec![None; Metric::ALL.len()]);
        };
        let spread = |metric: Metric| {
            let mean = self.frame.column(&format!("{}_mean", metric.name()))?.f64()?.get(row);
            let deviation = self
                .frame
                .column(&format!("{}_agg_std", metric.name()))?
                .f64()?
                .get(row);
            Ok(mean.map(|mean| Spread { mean, deviation }))
        };
        Metric::ALL.into_iter().map(spread).collect()
    }
}

/// One row an outcome: its keys and metrics, missing where it has none.
fn frame(outcomes: &[&Outcome]) -> PolarsResult<DataFrame> {
    let methods: Vec<&str> = outcomes.iter().map(|outcome| outcome.method.as_str()).collect();
    let imbalances: Vec<String> = outcomes
        .iter()
        .map(|outcome| format!("{} {}", outcome.imbalance, outcome.ratio))
        .collect();
    let mut columns = vec![
        Column::new("method".into(), methods),
        Column::new("imbalance".into(), imbalances),
    ];
    columns.extend(Metric::ALL.map(|metric| {
        let values: Vec<Option<f64>> = outcomes.iter().map(|outcome| metric.of(outcome)).collect();
        Column::new(metric.name().into(), values)
    }));
    DataFrame::new(outcomes.len(), columns)
}

/// Keys, then mean and sample standard deviation of each metric as `<metric>_mean` and `<metric>_agg_std`.
#[expect(
    deprecated,
    reason = "polars deprecates eager means for its lazy engine, which takes minutes to compile"
)]
fn means_and_deviations(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let groups = frame.group_by_stable(KEYS)?.select(Metric::ALL.map(Metric::name));
    let deviations = groups.std(1)?;
    groups.mean()?.hstack(&deviations.columns()[KEYS.len()..])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A finished run with made-up values.
    pub(crate) fn outcome(method: &str, ratio: f64, seed: i64, accuracy: f64) -> Outcome {
        let text = str::to_owned;
        Outcome {
            run: format!("{method}.r{ratio}.s{seed}"),
            first_stage: None,
            method: text(method),
            dataset: text("cifar10"),
            protocol: text("paper"),
            imbalance: text("exponential"),
            ratio,
            seed,
            backbone: text("ResNet-32"),
            parameters: 464_154,
            epochs: 200,
            train_images: 12_406,
            accuracy_last: accuracy,
            accuracy_best: Some(accuracy + 0.01),
            best_epoch: Some(190),
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
            libtorch: Some(text("2.11.0")),
            launch: Some(text("eager")),
            commit: text("0123abc"),
            data_digest: text("d1"),
            split_digest: text("d2"),
            command: text("reproduce run one"),
        }
    }

    fn spread(outcomes: &[Outcome], metric: Metric) -> Option<Spread> {
        let summary = Summary::new(&outcomes.iter().collect::<Vec<_>>()).expect("a small frame");
        let spreads = summary
            .spreads("ce", "exponential 100")
            .expect("a frame of its own making");
        spreads[Metric::ALL
            .iter()
            .position(|&other| other == metric)
            .expect("one of all")]
    }

    #[test]
    fn deviation_is_that_of_a_sample() {
        let outcomes = [0.7, 0.72, 0.77].map(|accuracy| outcome("ce", 100.0, 0, accuracy));
        let Spread { mean, deviation } = spread(&outcomes, Metric::AccuracyLast).expect("all runs have an accuracy");
        // numpy.mean and numpy.std(ddof=1) of [0.7, 0.72, 0.77]
        assert!((mean - 0.73).abs() < 1e-12);
        assert!((deviation.expect("three seeds") - 0.036_055_512_754_639_89).abs() < 1e-12);
    }

    #[test]
    fn one_seed_has_no_deviation() {
        let spread = spread(&[outcome("ce", 100.0, 0, 0.7)], Metric::AccuracyLast);
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
        assert_eq!(spread(&outcomes, Metric::Few), None);
        outcomes[1].few = Some(0.5);
        assert_eq!(
            spread(&outcomes, Metric::Few),
            Some(Spread {
                mean: 0.5,
                deviation: None
            })
        );
    }

    #[test]
    fn methods_and_imbalances_are_kept_apart() {
        let mut outcomes = vec![
            outcome("ce", 100.0, 0, 0.7),
            outcome("ce", 10.0, 0, 0.9),
            outcome("nc", 100.0, 0, 0.8),
        ];
        outcomes.push(Outcome {
            imbalance: "step".to_owned(),
            ..outcome("ce", 100.0, 0, 0.1)
        });
        let spread = spread(&outcomes, Metric::AccuracyLast);
        assert_eq!(
            spread,
            Some(Spread {
                mean: 0.7,
                deviation: None
            })
        );
    }

    #[test]
    fn without_outcomes_every_metric_is_missing() {
        assert_eq!(spread(&[], Metric::AccuracyLast), None);
    }
}
