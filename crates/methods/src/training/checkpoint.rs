//! Checkpoints: everything a run needs to resume, in one file that is replaced atomically.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tch::{Kind, TchError, Tensor};

use crate::files::remedy::{remedy_for_reading, remedy_for_writing};
use crate::files::safetensors::{Safetensors, SafetensorsError};

/// A checkpoint whose header has been read; its arrays are read when they are restored.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: Safetensors,
    /// First epoch that has not been trained yet.
    pub next_epoch: i64,
}

/// Why a checkpoint could not be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system said no.
    #[error(
        "cannot write checkpoint {path}: {source}; the one before it is unharmed: {}, then run the same command again",
        remedy_for_writing(source)
    )]
    Write {
        /// The checkpoint.
        path: PathBuf,
        /// What the system or libtorch said.
        source: io::Error,
    },
    /// It may not be read; there is nothing wrong with it.
    #[error("cannot read checkpoint {path}: {source}; {}", remedy_for_reading(source))]
    Open {
        /// The checkpoint.
        path: PathBuf,
        /// What the system said.
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

const NEXT_EPOCH: &str = "next_epoch";

impl Checkpoint {
    /// Writes `state`, tensors by their names, and the next epoch to `path`: first a sibling temporary file, flushed to the
    /// disk, then a rename, and that flushed too.
    ///
    /// # Errors
    /// [`CheckpointError::Write`], for instance on a full disk; the file at `path` is then the previous one.
    pub fn save(
        path: &Path,
        next_epoch: i64,
        state: impl Iterator<Item = (String, Tensor)>,
    ) -> Result<(), CheckpointError> {
        let next_epoch = (NEXT_EPOCH.to_owned(), Tensor::from_slice(&[next_epoch]));
        let on_host: Vec<(String, Tensor)> = state
            .chain([next_epoch])
            .map(|(name, tensor)| (name, tensor.detach().to_device(tch::Device::Cpu).contiguous()))
            .collect();
        let temporary = path.with_extension("tmp");
        Tensor::write_safetensors(&on_host, &temporary)
            .map_err(io_error)
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| flush_folder_of(path))
            .map_err(|source| {
                let _ = fs::remove_file(&temporary); // a partial file is useless and takes space on a full disk
                CheckpointError::Write {
                    path: path.into(),
                    source,
                }
            })
    }

    /// Opens a checkpoint; `None` if there is no file at `path`.
    ///
    /// # Errors
    /// [`CheckpointError::Open`] if it may not be read, [`CheckpointError::Read`] if it is damaged.
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
        let next_epoch = file
            .tensor(NEXT_EPOCH)
            .map_err(|error| damaged(path, &error))?
            .filter(|tensor| tensor.kind() == Kind::Int64 && tensor.numel() == 1)
            .map(|tensor| tensor.reshape(1).int64_value(&[0]))
            .filter(|&next_epoch| next_epoch >= 0)
            .ok_or_else(|| CheckpointError::Read {
                path: path.into(),
                reason: format!("it has no `{NEXT_EPOCH}`"),
            })?;
        Ok(Some(Checkpoint {
            path: path.into(),
            file,
            next_epoch,
        }))
    }

    /// Overwrites each tensor of `state` in place with the one that the file has under its name.
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`] names the first tensor that is missing or has another shape, [`CheckpointError::Read`]
    /// a damaged one.
    pub fn restore(&self, state: impl Iterator<Item = (String, Tensor)>) -> Result<(), CheckpointError> {
        for (name, tensor) in state {
            self.copy(&name, &tensor)?;
        }
        Ok(())
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

/// A file that was renamed has its new name after a loss of power only if its folder has been flushed.
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
    use crate::files::safetensors::tests::file_of;

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
                "`next_epoch` is damaged: 8 bytes are no array of shape [9] and 8 bytes a number",
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
            fs::write(&path, file_of(header, zeros)).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            let expected = format!(
                "cannot read checkpoint {}: {reason}; delete this file to train the run again from the start",
                path.display()
            );
            assert_eq!(message, expected);
        }
        let scalar = r#"{"next_epoch":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#;
        fs::write(&path, file_of(scalar, 8)).unwrap();
        assert_eq!(Checkpoint::load(&path).unwrap().unwrap().next_epoch, 0);
    }
}
