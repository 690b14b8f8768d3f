//! Metrics of a finished run, which tables average over seeds.

use crate::run::Outcome;

/// A column of `summary.csv`, and its value in an outcome. A new metric is a constant here and an entry of [`Metric::ALL`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its field in [`Outcome`], and its column in frames and files.
    pub(crate) name: &'static str,
    /// `None` if the run does not have it.
    pub(crate) of: fn(&Outcome) -> Option<f64>,
}

impl Metric {
    /// Test accuracy after the last epoch.
    pub(crate) const ACCURACY_LAST: Metric = metric("accuracy_last", |outcome| Some(outcome.accuracy_last));
    /// Highest test accuracy of any epoch; of a classifier that was only computed, its accuracy.
    pub(crate) const ACCURACY_BEST: Metric = metric("accuracy_best", |outcome| {
        outcome
            .accuracy_best
            .or((outcome.epochs == 0).then_some(outcome.accuracy_last))
    });
    /// Test accuracy after the epoch with the highest validation accuracy.
    pub(crate) const ACCURACY_SELECTED: Metric = metric("accuracy_selected", |outcome| outcome.accuracy_selected);
    /// Mean class accuracy, many-shot classes.
    pub(crate) const MANY: Metric = metric("many", |outcome| outcome.many);
    /// Medium-shot classes.
    pub(crate) const MEDIUM: Metric = metric("medium", |outcome| outcome.medium);
    /// Few-shot classes.
    pub(crate) const FEW: Metric = metric("few", |outcome| outcome.few);
    /// NC1: within-class scatter over between-class scatter.
    pub(crate) const NC1: Metric = metric("nc1", |outcome| outcome.nc1);
    /// NC2: mean |cos + 1/(K−1)| of class means.
    pub(crate) const NC2_EQUIANGULARITY: Metric = metric("nc2_equiangularity", |outcome| outcome.nc2_equiangularity);

    /// In the order of `summary.csv`.
    pub(crate) const ALL: [Metric; 17] = [
        Metric::ACCURACY_LAST,
        Metric::ACCURACY_BEST,
        Metric::ACCURACY_SELECTED,
        Metric::MANY,
        Metric::MEDIUM,
        Metric::FEW,
        metric("many_by_index", |outcome| outcome.many_by_index),
        metric("medium_by_index", |outcome| outcome.medium_by_index),
        metric("few_by_index", |outcome| outcome.few_by_index),
        metric("top5", |outcome| outcome.top5),
        metric("ece", |outcome| outcome.ece),
        Metric::NC1,
        Metric::NC2_EQUIANGULARITY,
        metric("nc2_min_angle", |outcome| outcome.nc2_min_angle),
        metric("nc2_norm_cov", |outcome| outcome.nc2_norm_cov),
        metric("nc3", |outcome| outcome.nc3),
        metric("seconds", |outcome| Some(outcome.seconds)),
    ];
}

const fn metric(name: &'static str, of: fn(&Outcome) -> Option<f64>) -> Metric {
    Metric { name, of }
}

impl PartialEq for Metric {
    /// Every metric has its own name.
    fn eq(&self, other: &Metric) -> bool {
        self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_name_is_one_metrics() {
        let names: HashSet<&str> = Metric::ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
