//! What a baseline is compared by.

use crate::compare::Measure;
use crate::run::Outcome;

/// A number of a run that may become worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// An accuracy; higher is better.
    Accuracy(Measure),
    /// Within-class variability of the training features; lower is better.
    Nc1,
    /// Distance of their class means from equal angles; lower is better.
    Nc2,
    /// Distance of the classifier's rows from the class means; lower is better.
    Nc3,
}

impl Metric {
    /// In the order of tables.
    pub(crate) const ALL: [Metric; 8] = [
        Metric::Accuracy(Measure::Top1),
        Metric::Accuracy(Measure::Many),
        Metric::Accuracy(Measure::Medium),
        Metric::Accuracy(Measure::Few),
        Metric::Accuracy(Measure::GroupMean),
        Metric::Nc1,
        Metric::Nc2,
        Metric::Nc3,
    ];

    /// Those that are measured on features, not on predictions.
    pub(crate) const OF_COLLAPSE: [Metric; 3] = [Metric::Nc1, Metric::Nc2, Metric::Nc3];

    /// As tables and baselines name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Accuracy(measure) => measure.name(),
            Metric::Nc1 => "NC1",
            Metric::Nc2 => "NC2",
            Metric::Nc3 => "NC3",
        }
    }

    /// The unit of its differences and margins.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Accuracy(_) => "points",
            Metric::Nc1 | Metric::Nc2 | Metric::Nc3 => "%",
        }
    }

    /// How much worse it may be, in its unit, where no baseline says so yet. The fewer images a number comes from, the more of it is
    /// chance that differs between processors.
    pub(crate) fn default_margin(self) -> f64 {
        match self {
            Metric::Accuracy(Measure::Top1 | Measure::GroupMean) => 0.5,
            Metric::Accuracy(Measure::Many) => 1.0,
            Metric::Accuracy(Measure::Medium) => 2.0,
            Metric::Accuracy(Measure::Few) => 3.0,
            Metric::Nc1 | Metric::Nc3 => 20.0,
            Metric::Nc2 => 5.0,
        }
    }

    /// Its value in an outcome, for those that follow from no prediction.
    pub(crate) fn measured(self, outcome: &Outcome) -> Option<f64> {
        match self {
            Metric::Accuracy(_) => None,
            Metric::Nc1 => outcome.nc1,
            Metric::Nc2 => outcome.nc2_equiangularity,
            Metric::Nc3 => outcome.nc3,
        }
    }
}
