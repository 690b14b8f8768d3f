//! Preflight: what no process of a run could mend is found before anything is written.

use std::path::Path;

use methods::TrainError;

use crate::schedule::Task;

/// Reads the data and checks that every task's long-tailed split has images of each class and fills a batch. Reads
/// nothing if there is nothing to train.
///
/// # Errors
/// With the first data file, imbalance or batch size that cannot be trained with.
pub(crate) fn check(tasks: &[Task], data_root: Option<&Path>) -> anyhow::Result<()> {
    let Some(first) = tasks.first() else {
        return Ok(());
    };
    first.run.dataset.load(data_root)?; // one grid, one data set
    for Task { run, .. } in tasks {
        let samples = run.class_counts()?.iter().sum();
        let batch_size = run.recipe.batch_size;
        if batch_size > samples {
            return Err(TrainError::BatchTooLarge { batch_size, samples }.into());
        }
    }
    Ok(())
}
