//! Checks before anything is written: settings and data that no run could train with.

use std::path::Path;

use anyhow::{bail, ensure};
use datasets::Dataset;
use methods::{DataParallel, TrainError};

use crate::grid::Planned;
use crate::run::Outcome;
use crate::run::directory::RunDir;
use crate::run::environment::{Environment, same_data};
use crate::run::settings::Asked;
use crate::schedule::slots::available_memory;

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
        check_batch(run.dataset, batch_size)?;
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

/// Refuses batches that the free memory does not hold, before they are allocated.
///
/// # Errors
/// With their size.
pub(crate) fn check_batch(dataset: Dataset, batch_size: i64) -> anyhow::Result<()> {
    check_memory(dataset, batch_size, available_memory())
}

/// Refuses batches that `memory`, what is free in bytes, does not hold.
fn check_memory(dataset: Dataset, batch_size: i64, memory: Option<u64>) -> anyhow::Result<()> {
    /// One as it is read, and four as the network sees it.
    const BYTES_OF_A_VALUE: u64 = 1 + 4;
    let (side, photographs) = (dataset.facts().side as u64, batch_size as u64);
    let needed = (3 * side * side * BYTES_OF_A_VALUE).saturating_mul(photographs);
    let free = memory.unwrap_or(u64::MAX);
    ensure!(
        needed <= free,
        "a batch of {photographs} images of {side}×{side} pixels has {needed} bytes, and {free} bytes of memory are free; set \
         `photographs.side` or batch_size lower"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_memory_does_not_hold_is_refused_with_its_size() {
        let bytes = 128 * 3 * 32 * 32 * 5;
        check_memory(Dataset::Shapes, 128, Some(bytes)).expect("just enough");
        check_memory(Dataset::Shapes, 128, None).expect("unknown");
        let error = check_memory(Dataset::Shapes, 128, Some(bytes - 1)).expect_err("one byte less");
        assert_eq!(
            error.to_string(),
            "a batch of 128 images of 32×32 pixels has 1966080 bytes, and 1966079 bytes of memory are free; set \
             `photographs.side` or batch_size lower"
        );
    }
}
