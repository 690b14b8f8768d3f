//! Checkpoint: everything that a run needs to resume, in one file, written whole or not at all.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tch::{Device, Kind, TchError, Tensor};

use crate::files::remedy::{remedy_for_reading, remedy_for_writing};
use crate::files::safetensors::{Safetensors, SafetensorsError};
use crate::training::partial_epoch::{PartialEpoch, STEPS};

/// A checkpoint whose header has been read; its arrays are read on restoring.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: Safetensors,
    /// First epoch that has not been trained to its end.
    pub next_epoch: i64,
    /// Steps of that epoch that have been taken: 0 unless training was stopped in the middle of it.
    pub steps: i64,
}

/// Why a checkpoint could not be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It could not be written.
    #[error(
        "cannot write checkpoint {path}: {source}; the one before it is unharmed: {}, then run the same command again",
        remedy_for_writing(source)
    )]
    Write {
        /// The checkpoint.
        path: PathBuf,
        /// The error of the operating system or libtorch.
        source: io::Error,
    },
    /// It could not be opened; the file itself may be fine.
    #[error("cannot read checkpoint {path}: {source}; {}", remedy_for_reading(source))]
    Open {
        /// The checkpoint.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Not a checkpoint, or a damaged one.
    #[error("cannot read checkpoint {path}: {reason}; delete this file to train the run again from the start")]
    Read {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another network or method.
    #[error(
        "checkpoint {path} does not fit its config: {reason}; delete this file to train the run again from the start"
    )]
    Mismatch {
        /// The checkpoint.
        path: PathBuf,
        /// The first tensor that does not fit.
        reason: String,
    },
}

/// The next epoch of a checkpoint between two epochs.
const NEXT_EPOCH: &str = "next_epoch";
/// That of a checkpoint inside it. Another name, so that older versions, which would begin the epoch again, refuse it.
const UNFINISHED_EPOCH: &str = "unfinished_epoch";

impl Checkpoint {
    /// Names of tensors of which every checkpoint has one, and no other file of this workspace any.
    pub const MARKS: [&str; 2] = [NEXT_EPOCH, UNFINISHED_EPOCH];

    /// Writes `state`, tensors by their names, and the next epoch to `path`: first to a temporary file beside it, which
    /// is flushed to the disk, then by a rename, which is flushed too.
    ///
    /// # Errors
    /// [`CheckpointError::Write`], for instance on a full disk; the file at `path` is then unchanged.
    pub fn save(
        path: &Path,
        next_epoch: i64,
        state: impl Iterator<Item = (String, Tensor)>,
    ) -> Result<(), CheckpointError> {
        Checkpoint::write(path, NEXT_EPOCH, next_epoch, state)
    }

    /// As [`Checkpoint::save`], in the middle of `epoch`.
    pub(crate) fn save_inside(
        path: &Path,
        epoch: i64,
        so_far: &PartialEpoch,
        state: impl Iterator<Item = (String, Tensor)>,
    ) -> Result<(), CheckpointError> {
        Checkpoint::write(path, UNFINISHED_EPOCH, epoch, state.chain(so_far.state()))
    }

