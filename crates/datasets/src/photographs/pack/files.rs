//! The files of a pack.

use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::photographs::PhotographSet;
use crate::photographs::error::PhotographError;
use crate::photographs::pack::Packing;
use crate::photographs::pack::error::PackError;

/// The file that makes a folder a pack.
const HEADER: &str = "pack.json";

/// The format that is written and read. Another number for every change of what the files mean, or of how photographs are resized.
const FORMAT: u32 = 1;

/// What is packed, and how.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    format: u32,
    pub(super) packing: Packing,
    pub(super) photographs_per_shard: usize,
    /// The photographs, in files.
    pub(super) set: PhotographSet,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// What a shard holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// SHA-256 of the shard in lowercase hexadecimal.
    pub(super) sha256: String,
    /// In the order of their bytes.
    pub(super) photographs: Vec<Record>,
}

/// A packed photograph.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Of the file that was packed.
    pub(super) path: String,
    pub(super) label: u32,
    /// Bytes of the file that was packed.
    pub(super) file_bytes: u64,
    /// Where its bytes begin in the shard.
    pub(super) offset: u64,
    /// How many there are.
    pub(super) bytes: u64,
    /// Pixels.
    pub(super) width: usize,
    /// Pixels.
    pub(super) height: usize,
}

impl Header {
    pub(crate) fn new(set: PhotographSet, packing: Packing) -> Header {
        Header {
            format: FORMAT,
            packing,
            photographs_per_shard: packing.photographs_per_shard(),
            set,
        }
    }

    /// Reads the header of a pack; `None` if the folder is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Header>, DataError> {
        let path = folder.join(HEADER);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(DataError::read(&path))?;
        let header = |error: serde_json::Error| PackError::Header {
            path: path.clone(),
            problem: error.to_string(),
        };
        let Version { format } = serde_json::from_slice(&text)
            .map_err(header)
            .map_err(PhotographError::from)?;
        if format != FORMAT {
            let (found, known) = (format, FORMAT);
            return Err(PhotographError::from(PackError::OtherFormat { path, found, known }).into());
        }
        let read: Header = serde_json::from_slice(&text)
            .map_err(header)
            .map_err(PhotographError::from)?;
        if read.photographs_per_shard == 0 {
            let problem = "shards without photographs".to_owned();
            return Err(PhotographError::from(PackError::Header { path, problem }).into());
        }
        Ok(Some(read))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), PackError> {
        replace(&folder.join(HEADER), &json(self))
    }

    /// Shards of the whole pack.
    pub(super) fn shards(&self) -> usize {
        self.photographs().div_ceil(self.photographs_per_shard)
    }

    /// The places in the pack of the photographs of shard `number`: the training split's and then the test split's.
    pub(super) fn photographs_in(&self, number: usize) -> Range<usize> {
        let first = number * self.photographs_per_shard;
        first..(first + self.photographs_per_shard).min(self.photographs())
    }

    fn photographs(&self) -> usize {
        self.set.photographs().iter().sum()
    }
}

impl Table {
    /// Reads the table of shard `number`; `None` if it is not there.
    pub(super) fn read(folder: &Path, number: usize) -> Result<Option<Table>, PackError> {
        let path = table_file(folder, number);
        let damaged = |problem: String| PackError::Damaged {
            path: path.clone(),
            problem,
        };
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(|error| damaged(format!("cannot be read: {error}")))?;
        let table: Table = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(table))
    }

    pub(super) fn write(&self, folder: &Path, number: usize) -> Result<(), PackError> {
        replace(&table_file(folder, number), &json(self))
    }

    /// Bytes of the shard.
    pub(super) fn bytes(&self) -> u64 {
        self.photographs.iter().map(|record| record.bytes).sum()
    }
}

pub(super) fn shard_file(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number:05}.shard"))
}

pub(super) fn table_file(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number:05}.json"))
}

/// The name that a file has until it is whole.
pub(super) fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Gives a file that is on the disk as a whole its own name, so that it has it after a loss of power too.
pub(super) fn rename(path: &Path) -> Result<(), PackError> {
    let renamed = fs::rename(partial(path), path);
    let folder = path.parent().unwrap_or(Path::new("."));
    renamed
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|source| unwritable(path, source))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), PackError> {
    let partial = partial(path);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| unwritable(&partial, source))?;
    rename(path)
}

pub(super) fn unwritable(path: &Path, source: std::io::Error) -> PackError {
    PackError::Write {
        path: path.to_owned(),
        source,
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).expect("numbers and text have a form in JSON");
    text.push(b'\n');
    text
}
