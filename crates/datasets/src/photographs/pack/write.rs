//! Packing, shard by shard.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use fast_image_resize::Resizer;
use sha2::{Digest, Sha256};

use crate::DataError;
use crate::photographs::error::{ImageProblem, PhotographError, Skipped};
use crate::photographs::pack::check::intact;
use crate::photographs::pack::error::PackError;
use crate::photographs::pack::files::{Header, Record, Table, partial, rename, shard_file, table_file, unwritable};
use crate::photographs::pack::resize::stored;
use crate::photographs::set::splits::Splits;
use crate::photographs::worker::without_panic;

/// How far packing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackProgress {
    /// Photographs in finished shards.
    pub photographs: usize,
    /// All photographs.
    pub of: usize,
}

/// A finished pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Photographs of both splits.
    pub photographs: usize,
    /// Shards.
    pub shards: usize,
    /// Shards that were there before, and intact.
    pub kept: usize,
    /// Bytes of all shards.
    pub bytes: u64,
}

/// Packs the photographs of `splits`, which are those of the header's set, into the folder `out`, with `threads` threads. Shards that are there
/// and intact are kept.
///
/// # Errors
/// If a photograph cannot be read, the folder cannot be written or holds another pack, or another process packs to it.
pub(crate) fn write(
    header: Header,
    splits: &Splits,
    out: &Path,
    threads: NonZeroUsize,
    progress: &(dyn Fn(PackProgress) + Sync),
) -> Result<Packed, DataError> {
    fs::create_dir_all(out).map_err(DataError::write(out))?;
    let _locked = lock(out).map_err(PhotographError::from)?;
    match Header::read(out)? {
        None => header.write(out).map_err(PhotographError::from)?,
        Some(found) if found == header => (),
        Some(_) => {
            let folder = out.to_owned();
            return Err(PhotographError::from(PackError::Taken { folder }).into());
        }
    }
    let packer = Packer {
        header,
        splits,
        out,
        progress,
        next: AtomicUsize::new(0),
        state: Mutex::new(State::default()),
    };
    thread::scope(|scope| {
        for _ in 0..threads.get().min(packer.header.shards()) {
            scope.spawn(|| packer.run());
        }
    });
    let State { packed, failed } = packer.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(packed), Err)
}

/// What the threads share.
struct Packer<'a> {
    header: Header,
    splits: &'a Splits,
    out: &'a Path,
    progress: &'a (dyn Fn(PackProgress) + Sync),
    /// The shard that no thread has yet.
    next: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    packed: Packed,
    failed: Option<DataError>,
}

impl Packer<'_> {
    /// Finishes one shard after the other until none is left, or one cannot be.
    fn run(&self) {
        let mut resizer = Resizer::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.header.shards() || self.state().failed.is_some() {
                return;
            }
            let part = self.header.photographs_in(number);
            let photographs = part.len();
            let there = intact(self.out, number);
            let finished = match there {
                Some(bytes) => Ok(bytes),
                None => self.write_shard(number, part, &mut resizer),
            };
            let mut state = self.state();
            match finished {
                Err(error) => {
                    state.failed.get_or_insert(error);
                }
                Ok(bytes) => {
                    state.packed.photographs += photographs;
                    state.packed.shards += 1;
                    state.packed.kept += usize::from(there.is_some());
                    state.packed.bytes += bytes;
                    (self.progress)(PackProgress {
                        photographs: state.packed.photographs,
                        of: self.splits.len(),
                    });
                }
            }
        }
    }

    /// Writes the shard with the photographs at the places `part`, and then its table. Returns the bytes of the shard.
    fn write_shard(&self, number: usize, part: Range<usize>, resizer: &mut Resizer) -> Result<u64, DataError> {
        let path = shard_file(self.out, number);
        let failed = |source| DataError::from(PhotographError::from(unwritable(&path, source)));
        let table = table_file(self.out, number);
        if table.exists() {
            fs::remove_file(table).map_err(failed)?; // it is of the damaged shard
        }
        let mut file = File::create(partial(&path)).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut photographs = Vec::with_capacity(part.len());
        let mut offset = 0;
        for place in part {
            let (index, position) = self.splits.at(place);
            let photograph = index.path(position);
            let unreadable = |problem| PhotographError::Unreadable {
                path: photograph.clone(),
                problem,
                skipped: Skipped::NONE,
            };
            let bytes = fs::read(&photograph).map_err(|error| unreadable(ImageProblem::Read(error.to_string())))?;
            let stored = without_panic(|| stored(&bytes, self.header.packing, resizer)).map_err(unreadable)?;
            digest.update(&stored.bytes);
            file.write_all(&stored.bytes).map_err(failed)?;
            let length = stored.bytes.len() as u64;
            photographs.push(Record {
                path: index.relative_path(position).to_owned(),
                label: index.label(position) as u32,
                file_bytes: self.splits.lengths[place],
                offset,
                bytes: length,
                width: stored.width,
                height: stored.height,
            });
            offset += length;
        }
        file.sync_all().map_err(failed)?;
        rename(&path).map_err(PhotographError::from)?;
        let sha256 = format!("{:x}", digest.finalize());
        let table = Table { sha256, photographs };
        table.write(self.out, number).map_err(PhotographError::from)?;
        Ok(offset)
    }

    /// What is locked is whole at any time, even if a thread panics meanwhile.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps other processes from packing to the folder until what is returned is dropped, or the process ends in whichever way.
fn lock(folder: &Path) -> Result<File, PackError> {
    let path = folder.join("pack.lock");
    let file = File::create(&path).map_err(|source| unwritable(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PackError::Busy {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(unwritable(&path, source)),
    }
}
