//! Reading the text of a grid file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::error::{Fault, Place};
use super::{GridError, Refusal, forms, spelling};

/// A file, and its text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// Reads the grid file at `path`.
    pub(super) fn read(path: &Path) -> Result<Source, GridError> {
        Ok(Source {
            path: path.to_owned(),
            text: read(path)?,
        })
    }

    /// The place of the first byte of another text that follows this one.
    pub(super) fn after(&self) -> usize {
        self.text.len() + 1
    }

    /// The refusal of the `fault` at byte `start` of the text.
    pub(super) fn refusal(&self, start: usize, fault: Fault) -> GridError {
        GridError::File {
            place: Place::new(self.path.clone(), &self.text, start),
            refusal: Box::new(fault.refusal),
        }
    }
}

/// Far above the size of any grid, so that a device or a data file does not fill the memory.
const LARGEST_GRID: u64 = 1 << 20;

/// The text of the grid file at `path`.
fn read(path: &Path) -> Result<String, GridError> {
    let refused = |refusal| GridError::Text {
        path: path.to_owned(),
        refusal,
    };
    let cannot_read = |source: io::Error| GridError::Read {
        path: path.to_owned(),
        remedy: spelling::grids_beside(path),
        source,
    };
    let kind = fs::metadata(path).map_err(cannot_read)?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "a folder"
        } else {
            "a pipe or a device"
        };
        return Err(refused(format!(
            "is {what}; name a grid file, such as benchmarks/shapes-lt.toml"
        )));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot_read)?;
    file.take(LARGEST_GRID + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot_read)?;
    if bytes.len() as u64 > LARGEST_GRID {
        return Err(refused(
            "is larger than 1 MiB; name a grid file, such as benchmarks/shapes-lt.toml".to_owned(),
        ));
    }
    let utf_16 = [[0xff, 0xfe], [0xfe, 0xff]]; // the two byte orders
    if utf_16.iter().any(|mark| bytes.starts_with(mark)) || bytes.iter().take(2).any(|&byte| byte == 0) {
        return Err(refused(
            "is in UTF-16; save it in UTF-8, as `iconv -f UTF-16 -t UTF-8` does".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let (place, byte) = (
            Place::new(path.to_owned(), &sound, sound.len()),
            error.as_bytes()[sound.len()],
        );
        GridError::File {
            place,
            refusal: Box::new(Refusal::Toml(format!(
                "the byte 0x{byte:02X} is not text in UTF-8; save the file in UTF-8"
            ))),
        }
    })
}

/// Reads `text`, that of the file at `path`, as a `T`.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, GridError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let (key, stated) = (forms::key_before(text, span.start), text.get(span.clone()));
        let message = forms::instead_of(error.message(), key.as_deref(), stated);
        let message = message.unwrap_or_else(|| forms::with_hint(error.message()));
        GridError::File {
            place: Place::new(path.to_owned(), text, span.start),
            refusal: Box::new(Refusal::Toml(message)),
        }
    })
}
