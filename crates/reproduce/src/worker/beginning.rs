//! The first epochs of a run that another one has trained with the same bits.

use methods::Checkpoint;

use crate::files;
use crate::run::directory::RunDir;
use crate::run::environment::Environment;

/// Epochs that need not be trained again.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    directory: &'a RunDir,
    checkpoint: Checkpoint,
    /// Of the run that trained them.
    pub(super) environment: Environment,
}

impl<'a> Beginning<'a> {
    /// The first `epochs` epochs of the run in `directory`; `None` if it has not kept them, or computed with other bits than a run does
    /// `here`: this one then trains them itself.
    ///
    /// # Errors
    /// If the kept checkpoint cannot be read or is damaged.
    pub(super) fn of(directory: &'a RunDir, epochs: i64, here: &Environment) -> anyhow::Result<Option<Beginning<'a>>> {
        let Some(checkpoint) = Checkpoint::load(&directory.kept_checkpoint(epochs))? else {
            return Ok(None);
        };
        let environment = directory
            .environment()?
            .filter(|environment| environment.computes_as(here));
        Ok(environment.map(|environment| Beginning {
            directory,
            checkpoint,
            environment,
        }))
    }

    /// How many epochs they are.
    pub(super) fn epochs(&self) -> i64 {
        self.checkpoint.next_epoch
    }

    /// Copies their rows into the tables of `run_dir`, and returns the checkpoint.
    ///
    /// # Errors
    /// If a table cannot be read or written.
    pub(super) fn copy_into(self, run_dir: &RunDir) -> anyhow::Result<Checkpoint> {
        let tables = [RunDir::metrics, RunDir::per_class, RunDir::validation];
        for (from, to) in tables.map(|table| (table(self.directory), table(run_dir))) {
            if from.exists() {
                files::write(&to, self.rows(&files::read(&from)?))?;
            }
        }
        Ok(self.checkpoint)
    }

    /// The header and the rows of these epochs; the run may be appending to the text.
    fn rows(&self, text: &str) -> String {
        let is_ours = |line: &&str| {
            let epoch = line.split(',').next().unwrap_or_default().parse::<i64>();
            epoch.map_or(true, |epoch| epoch < self.epochs())
        };
        text.split_inclusive('\n').filter(is_ours).collect()
    }
}
