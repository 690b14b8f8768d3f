//! A run whose training has ended, and its outcome.

use datasets::{IndexList, Loaded};
use methods::{Images, Model};

use crate::run::environment::Environment;
use crate::run::groups::by_index;
use crate::run::{Outcome, Run, RunId};
use crate::worker::job::Job;
use crate::worker::measured::Measured;
use crate::worker::scores::Scores;

/// Everything that an outcome is made from, besides the run.
pub(super) struct Finished<'a> {
    pub(super) model: &'a Model,
    pub(super) measured: Measured,
    pub(super) scores: Scores,
    pub(super) train: &'a Images,
    /// Of the features of `train` in evaluation mode.
    pub(super) collapse: Option<nc::Metrics>,
    pub(super) data: &'a Loaded,
    pub(super) split: &'a IndexList,
    /// Photographs that could not be read and were replaced.
    pub(super) replaced: usize,
    pub(super) environment: Environment,
}

impl Finished<'_> {
    /// The outcome of a run that is at its end.
    pub(super) fn outcome(&self, job: &Job, run: &Run) -> Outcome {
        let Finished {
            model,
            measured,
            scores,
            train,
            collapse,
            data,
            split,
            replaced,
            environment,
        } = self;
        let collapse = collapse.as_ref();
        let by_index = by_index(run, &scores.evaluation.per_class);
        Outcome {
            run: run.id(),
            first_stage: job
                .first_stage
                .as_ref()
                .and_then(|directory| Some(RunId::named(directory.path().file_name()?.to_string_lossy()))),
            method: run.name.clone(),
            dataset: run.dataset.name().into(),
            protocol: run.protocol.name().into(),
            imbalance: run.imbalance.kind().into(),
            ratio: run.imbalance.ratio(),
            seed: run.seed,
            backbone: run.recipe.backbone.name().into(),
            parameters: model.parameter_count(),
            epochs: run.epochs(),
            train_images: train.samples(),
            accuracy_last: measured.accuracy,
            accuracy_best: measured.best.map(|(_, accuracy)| accuracy),
            best_epoch: measured.best.map(|(epoch, _)| epoch),
            evaluations: measured.evaluations,
            accuracy_selected: measured.selected,
            selected_epoch: measured.selected_epoch,
            tau: measured.tau,
            many: measured.groups.many,
            medium: measured.groups.medium,
            few: measured.groups.few,
            many_by_index: by_index.many,
            medium_by_index: by_index.medium,
            few_by_index: by_index.few,
            top5: scores.top5,
            ece: scores.ece,
            nc1: collapse.map(|metrics| metrics.nc1),
            nc2_equiangularity: collapse.map(|metrics| metrics.nc2_equiangularity),
            nc2_min_angle: collapse.map(|metrics| metrics.nc2_smallest_angle_degrees),
            nc2_norm_cov: collapse.map(|metrics| metrics.nc2_norm_variation),
            nc3: collapse.and_then(|metrics| metrics.nc3),
            seconds: measured.seconds,
            device: environment.in_words(|session| &session.device),
            precision: environment.precision.name().into(),
            threads: environment.threads,
            processes: environment.processes,
            libtorch: Some(environment.in_words(|session| &session.libtorch)),
            launch: environment.launch.name().into(),
            commit: environment.in_words(|session| &session.commit),
            data_digest: data.digest.clone(),
            split_digest: split.sha256.clone(),
            replaced: *replaced,
            predictions_digest: Some(scores.predictions_digest.clone()),
            command: job.command.clone(),
        }
    }
}
