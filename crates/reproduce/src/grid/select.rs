//! Selection of the epoch that represents a run, and the validation split that selects it.

use clap::ValueEnum;
use datasets::{Dataset, Validation};
use methods::require;

use super::error::Fault;
use super::{Grid, GridError, Options, Refusal};
use crate::run::metric::Metric;

/// The epoch whose test accuracy is compared with the published one.
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
    /// The metric with its accuracy.
    pub(crate) fn metric(self) -> Metric {
        match self {
            Select::Last => Metric::ACCURACY_LAST,
            Select::Val => Metric::ACCURACY_SELECTED,
            Select::TestBest => Metric::ACCURACY_BEST,
        }
    }

    /// As an option of the command line.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Select::Last => "",
            Select::Val => " --select val",
            Select::TestBest => " --select test-best",
        }
    }
}

impl Grid {
    /// Refuses to select epochs on a validation split if neither the grid nor `options` hold one out.
    ///
    /// # Errors
    /// If none is held out.
    pub(crate) fn check_select(&self, select: Select, options: &Options) -> Result<(), GridError> {
        if select == Select::Val && self.file.validation.is_none() && options.validation.is_none() {
            return Err(GridError::option(Refusal::NothingToSelectOn(self.name.clone())));
        }
        Ok(())
    }

    /// The validation split of `dataset`: of `per_class` images if the command line says so, else the grid's.
    pub(super) fn held_out(&self, per_class: Option<i64>, dataset: Dataset) -> Result<Option<Validation>, GridError> {
        let images = dataset.facts().smallest_class();
        let refused = |option, per_class| {
            (per_class >= images).then_some(Refusal::HeldOut {
                option,
                per_class,
                dataset: dataset.name(),
                images,
            })
        };
        match (per_class, &self.file.validation) {
            (None, None) => Ok(None),
            (None, Some(stated)) => match refused("per_class", stated.get_ref().per_class) {
                Some(refusal) => Err(self.place(Fault::new(stated.span(), refusal))),
                None => Ok(Some(*stated.get_ref())),
            },
            (Some(per_class), _) => {
                require("--validation", per_class as f64, per_class >= 1, "1 or more")
                    .map_err(|error| GridError::option(error.into()))?;
                match refused("--validation", per_class) {
                    Some(refusal) => Err(GridError::option(refusal)),
                    None => Ok(Some(Validation { per_class, seed: 0 })),
                }
            }
        }
    }
}
