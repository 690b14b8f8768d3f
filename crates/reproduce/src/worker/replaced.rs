//! The photographs of a run that could not be read.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use datasets::Split;

use crate::files;
use crate::run::directory::{RunDir, RunDirError};

/// Path and problem of each training photograph that was replaced by another, in this session or an earlier one.
pub(super) struct Replaced<'a> {
    run_dir: &'a RunDir,
    listed: BTreeSet<String>,
}

impl Replaced<'_> {
    /// Those of earlier sessions.
    ///
    /// # Errors
    /// If their list cannot be read.
    pub(super) fn of(run_dir: &RunDir) -> anyhow::Result<Replaced<'_>> {
        let path = run_dir.replaced();
        let text = match files::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(RunDirError::unreadable(&path, error).into()),
        };
        let listed = text.lines().map(str::to_owned).collect();
        Ok(Replaced { run_dir, listed })
    }

    /// Adds what `train` has replaced, and writes the list if that is news.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&mut self, train: &Split) -> io::Result<()> {
        let before = self.listed.len();
        self.listed.extend(train.replaced());
        if self.listed.len() > before {
            let lines = self.listed.iter().map(|line| format!("{line}\n"));
            let written = self.run_dir.write("replaced.txt", &lines.collect::<String>());
            written.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn number(&self) -> usize {
        self.listed.len()
    }
}
