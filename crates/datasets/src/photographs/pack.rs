//! Packs: all photographs of a set, made smaller once, one after the other in a few large files.
//!
//! A pack is a folder. `pack.json` says what is packed and how; each shard is two files, `00000.shard` with the bytes of its
//! photographs and `00000.json` with where each begins, its size and class, and the shard's SHA-256. A shard is written under another
//! name, brought to the disk and renamed, and its table after it: a shard with a table is finished, so that an interrupted pack
//! goes on after its last one, and a damaged shard is written anew by itself.
//!
//! Shards are read at offsets (`pread`) rather than mapped into memory. The operating system keeps what was read in memory either way,
//! once for all processes, and the copy costs little beside the resizing; a mapping needs `unsafe`, and ends the process where another
//! one shortens a file.

mod check;
mod error;
mod files;
mod read;
mod resize;
mod write;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::photographs::error::PhotographError;
use crate::photographs::view::EvaluationView;

pub use check::{DamagedShard, check_pack};
pub use error::PackError;
pub(crate) use files::Header;
pub(crate) use read::{Pack, RawRows};
pub(crate) use write::write;
pub use write::{PackProgress, Packed};

/// How photographs are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packing {
    /// Length of the short side of a photograph, pixels; a smaller one keeps its size.
    pub side: usize,
    /// What is stored of it.
    pub format: PackFormat,
}

/// What is stored of a packed photograph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PackFormat {
    /// Its pixels, 3 bytes each: 260 kB for a short side of 256. Nothing has to be decoded.
    Raw,
    /// A JPEG file of the smaller photograph; of one that is not made smaller, its file as it is.
    Jpeg {
        /// From 1 to 100, as libjpeg has it.
        quality: u8,
    },
}

impl Packing {
    /// Whether the settings are possible.
    ///
    /// # Errors
    /// If the side or the quality is out of range.
    pub(crate) fn check(self) -> Result<(), PhotographError> {
        let refused = |name, value: usize, expected| PhotographError::View {
            name,
            value: value.to_string(),
            expected,
        };
        if !(1..=1 << 15).contains(&self.side) {
            return Err(refused("side", self.side, "1 to 32768 pixels"));
        }
        match self.format {
            PackFormat::Jpeg { quality } if !(1..=100).contains(&quality) => {
                Err(refused("quality", quality.into(), "1 to 100"))
            }
            PackFormat::Jpeg { .. } | PackFormat::Raw => Ok(()),
        }
    }

    /// Whether photographs are large enough in the pack in `folder` for a network that sees `asked` pixels.
    ///
    /// # Errors
    /// If an evaluation would make them larger again.
    pub(crate) fn check_side(self, folder: &Path, asked: usize) -> Result<(), PackError> {
        let needed = EvaluationView::usual(asked).resize;
        if needed <= self.side {
            return Ok(());
        }
        Err(PackError::TooSmall {
            folder: folder.to_owned(),
            side: self.side,
            asked,
            needed,
        })
    }

    /// Photographs of a shard, for shards of about 256 MB. It does not depend on the machine, so that any can complete a pack.
    fn photographs_per_shard(self) -> usize {
        match self.format {
            PackFormat::Raw => 1024,
            PackFormat::Jpeg { .. } => 8192,
        }
    }
}

/// `packed 256 raw` or `packed 256 jpeg 90`, as the names of data sets in tables have it.
impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "packed {} ", self.side)?;
        match self.format {
            PackFormat::Raw => formatter.write_str("raw"),
            PackFormat::Jpeg { quality } => write!(formatter, "jpeg {quality}"),
        }
    }
}

#[cfg(test)]
mod tests;
