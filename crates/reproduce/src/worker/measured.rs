//! Accuracy of a finished run, read from its files.

use std::time::Instant;

use anyhow::Context;
use methods::{Augmentation, Groups, Images, Model, SecondStage, Shots, evaluate};

use crate::run::directory::RunDir;
use crate::run::metrics::{MetricsRow, ValidationRow, read};
use crate::worker::adjust::adjust;

/// Test accuracies of a run at its end, in 0..1.
#[derive(Debug)]
pub(crate) struct Measured {
    /// After the last epoch, or of the classifier that was computed.
    pub(crate) accuracy: f64,
    /// Mean class accuracies of the same network.
    pub(crate) groups: Groups<Option<f64>>,
    /// The first epoch with the highest test accuracy, and that accuracy.
    pub(crate) best: Option<(i64, f64)>,
    /// Number of epochs that were evaluated, of which that is one; `None` without epochs.
    pub(crate) evaluations: Option<i64>,
    /// The first epoch with the highest validation accuracy.
    pub(crate) selected_epoch: Option<i64>,
    /// Test accuracy after it, or of the classifier that was computed; `None` without a validation split.
    pub(crate) selected: Option<f64>,
    /// Strength of the adjustment.
    pub(crate) tau: Option<f64>,
    /// Seconds of training and evaluation.
    pub(crate) seconds: f64,
}

impl Measured {
    /// Reads the tables of a run that trained to its last epoch.
    ///
    /// # Errors
    /// If one of them is damaged.
    pub(crate) fn trained(run_dir: &RunDir, has_validation: bool) -> anyhow::Result<Measured> {
        let rows: Vec<MetricsRow> = read(&run_dir.metrics())?;
        let last = rows
            .last()
            .with_context(|| format!("{} has no epoch", run_dir.metrics().display()))?;
        let evaluated = rows.iter().filter_map(|row| Some((row.epoch, row.accuracy?)));
        let evaluations = evaluated.clone().count();
        let best = first_of_highest(evaluated);
        let validation: Vec<ValidationRow> = if has_validation {
            read(&run_dir.validation())?
        } else {
            Vec::new()
        };
        let selected = first_of_highest(validation.iter().filter_map(|row| Some((row.epoch, row.accuracy?))));
        let selected_epoch = selected.map(|(epoch, _)| epoch);
        let selected = rows.iter().find(|row| Some(row.epoch) == selected_epoch);
        Ok(Measured {
            accuracy: last
                .accuracy
                .with_context(|| format!("{} has no accuracy of its last epoch", run_dir.metrics().display()))?,
            groups: last.groups(),
            best,
            evaluations: Some(evaluations as i64),
            selected_epoch,
            selected: selected.and_then(|row| row.accuracy),
            tau: None,
            seconds: rows.iter().map(|row| row.seconds).sum(),
        })
    }

    /// Measures the classifier that `second_stage` computes, which replaces that of `model`.
    ///
    /// # Errors
    /// If a table cannot be written.
    pub(crate) fn adjusted(
        second_stage: (&SecondStage, &Augmentation),
        model: &mut Model,
        (train, validation, test): (&Images, Option<&Images>, &Images),
        shots: &Shots,
        run_dir: &RunDir,
    ) -> anyhow::Result<Measured> {
        let started = Instant::now();
        let tau = adjust(second_stage, model, (train, validation, test), shots, run_dir)?;
        let (evaluation, _) = evaluate(model, test, shots)?;
        Ok(Measured {
            accuracy: evaluation.accuracy,
            groups: evaluation.groups,
            best: None,
            evaluations: None,
            selected_epoch: None,
            selected: validation.map(|_| evaluation.accuracy),
            tau,
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

fn first_of_highest(epochs: impl DoubleEndedIterator<Item = (i64, f64)>) -> Option<(i64, f64)> {
    epochs.rev().max_by(|left, right| left.1.total_cmp(&right.1))
}
