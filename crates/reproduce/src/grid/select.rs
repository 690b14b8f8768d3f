//! Select: which epoch stands for a run, and the images that choose it.

use clap::ValueEnum;
use datasets::Validation;

use super::{Grid, GridError, Options, Refusal};
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

impl Grid {
    /// Refuses to select epochs on a validation split that neither the grid nor `options` hold out.
    ///
    /// # Errors
    /// If that is so.
    pub(crate) fn check_select(&self, select: Select, options: &Options) -> Result<(), GridError> {
        if select == Select::Val && self.file.validation.is_none() && options.validation.is_none() {
            return Err(GridError::option(Refusal::NothingToSelectOn(self.name.clone())));
        }
        Ok(())
    }

    /// The validation split: of `per_class` images if the command line says so, else the grid's.
    pub(super) fn held_out(&self, per_class: Option<i64>) -> Result<Option<Validation>, GridError> {
        match per_class {
            None => Ok(self.file.validation.as_ref().map(|validation| *validation.get_ref())),
            Some(per_class) if per_class >= 1 => Ok(Some(Validation { per_class, seed: 0 })),
            Some(per_class) => Err(GridError::option(Refusal::Setting {
                name: "--validation",
                value: per_class as f64,
                expected: "1 or more",
            })),
        }
    }
}
