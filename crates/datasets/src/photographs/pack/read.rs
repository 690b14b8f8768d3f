//! Reading packed photographs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::DataError;
use crate::photographs::PhotographSet;
use crate::photographs::error::{ImageProblem, PhotographError};
use crate::photographs::index::PhotographIndex;
use crate::photographs::pack::error::PackError;
use crate::photographs::pack::files::{Header, Record, Table, shard_file, table_file};
use crate::photographs::pack::{PackFormat, Packing};
use crate::photographs::region::Region;
use crate::photographs::set::splits::Splits;

/// The open shards of a pack, and where in them each photograph is.
#[derive(Debug)]
pub(crate) struct Pack {
    packing: Packing,
    photographs_per_shard: usize,
    shards: Vec<Shard>,
    places: Vec<Place>,
    /// See [`Opened::digest`].
    digest: String,
}

/// A pack that was opened: what it is.
pub(crate) struct Opened {
    /// The photographs in files that were packed.
    pub(crate) set: PhotographSet,
    pub(crate) packing: Packing,
    /// SHA-256 in lowercase hexadecimal over the digest of the set, the packing, and the SHA-256 of each shard.
    pub(crate) digest: String,
    pub(crate) splits: Splits,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
}

/// Where a photograph is in its shard.
#[derive(Debug)]
struct Place {
    offset: u64,
    bytes: u64,
    width: usize,
    height: usize,
}

/// Rows of the pixels of a photograph in a raw pack.
pub(crate) struct RawRows<'a> {
    file: &'a File,
    place: &'a Place,
}

impl Pack {
    /// Opens the pack in `folder`; `None` if the folder is none. Lengths are compared, contents are not read.
    ///
    /// # Errors
    /// If the pack is unfinished, of another format, or a shard is damaged.
    pub(crate) fn open(folder: &Path) -> Result<Option<Opened>, DataError> {
        let Some(header) = Header::read(folder)? else {
            return Ok(None);
        };
        let opened = open(folder, &header).map_err(PhotographError::from)?;
        Ok(Some(opened))
    }

    pub(crate) fn format(&self) -> PackFormat {
        self.packing.format
    }

    /// The file that the photograph at `place` is in.
    pub(crate) fn shard(&self, place: usize) -> &Path {
        &self.shards[place / self.photographs_per_shard].path
    }

    /// The rows of the photograph at `place` of a raw pack.
    pub(crate) fn rows(&self, place: usize) -> RawRows<'_> {
        RawRows {
            file: &self.shards[place / self.photographs_per_shard].file,
            place: &self.places[place],
        }
    }

    /// Reads all bytes of the photograph at `place` to `bytes`.
    pub(crate) fn read(&self, place: usize, bytes: &mut Vec<u8>) -> Result<(), ImageProblem> {
        let Place {
            offset, bytes: length, ..
        } = self.places[place];
        bytes.resize(length as usize, 0);
        read_at(&self.shards[place / self.photographs_per_shard].file, bytes, offset)
    }
}

/// Equal digests are equal pixels.
impl PartialEq for Pack {
    fn eq(&self, other: &Pack) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Pack {}

impl RawRows<'_> {
    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.place.width, self.place.height)
    }

    /// Reads the rows of `region` in their whole width to `pixels`, and returns what was read.
    pub(crate) fn read(&self, region: Region, pixels: &mut Vec<u8>) -> Result<Region, ImageProblem> {
        let row = 3 * self.place.width;
        pixels.resize(row * region.height, 0);
        read_at(self.file, pixels, self.place.offset + (row * region.y) as u64)?;
        Ok(Region {
            x: 0,
            width: self.place.width,
            ..region
        })
    }
}

fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), ImageProblem> {
    file.read_exact_at(bytes, offset)
        .map_err(|error| ImageProblem::Read(error.to_string()))
}

fn open(folder: &Path, header: &Header) -> Result<Opened, PackError> {
    let Header { packing, set, .. } = *header;
    let mut digest = Sha256::new();
    digest.update(set.digest());
    digest.update(packing.to_string());
    let (mut shards, mut places) = (Vec::new(), Vec::new());
    let [trained, tested] = set.photographs();
    let index = || PhotographIndex::new(folder, set.class_names().to_vec());
    let (mut train, mut test, mut lengths) = (index(), index(), Vec::new());
    for number in 0..header.shards() {
        let Some(table) = Table::read(folder, number)? else {
            return Err(unfinished(folder, header.shards()));
        };
        shards.push(open_shard(folder, number, &table, header)?);
        digest.update(&table.sha256);
        for record in table.photographs {
            let index = if lengths.len() < trained { &mut train } else { &mut test };
            index.push(&record.path, record.label);
            lengths.push(record.file_bytes);
            let Record {
                offset,
                bytes,
                width,
                height,
                ..
            } = record;
            places.push(Place {
                offset,
                bytes,
                width,
                height,
            });
        }
    }
    let digest = format!("{:x}", digest.finalize());
    let pack = Arc::new(Pack {
        packing,
        photographs_per_shard: header.photographs_per_shard,
        shards,
        places,
        digest: digest.clone(),
    });
    let splits = Splits {
        train: train.in_pack(&pack, 0),
        test: test.in_pack(&pack, trained),
        lengths,
    };
    if splits.len() != trained + tested || splits.digest() != set.digest() {
        let problem = "the tables beside it list other photographs than it states".to_owned();
        let path = folder.join("pack.json");
        return Err(PackError::Header { path, problem });
    }
    Ok(Opened {
        set,
        packing,
        digest,
        splits,
    })
}

fn unfinished(folder: &Path, shards: usize) -> PackError {
    let finished = (0..shards).filter(|&number| table_file(folder, number).exists());
    PackError::Unfinished {
        folder: folder.to_owned(),
        finished: finished.count(),
        shards,
    }
}

/// Opens a shard, if it is as long as its table says, and what the table says is possible.
fn open_shard(folder: &Path, number: usize, table: &Table, header: &Header) -> Result<Shard, PackError> {
    let path = shard_file(folder, number);
    let damaged = |path: &Path, problem: String| PackError::Damaged {
        path: path.to_owned(),
        problem,
    };
    let expected = header.photographs_in(number).len();
    if table.photographs.len() != expected {
        let problem = format!("{} photographs, expected {expected}", table.photographs.len());
        return Err(damaged(&table_file(folder, number), problem));
    }
    let is_raw = header.packing.format == PackFormat::Raw;
    let classes = header.set.class_names().len();
    let mut end = 0;
    for record in &table.photographs {
        let pixels = record
            .width
            .checked_mul(record.height)
            .and_then(|pixels| pixels.checked_mul(3));
        let is_whole = !is_raw || pixels.is_some_and(|pixels| pixels as u64 == record.bytes);
        let is_possible = pixels.is_some_and(|pixels| pixels > 0) && (record.label as usize) < classes;
        if record.offset != end || !is_whole || !is_possible {
            let problem = format!("`{}` has an impossible size, place or class", record.path);
            return Err(damaged(&table_file(folder, number), problem));
        }
        end = record.offset.saturating_add(record.bytes);
    }
    let unreadable = |error: std::io::Error| damaged(&path, format!("cannot be read: {error}"));
    let file = File::open(&path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?.len();
    if found != end {
        return Err(damaged(&path, format!("{found} bytes, and its table has {end}")));
    }
    Ok(Shard { path, file })
}
