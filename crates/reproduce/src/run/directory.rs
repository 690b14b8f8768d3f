//! A run's directory: its files, its lock, its state.
//!
//! `config.toml` comes first, `outcome.json` last. State is derived from the files and never stored: an outcome means
//! done, a checkpoint interrupted, a held lock running. The kernel drops the lock when a process dies, however it dies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use methods::{Checkpoint, CheckpointError};

use crate::run::environment::Environment;
use crate::run::{Outcome, Run};

/// Where one run keeps everything.
#[derive(Clone, Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
}

/// What a directory's files say of its run.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing has been trained.
    Fresh,
    /// Some epochs are checkpointed.
    Interrupted {
        /// Epochs that need no training any more.
        next_epoch: i64,
    },
    /// A process holds the lock.
    Running,
    /// Finished.
    Done(Box<Outcome>),
}

/// Why a run's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunDirError {
    #[error("cannot use {path}: {source}; make room or choose another --out")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} is the config of another run; its folder is named after the config it was made with: restore the file or \
         remove the folder, then run the same command again"
    )]
    OtherConfig { path: PathBuf },
    #[error("{path} is not a run's config: {reason}; remove its folder, then run the same command again")]
    BadConfig { path: PathBuf, reason: String },
    #[error("{path} is damaged: {reason}; delete this file, then run the same command again")]
    BadOutcome { path: PathBuf, reason: String },
    #[error("{path} is damaged: {reason}; remove the run's folder, then run the same command again")]
    BadEnvironment { path: PathBuf, reason: String },
    #[error("{path} is held by another process, which is training this run; wait for it or stop it")]
    Held { path: PathBuf },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl RunDir {
    /// The directory of `run` below `out`, which need not exist yet.
    pub(crate) fn of(out: &Path, run: &Run) -> RunDir {
        RunDir {
            path: out.join("runs").join(run.id()),
        }
    }

    /// A directory that exists.
    pub(crate) fn at(path: &Path) -> RunDir {
        RunDir { path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    pub(crate) fn per_class(&self) -> PathBuf {
        self.path.join("per_class.csv")
    }

    /// Accuracies on the validation split.
    pub(crate) fn validation(&self) -> PathBuf {
        self.path.join("validation.csv")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// Makes the directory and writes its config, or checks the config that is there. Under its lock, since other programs may
    /// want the same run.
    pub(crate) fn prepare(&self, run: &Run) -> Result<(), RunDirError> {
        fs::create_dir_all(&self.path).map_err(|source| io_error(&self.path, source))?;
        let _lock = self.lock()?;
        let config = self.path.join("config.toml");
        match fs::read_to_string(&config) {
            Ok(text) if text == run.config() => Ok(()),
            Ok(_) => Err(RunDirError::OtherConfig { path: config }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.write("config.toml", &run.config()),
            Err(source) => Err(io_error(&config, source)),
        }
    }

    /// Reads the run back from its config.
    pub(crate) fn run(&self) -> Result<Run, RunDirError> {
        let path = self.path.join("config.toml");
        let text = fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
        toml::from_str(&text).map_err(|error| RunDirError::BadConfig {
            path,
            reason: error.message().to_owned(),
        })
    }

    /// Takes the lock for as long as the returned file lives.
    pub(crate) fn lock(&self) -> Result<File, RunDirError> {
        let path = self.path.join("run.lock");
        let file = File::create(&path).map_err(|source| io_error(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(RunDirError::Held { path }),
            Err(fs::TryLockError::Error(source)) => Err(io_error(&path, source)),
        }
    }

    /// Done, running, interrupted or fresh.
    pub(crate) fn state(&self) -> Result<State, RunDirError> {
        if let Some(outcome) = self.outcome()? {
            return Ok(State::Done(Box::new(outcome)));
        }
        if !self.path.exists() {
            return Ok(State::Fresh);
        }
        match self.lock() {
            Err(RunDirError::Held { .. }) => Ok(State::Running),
            Err(error) => Err(error),
            Ok(_) => Ok(
                Checkpoint::load(&self.checkpoint())?.map_or(State::Fresh, |checkpoint| State::Interrupted {
                    next_epoch: checkpoint.next_epoch,
                }),
            ),
        }
    }

    /// The outcome, once there is one.
    pub(crate) fn outcome(&self) -> Result<Option<Outcome>, RunDirError> {
        let path = self.path.join("outcome.json");
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| RunDirError::BadOutcome {
                    path,
                    reason: error.to_string(),
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error(&path, source)),
        }
    }

    /// What the run's sittings so far were like; `None` before its first checkpoint: they left nothing that numbers come from.
    pub(crate) fn environment(&self) -> Result<Option<Environment>, RunDirError> {
        if !self.checkpoint().exists() {
            return Ok(None);
        }
        let path = self.path.join("environment.toml");
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text)
                .map(Some)
                .map_err(|error| RunDirError::BadEnvironment {
                    path,
                    reason: error.message().to_owned(),
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error(&path, source)),
        }
    }

    /// Writes a CSV file with a header, whole or not at all.
    pub(crate) fn write_rows<T: serde::Serialize>(
        &self,
        name: &str,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<(), RunDirError> {
        let text = csv_text(true, rows).map_err(|source| io_error(&self.path.join(name), source))?;
        self.write(name, &text)
    }

    /// Writes a file whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), RunDirError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.tmp"));
        fs::write(&temporary, text)
            .and_then(|()| File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|source| io_error(&path, source))
    }
}

fn io_error(path: &Path, source: io::Error) -> RunDirError {
    RunDirError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Appends rows to a CSV file, whose header it writes first into an empty one. They reach the file in one write.
pub(crate) fn append_rows<T: serde::Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let text = csv_text(file.metadata()?.len() == 0, rows)?;
    file.write_all(text.as_bytes())
}

fn csv_text<T: serde::Serialize>(has_header: bool, rows: impl IntoIterator<Item = T>) -> io::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(has_header)
        .from_writer(Vec::new());
    rows.into_iter()
        .try_for_each(|row| writer.serialize(row))
        .map_err(io::Error::other)?;
    let bytes = writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Cuts the rows of epochs from `next_epoch` on, and a row that was not written to its end: their checkpoint was never
/// reached, so they will come again. The first column is the epoch.
pub(crate) fn cut_rows(path: &Path, next_epoch: i64) -> io::Result<()> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let keeps = |line: &str| match line.split(',').next().map(str::parse::<i64>) {
        Some(Ok(epoch)) => epoch < next_epoch,
        _ => true, // the header
    };
    let kept: String = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n') && keeps(line))
        .collect();
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, kept)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::collect::tests::outcome;

    #[test]
    fn what_an_older_outcome_did_not_measure_is_missing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let outcome = outcome("ce", 100.0, 0, 0.75);
        let mut json = serde_json::to_value(&outcome).expect("an outcome is numbers and words");
        let fields = json.as_object_mut().expect("it has fields");
        for name in ["many_by_index", "medium_by_index", "few_by_index", "libtorch", "launch"] {
            fields.remove(name).expect(name);
        }
        fs::write(folder.path().join("outcome.json"), json.to_string()).expect("writable");
        let read = RunDir::at(folder.path()).outcome().expect("a sound outcome");
        let expected = Outcome {
            few_by_index: None,
            libtorch: None,
            launch: None,
            ..outcome
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn sittings_count_from_the_first_checkpoint_and_damage_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = RunDir::at(folder.path());
        let path = folder.path().join("environment.toml");
        fs::write(&path, "precision = \"f16\"\n").expect("writable");
        assert_eq!(run_dir.environment().expect("nothing is trained"), None);
        fs::write(run_dir.checkpoint(), "").expect("writable");
        let message = run_dir.environment().expect_err("no such precision").to_string();
        let expected = format!("{} is damaged: unknown variant `f16`", path.display());
        assert!(message.starts_with(&expected), "{message}");
        assert!(
            message.ends_with("; remove the run's folder, then run the same command again"),
            "{message}"
        );
    }

    #[test]
    fn rows_past_the_checkpoint_and_torn_rows_are_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.csv");
        fs::write(&path, "epoch,loss\n0,2.5\n1,1.5\n2,1.25\n3,0.").expect("writable");
        cut_rows(&path, 2).expect("cut");
        assert_eq!(
            fs::read_to_string(&path).expect("readable"),
            "epoch,loss\n0,2.5\n1,1.5\n"
        );
        append_rows(&path, [(2, 1.25)]).expect("append");
        assert_eq!(
            fs::read_to_string(&path).expect("readable"),
            "epoch,loss\n0,2.5\n1,1.5\n2,1.25\n"
        );
    }
}
