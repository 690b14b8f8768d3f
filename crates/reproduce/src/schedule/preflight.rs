//! Checks before anything is written: settings and data that no run could train with.

use std::path::Path;

use anyhow::bail;
use methods::{DataParallel, TrainError};

use crate::grid::Planned;
use crate::run::Outcome;
use crate::run::directory::RunDir;
use crate::run::environment::{Environment, same_data};
use crate::run::settings::Asked;

/// Checks that `asked` agrees with the settings of the `finished` runs and of the `unfinished` ones below `out` that were started before,
/// and returns the environments of the latter. A run whose environment cannot be read is skipped: it fails alone later, and the others
/// are trained.
///
/// # Errors
/// With the first run that has other settings.
pub(crate) fn check_settings(
    asked: Asked,
    finished: &[Outcome],
    unfinished: &[Planned],
    out: &Path,
) -> anyhow::Result<Vec<Environment>> {
    for outcome in finished {
        asked.admits(&outcome.run, outcome.into())?;
    }
    let mut all_begun = Vec::new();
    for Planned { id, .. } in unfinished {
        if let Ok(Some(begun)) = RunDir::of(out, id).environment() {
            asked.admits(id, begun.settings().into())?;
            all_begun.push(begun);
        }
    }
    Ok(all_begun)
}

/// Reads the data and checks that they are those of the `finished` runs and of the started ones below `out`, and that the long-tailed
/// split of every unfinished run has images of each class and fills a batch. Reads nothing if there is nothing to train.
///
/// # Errors
/// With the first data file, run, imbalance or batch size that is refused.
pub(crate) fn check_data(
    unfinished: &[Planned],
    finished: &[Outcome],
    out: &Path,
    data_root: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(first) = unfinished.first() else {
        return Ok(());
    };
    let data = first.run.dataset.load(data_root)?; // a grid has one data set
    for outcome in finished {
        same_data(&outcome.run, &outcome.data_digest, &data.digest)?;
    }
    for Planned { id, run, .. } in unfinished {
        if let Ok(Some(begun)) = RunDir::of(out, id).environment() {
            begun.check_data(id, &data.digest)?;
        }
        let samples = run.class_counts()?.iter().sum();
        let batch_size = run.recipe.batch_size;
        if batch_size > samples {
            return Err(TrainError::BatchTooLarge { batch_size, samples }.into());
        }
    }
    Ok(())
}

/// Refuses runs that cannot be trained by several processes.
///
/// # Errors
/// With the first such run and the reason.
pub(crate) fn check_processes(processes: u16, unfinished: &[Planned]) -> anyhow::Result<()> {
    for Planned { run, .. } in unfinished.iter().filter(|_| processes > 1) {
        let (recipe, method) = run.stage();
        let few = (recipe.batch_size < processes.into()).then_some("its batches have fewer images");
        if let Some(reason) = DataParallel::refusal(&method).or(few) {
            bail!(
                "`{}` cannot be trained by {processes} processes: {reason}; choose other methods with --methods, or leave out --processes",
                run.name
            );
        }
    }
    Ok(())
}
