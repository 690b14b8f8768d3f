//! Writing an epoch's rows to the run's tables.

use std::io;

use methods::{EpochRow, Evaluation};
use serde::Serialize;

use crate::run::directory::RunDir;
use crate::run::metrics::{MetricsRow, ValidationRow};
use crate::run::rows::{EpochTable, RowsError};

/// The tables of a run that grow by an epoch.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: EpochTable,
    per_class: EpochTable,
    /// Of a run with a validation split.
    validation: Option<EpochTable>,
}

/// `per_class.csv` has one row per epoch and class, so that its columns do not depend on the number of classes.
#[derive(Serialize)]
struct ClassRow {
    epoch: i64,
    class: usize,
    accuracy: Option<f64>,
}

impl Record {
    /// The tables of the run in `run_dir`, which has `classes` classes.
    pub(crate) fn of(run_dir: &RunDir, classes: usize, has_validation: bool) -> Record {
        Record {
            metrics: EpochTable::by_epoch(run_dir.metrics()),
            per_class: EpochTable::by_class(run_dir.per_class(), classes),
            validation: has_validation.then(|| EpochTable::by_epoch(run_dir.validation())),
        }
    }

    /// Removes the rows of epochs from `next_epoch` on, and checks that those of all earlier epochs are there.
    ///
    /// # Errors
    /// With the first table that lacks one. No table is changed then.
    pub(crate) fn trim_to(&self, next_epoch: i64) -> Result<(), RowsError> {
        let tables = [&self.metrics, &self.per_class].into_iter().chain(&self.validation);
        let trimmed = tables
            .map(|table| table.trimmed(next_epoch))
            .collect::<Result<Vec<_>, _>>()?;
        trimmed.into_iter().flatten().try_for_each(|trimmed| trimmed.write())
    }

    /// Appends an epoch to the tables and flushes them to the disk: its checkpoint comes after this.
    ///
    /// # Errors
    /// If one of them cannot be written.
    pub(crate) fn append(&self, row: &EpochRow) -> io::Result<()> {
        let epoch = row.epoch;
        self.metrics.append([MetricsRow::from(row)])?;
        let accuracies = row.test.per_class.iter().enumerate();
        self.per_class
            .append(accuracies.map(|(class, &accuracy)| ClassRow { epoch, class, accuracy }))?;
        match (&self.validation, &row.validation) {
            (Some(table), Some(Evaluation { accuracy, .. })) => table.append([ValidationRow {
                epoch,
                accuracy: *accuracy,
            }]),
            _ => Ok(()),
        }
    }
}
