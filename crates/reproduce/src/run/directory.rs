//! A run's directory: its files, its lock, its state.
//!
//! `config.toml` comes first, `outcome.json` last. State is derived from the files and never stored: an outcome means
//! done, a checkpoint interrupted, a held lock running. The kernel drops the lock when a process dies, however it dies.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use methods::{Checkpoint, CheckpointError, remedy_for_reading, remedy_for_writing};

use crate::files;
use crate::run::environment::{Environment, EnvironmentError};
use crate::run::format::Newer;
use crate::run::groups::by_index_from_confusion;
use crate::run::metrics::refuse_newer;
use crate::run::outcome::OutcomeError;
use crate::run::rows::csv_text;
use crate::run::{Outcome, Run, RunId};

/// Number of attempts and pause between them before a lock counts as held: a process that only checks holds it briefly.
const PROBES: usize = 5;
const PROBE: Duration = Duration::from_millis(20);

/// The directory of one run.
#[derive(Clone, Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
}

/// The state of a run, derived from its files.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing has been trained.
    Fresh,
    /// Some training is checkpointed.
    Interrupted {
        /// Number of finished epochs.
        next_epoch: i64,
        /// Steps of the one after them.
        steps: i64,
    },
    /// A process holds the lock.
    Running,
    /// It is not known whether a process holds the lock.
    Unknown {
        /// Number of finished epochs.
        next_epoch: i64,
        /// Why.
        reason: String,
    },
    /// Finished.
    Done(Box<Outcome>),
}

