//! Writing an epoch's rows to the run's tables.

use std::io;

use methods::EpochRow;

use crate::run::directory::RunDir;
use crate::run::format::Format;
use crate::run::metrics::{ClassRow, MetricsRow, ValidationRow, upgrade};
use crate::run::rows::{EpochTable, RowsError};

/// The tables of a run that grow with every epoch.
#[derive(Debug)]
pub(crate) struct Record {
    metrics: EpochTable,
    per_class: EpochTable,
    /// Number of classes k.
    classes: usize,
    /// Only with a validation split.
    validation: Option<EpochTable>,
}

impl Record {
    /// The tables of the run in `run_dir`, which has `classes` classes.
    pub(crate) fn of(run_dir: &RunDir, classes: usize, has_validation: bool) -> Record {
        Record {
            metrics: EpochTable::by_epoch(run_dir.metrics()),
            per_class: EpochTable::by_class(run_dir.per_class(), classes),
            classes,
            validation: has_validation.then(|| EpochTable::by_epoch(run_dir.validation())),
        }
    }

    /// Removes the rows of epochs from `next_epoch` on, and checks that those of all earlier epochs are there.
    ///
    /// # Errors
    /// With the first table that lacks a row; no table is changed then.
    pub(crate) fn trim_to(&self, next_epoch: i64) -> Result<(), RowsError> {
        let tables = [&self.metrics, &self.per_class].into_iter().chain(&self.validation);
        let trimmed = tables
            .map(|table| table.trimmed(next_epoch))
            .collect::<Result<Vec<_>, _>>()?;
        trimmed.into_iter().flatten().try_for_each(|trimmed| trimmed.write())
    }

    /// Rewrites the tables in `run_dir` that an older version began, so that rows of this version can follow.
    ///
    /// # Errors
    /// If one of them is damaged or cannot be written.
    pub(crate) fn upgrade(run_dir: &RunDir) -> anyhow::Result<()> {
        upgrade::<MetricsRow>(&run_dir.metrics())?;
        upgrade::<ClassRow>(&run_dir.per_class())?;
        upgrade::<ValidationRow>(&run_dir.validation())
    }

    /// Appends an epoch to the tables and flushes them to the disk, before its checkpoint is written.
    ///
    /// # Errors
    /// If one of them cannot be written.
    pub(crate) fn append(&self, row: &EpochRow) -> io::Result<()> {
        let epoch = row.epoch;
        self.metrics.append([MetricsRow::from(row)])?;
        let accuracy = |class: usize| row.test.as_ref().and_then(|test| test.per_class[class]);
        let classes = (0..self.classes).map(|class| ClassRow {
            epoch,
            class: class as i64,
            accuracy: accuracy(class),
            format: Format,
        });
        self.per_class.append(classes)?;
        match &self.validation {
            Some(table) => table.append([ValidationRow {
                epoch,
                accuracy: row.validation.as_ref().map(|validation| validation.accuracy),
                format: Format,
            }]),
            None => Ok(()),
        }
    }
}