    fn write(
        path: &Path,
        kind: &str,
        epoch: i64,
        state: impl Iterator<Item = (String, Tensor)>,
    ) -> Result<(), CheckpointError> {
        let next_epoch = (kind.to_owned(), Tensor::from_slice(&[epoch]));
        let on_host: Vec<(String, Tensor)> = state
            .chain([next_epoch])
            .map(|(name, tensor)| (name, tensor.detach().to_device(Device::Cpu).contiguous()))
            .collect();
        let temporary = path.with_extension("tmp");
        Tensor::write_safetensors(&on_host, &temporary)
            .map_err(io_error)
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| flush_folder_of(path))
            .map_err(|source| {
                let _ = fs::remove_file(&temporary); // half a file is useless, and the disk may be full
                CheckpointError::Write {
                    path: path.into(),
                    source,
                }
            })
    }

    /// Opens a checkpoint; `None` if there is no file at `path`.
    ///
    /// # Errors
    /// [`CheckpointError::Open`] if it cannot be opened, [`CheckpointError::Read`] if it is damaged.
    pub fn load(path: &Path) -> Result<Option<Checkpoint>, CheckpointError> {
        let file = match Safetensors::open(path) {
            Ok(file) => file,
            Err(SafetensorsError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(SafetensorsError::Io(source)) => {
                return Err(CheckpointError::Open {
                    path: path.into(),
                    source,
                });
            }
            Err(error) => return Err(damaged(path, &error)),
        };
        let number = |name: &str| {
            let tensor = file.tensor(name).map_err(|error| damaged(path, &error))?;
            let tensor = tensor.filter(|tensor| tensor.kind() == Kind::Int64 && tensor.numel() == 1);
            let number = tensor.map(|tensor| tensor.reshape(1).int64_value(&[0]));
            Ok(number.filter(|&number| number >= 0))
        };
        let (next_epoch, steps) = match (number(NEXT_EPOCH)?, number(UNFINISHED_EPOCH)?) {
            (Some(next_epoch), _) => Some((next_epoch, 0)),
            (None, Some(epoch)) => number(STEPS)?.map(|steps| (epoch, steps)),
            (None, None) => None,
        }
        .ok_or_else(|| CheckpointError::Read {
            path: path.into(),
            reason: format!("it has no `{NEXT_EPOCH}`"),
        })?;
        Ok(Some(Checkpoint {
            path: path.into(),
            file,
            next_epoch,
            steps,
        }))
    }

    /// The epoch of the last step that its weights have seen; −1 before the first.
    pub fn last_epoch(&self) -> i64 {
        if self.steps == 0 {
            self.next_epoch - 1
        } else {
            self.next_epoch
        }
    }

    /// Goes on after the steps of the unfinished epoch, with libtorch's generators where they were after these.
    ///
    /// # Errors
    /// [`CheckpointError::Read`] if the file is damaged.
    pub(crate) fn restore_epoch(&self, so_far: &mut PartialEpoch) -> Result<(), CheckpointError> {
        so_far.restore(&self.file).map_err(|reason| CheckpointError::Read {
            path: self.path.clone(),
            reason,
        })
    }

    /// Overwrites each tensor of `state` in place with the file's tensor of that name.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] names the first tensor that is missing or has another shape,
    /// [`CheckpointError::Read`] a damaged one.
    pub fn restore(&self, state: impl Iterator<Item = (String, Tensor)>) -> Result<(), CheckpointError> {
        for (name, tensor) in state {
            self.copy(&name, &tensor)?;
        }
        Ok(())
    }

    /// As [`Checkpoint::restore`], for a checkpoint of a method with fewer parts: tensors that it lacks keep their values.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    pub fn restore_shared(&self, state: impl Iterator<Item = (String, Tensor)>) -> Result<(), CheckpointError> {
        for (name, tensor) in state {
            let is_there = self
                .file
                .tensor(&name)
                .map_err(|error| damaged(&self.path, &error))?
                .is_some();
            if is_there {
                self.copy(&name, &tensor)?;
            }
        }
        Ok(())
    }

    /// Keeps the checkpoint at `path` as `kept` too, however often it is written again.
    ///
    /// # Errors
    /// [`CheckpointError::Write`].
    pub(crate) fn keep(path: &Path, kept: &Path) -> Result<(), CheckpointError> {
        // A second name for the same file, since writing again replaces the first name by another file; a copy where the file system has no
        // second names. Renamed into place: a run may be reading the one of an earlier session.
        let temporary = kept.with_extension("tmp");
        let _ = fs::remove_file(&temporary);
        let linked = fs::hard_link(path, &temporary)
            .or_else(|_| fs::copy(path, &temporary).map(drop))
            .and_then(|()| fs::rename(&temporary, kept));
        let _ = fs::remove_file(&temporary); // a rename of two names of one file leaves both
        linked
            .and_then(|()| flush_folder_of(kept))
            .map_err(|source| CheckpointError::Write {
                path: kept.into(),
                source,
            })
    }

    fn copy(&self, name: &str, target: &Tensor) -> Result<(), CheckpointError> {
        let mismatch = |reason| CheckpointError::Mismatch {
            path: self.path.clone(),
            reason,
        };
        let saved = self
            .file
            .tensor(name)
            .map_err(|error| damaged(&self.path, &error))?
            .ok_or_else(|| mismatch(format!("it has no `{name}`")))?;
        if saved.size() != target.size() {
            return Err(mismatch(format!(
                "`{name}` is {:?}, the config needs {:?}",
                saved.size(),
                target.size()
            )));
        }
        tch::no_grad(|| target.shallow_clone().copy_(&saved));
        Ok(())
    }
}

/// A rename survives a loss of power only if the folder has been flushed.
fn flush_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn damaged(path: &Path, error: &SafetensorsError) -> CheckpointError {
    CheckpointError::Read {
        path: path.into(),
        reason: error.to_string(),
    }
}

fn io_error(error: TchError) -> io::Error {
    match error {
        TchError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::safetensors::tests::file_with;

    #[test]
    fn a_damaged_checkpoint_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let none = "it has no `next_epoch`";
        for (header, zeros, reason) in [
            (
                r#"{"next_epoch":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#,
                4,
                "it has 75 bytes, its header promises 79",
            ),
            (
                r#"{"next_epoch":{"dtype":"I64","shape":[9],"data_offsets":[0,8]}}"#,
                8,
                "`next_epoch` is damaged: 8 bytes do not make an array of shape [9] with 8 bytes per number",
            ),
            (
                r#"{"next_epoch":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
                8,
                none,
            ),
            (
                r#"{"next_epoch":{"dtype":"I64","shape":[0],"data_offsets":[0,0]}}"#,
                0,
                none,
            ),
            ("{}", 0, none),
        ] {
            fs::write(&path, file_with(header, zeros)).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            let expected = format!(
                "cannot read checkpoint {}: {reason}; delete this file to train the run again from the start",
                path.display()
            );
            assert_eq!(message, expected);
        }
        let scalar = r#"{"next_epoch":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#;
        fs::write(&path, file_with(scalar, 8)).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap().unwrap().next_epoch, 0);
    }
}
