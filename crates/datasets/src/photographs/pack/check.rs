//! Whether the shards of a pack are as they were written.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest, Sha256};

use crate::DataError;
use crate::photographs::error::PhotographError;
use crate::photographs::pack::error::PackError;
use crate::photographs::pack::files::{Header, Table, shard_file, table_file};

/// A shard that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DamagedShard {
    /// The shard, or its table.
    pub path: PathBuf,
    /// How it differs.
    pub problem: String,
}

/// Reads the whole pack in `folder` with `threads` threads, and compares each shard's SHA-256 with that of its table. Returns the number of
/// shards and those that are damaged or missing, in their order.
///
/// # Errors
/// If the folder is no pack, or one of another format.
///
/// # Panics
/// If the operating system starts no further thread.
pub fn check_pack(folder: &Path, threads: NonZeroUsize) -> Result<(usize, Vec<DamagedShard>), DataError> {
    let header = Header::read(folder)?.ok_or_else(|| {
        PhotographError::from(PackError::Header {
            path: folder.to_owned(),
            problem: "no pack: there is no pack.json".to_owned(),
        })
    })?;
    let shards = header.shards();
    let next = AtomicUsize::new(0);
    let look = || -> Vec<DamagedShard> {
        let numbers =
            std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|&number| number < shards);
        numbers.filter_map(|number| check(folder, number).err()).collect()
    };
    let mut damaged: Vec<DamagedShard> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.get().min(shards)).map(|_| scope.spawn(look)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("reading shards does not panic"))
            .collect()
    });
    damaged.sort();
    Ok((shards, damaged))
}

/// The bytes of shard `number`, if it is there as it was written.
pub(super) fn intact(folder: &Path, number: usize) -> Option<u64> {
    check(folder, number).ok()
}

fn check(folder: &Path, number: usize) -> Result<u64, DamagedShard> {
    let path = shard_file(folder, number);
    let damaged = |problem: String| DamagedShard {
        path: path.clone(),
        problem,
    };
    let table = match Table::read(folder, number) {
        Ok(Some(table)) => table,
        Ok(None) => return Err(damaged("not finished".to_owned())),
        Err(error) => {
            return Err(DamagedShard {
                path: table_file(folder, number),
                problem: error.to_string(),
            });
        }
    };
    let (bytes, sha256) = digest(&path).map_err(|error| damaged(format!("cannot be read: {error}")))?;
    if bytes != table.bytes() {
        return Err(damaged(format!("{bytes} bytes, and its table has {}", table.bytes())));
    }
    if sha256 != table.sha256 {
        return Err(damaged(format!("its SHA-256 is {sha256}, and was {}", table.sha256)));
    }
    Ok(bytes)
}

/// Length and SHA-256 of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, format!("{:x}", digest.finalize())));
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
}