/// Why a run's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunDirError {
    #[error("cannot use {path}: {source}; {}", remedy_for_writing(source))]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: {source}; {}", remedy_for_reading(source))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path} is the config of another run; its folder is named after the config it was made with: restore the file or \
         remove the folder, then run the same command again"
    )]
    OtherConfig { path: PathBuf },
    #[error("{path} is not a run's config: {reason}; remove its folder, then run the same command again")]
    BadConfig { path: PathBuf, reason: String },
    #[error("{path} is damaged: {reason}; delete this file, then run the same command again")]
    BadOutcome { path: PathBuf, reason: String },
    #[error("cannot use {path}: {source}")]
    Newer { path: PathBuf, source: Newer },
    #[error(
        "{path} is damaged: {reason}; it states the settings that the run was trained with: put it back as it was, or remove the run's \
         folder to train it again, then run the same command again"
    )]
    BadEnvironment { path: PathBuf, reason: String },
    #[error(
        "{path} is damaged: {reason}; put it back as it was, or delete this file, which only the table of robustness is made \
         from, then run the same command again"
    )]
    BadRobustness { path: PathBuf, reason: String },
    #[error("{path} is held by another process, which is training this run; wait for it or stop it")]
    Held { path: PathBuf },
    #[error("{0:#}")]
    BadConfusion(anyhow::Error),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl RunDirError {
    /// The state of a run whose directory is refused for this reason, in words.
    pub(crate) fn state(&self) -> String {
        match self {
            RunDirError::Newer {
                source: Newer(format), ..
            } => format!("written by a newer version (format {format})"),
            // The file may be sound.
            RunDirError::Unreadable { .. } | RunDirError::Checkpoint(CheckpointError::Open { .. }) => {
                "unreadable".to_owned()
            }
            _ => "damaged".to_owned(),
        }
    }

    pub(crate) fn unreadable(path: &Path, source: io::Error) -> RunDirError {
        RunDirError::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}

/// Refuses `folder` as the place of a command's files if it is a run's directory, or lies in one: they would replace the run's own.
///
/// # Errors
/// If it is; the message names it.
pub(crate) fn refuse_in_run(folder: &Path) -> anyhow::Result<()> {
    let is_of_run = |folder: &&Path| folder.join("config.toml").exists() && folder.join("run.lock").exists();
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match absolute.ancestors().find(is_of_run) {
        None => Ok(()),
        Some(run) => anyhow::bail!(
            "{} is the folder of a run, whose files would be replaced; choose another place",
            run.display()
        ),
    }
}

impl RunDir {
    /// The directory of the run `id` below `out`; it need not exist yet.
    pub(crate) fn of(out: &Path, id: &RunId) -> RunDir {
        RunDir {
            path: out.join("runs").join(id),
        }
    }

    /// The directory at `path`.
    pub(crate) fn at(path: &Path) -> RunDir {
        RunDir { path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// The checkpoint before 0-based `epoch`, if it is kept for runs that begin with it.
    pub(crate) fn kept_checkpoint(&self, epoch: i64) -> PathBuf {
        self.path.join(format!("before-epoch-{epoch}.safetensors"))
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

    /// Training photographs that could not be read, a line each.
    pub(crate) fn replaced(&self) -> PathBuf {
        self.path.join("replaced.txt")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// Creates the directory and writes its config, or checks the config that is there. Takes the lock meanwhile, since other programs may
    /// start the same run.
    pub(crate) fn prepare(&self, run: &Run) -> Result<(), RunDirError> {
        files::make_folder(&self.path).map_err(|source| io_error(&self.path, source))?;
        let _lock = self.lock()?;
        let config = self.path.join("config.toml");
        match files::read(&config) {
            // An older version did not write settings that are newer.
            Ok(text) if text == run.config() || toml::from_str(&text).as_ref() == Ok(run) => Ok(()),
            Ok(_) => Err(RunDirError::OtherConfig { path: config }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.write("config.toml", &run.config()),
            Err(source) => Err(io_error(&config, source)),
        }
    }

    /// Reads the run back from its config.
    pub(crate) fn run(&self) -> Result<Run, RunDirError> {
        let path = self.path.join("config.toml");
        let text = files::read(&path).map_err(|source| RunDirError::unreadable(&path, source))?;
        toml::from_str(&text).map_err(|error| RunDirError::BadConfig {
            path,
            reason: error.message().to_owned(),
        })
    }

    /// Takes the lock for as long as the returned file lives.
    pub(crate) fn lock(&self) -> Result<File, RunDirError> {
        let path = self.lock_file();
        let file = File::create(&path).map_err(|source| io_error(&path, source))?;
        for _ in 0..PROBES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => sleep(PROBE), // by a process that trains, or that only checks
                Err(fs::TryLockError::Error(source)) => return Err(io_error(&path, source)),
            }
        }
        Err(RunDirError::Held { path })
    }

    /// Whether a process holds the lock. Writes nothing: the folder may be read-only, or another user's.
    fn is_held(&self) -> io::Result<bool> {
        let file = match File::open(self.lock_file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(fs::TryLockError::WouldBlock) => Ok(true),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("run.lock")
    }

    /// The state of the run. Writes nothing.
    pub(crate) fn state(&self) -> Result<State, RunDirError> {
        if let Some(outcome) = self.outcome()? {
            return Ok(State::Done(Box::new(outcome)));
        }
        let held = self.is_held();
        if let Ok(true) = held {
            return Ok(State::Running);
        }
        let checkpoint = Checkpoint::load(&self.checkpoint())?;
        let (next_epoch, steps) = checkpoint.map_or((0, 0), |checkpoint| (checkpoint.next_epoch, checkpoint.steps));
        self.environment()?; // a run that cannot be resumed is not interrupted
        self.check_tables()?;
        Ok(match held {
            Err(error) => State::Unknown {
                next_epoch,
                reason: format!("cannot read {}: {error}", self.lock_file().display()),
            },
            Ok(_) if (next_epoch, steps) == (0, 0) => State::Fresh,
            Ok(_) => State::Interrupted { next_epoch, steps },
        })
    }

    /// Refuses the tables that grow with every epoch if a newer version wrote into them. Missing and damaged ones are not refused here.
    pub(crate) fn check_tables(&self) -> Result<(), RunDirError> {
        for path in [self.metrics(), self.per_class(), self.validation()] {
            let text = files::read(&path).unwrap_or_default();
            refuse_newer(&text).map_err(|source| RunDirError::Newer { path, source })?;
        }
        Ok(())
    }

    /// The outcome, once there is one.
    pub(crate) fn outcome(&self) -> Result<Option<Outcome>, RunDirError> {
        let path = self.path.join("outcome.json");
        match files::read(&path) {
            Ok(text) => {
                let by_index = || by_index_from_confusion(&self.run()?, &self.path.join("confusion.csv"));
                Outcome::read(&text, by_index).map(Some).map_err(|error| match error {
                    OutcomeError::Newer(source) => RunDirError::Newer { path, source },
                    OutcomeError::Damaged(error) => RunDirError::BadOutcome {
                        path,
                        reason: error.to_string(),
                    },
                    OutcomeError::Confusion(error) => RunDirError::BadConfusion(error),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RunDirError::unreadable(&path, source)),
        }
    }

    /// The environment of the run's sessions; `None` before the first checkpoint, when no numbers depend on it.
    pub(crate) fn environment(&self) -> Result<Option<Environment>, RunDirError> {
        if !self.checkpoint().exists() {
            return Ok(None);
        }
        let path = self.path.join("environment.toml");
        match files::read(&path) {
            Ok(text) => Environment::read(&text).map(Some).map_err(|error| match error {
                EnvironmentError::Newer(source) => RunDirError::Newer { path, source },
                EnvironmentError::Damaged(error) => RunDirError::BadEnvironment {
                    path,
                    reason: error.message().to_owned(),
                },
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RunDirError::BadEnvironment {
                path,
                reason: "it is not there".to_owned(),
            }),
            Err(source) => Err(RunDirError::unreadable(&path, source)),
        }
    }

    /// Removes the temporary files of processes that were killed while writing. The caller holds the lock.
    pub(crate) fn remove_temporary(&self) -> Result<(), RunDirError> {
        files::remove_temporary(&self.path).map_err(|source| io_error(&self.path, source))
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

    /// Writes a file whole or not at all, and flushes it to the disk.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), RunDirError> {
        let path = self.path.join(name);
        files::write(&path, text).map_err(|source| io_error(&path, source))
    }
}

fn io_error(path: &Path, source: io::Error) -> RunDirError {
    RunDirError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_count_from_the_first_checkpoint_and_damage_is_named() {
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
            message.ends_with("remove the run's folder to train it again, then run the same command again"),
            "{message}"
        );
        let idle = "commit = \"a\"\nlibtorch = \"2.11.0\"\ndevice = \"cpu\"\nprecision = \"f32\"\nthreads = 0\n";
        fs::write(&path, idle).expect("writable");
        let message = run_dir.environment().expect_err("no thread").to_string();
        assert!(message.contains("integer `0`, expected a nonzero u16"), "{message}");
        fs::remove_file(&path).expect("it is there");
        let message = run_dir
            .environment()
            .expect_err("the checkpoint counts on it")
            .to_string();
        assert!(
            message.contains("environment.toml is damaged: it is not there; it states the settings"),
            "{message}"
        );
    }

    #[test]
    fn a_lock_is_seen_by_whoever_looks_and_looking_makes_none_and_stops_nobody() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run_dir = RunDir::at(folder.path());
        let state = || run_dir.state().expect("nothing is damaged");
        assert!(matches!(state(), State::Fresh));
        assert!(!run_dir.lock_file().exists());
        let held = run_dir.lock().expect("nobody has it");
        assert!(matches!(state(), State::Running));
        drop(held);
        assert!(matches!(state(), State::Fresh));

        let looking = File::open(run_dir.lock_file()).expect("it is there");
        looking.lock_shared().expect("nobody has it");
        let soon = std::thread::spawn(move || {
            sleep(PROBE);
            drop(looking);
        });
        run_dir.lock().expect("whoever only looks is gone in a moment");
        soon.join().expect("no panic");

        fs::remove_file(run_dir.lock_file()).expect("it is there");
        std::os::unix::fs::symlink("run.lock", run_dir.lock_file()).expect("a link to itself");
        let State::Unknown { next_epoch: 0, reason } = state() else {
            panic!("a loop of links cannot be opened");
        };
        let path = run_dir.lock_file();
        assert_eq!(
            reason,
            format!(
                "cannot read {}: Too many levels of symbolic links (os error 40)",
                path.display()
            )
        );
    }
}
