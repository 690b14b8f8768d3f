//! Select: which epoch stands for a run.

use clap::ValueEnum;

use crate::tables::collect::Metric;

/// Which epoch's test accuracy is compared with the published one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Select {
    /// The last
    #[default]
    Last,
    /// The one with the highest accuracy on the validation split, which the grid must hold out
    Val,
    /// The one with the highest accuracy on the test split itself, as many papers do: it flatters
    TestBest,
}

impl Select {
    /// The metric that holds it.
    pub(crate) fn metric(self) -> Metric {
        match self {
            Select::Last => Metric::AccuracyLast,
            Select::Val => Metric::AccuracySelected,
            Select::TestBest => Metric::AccuracyBest,
        }
    }

    /// As the command line spells it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Select::Last => "",
            Select::Val => " --select val",
            Select::TestBest => " --select test-best",
        }
    }
}
