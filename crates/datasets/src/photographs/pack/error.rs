//! What can be wrong with a pack.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What can be wrong with a pack.
#[derive(Debug, Error)]
pub enum PackError {
    /// Another version of this program wrote it.
    #[error(
        "{}: a pack of format {found}, and this version reads format {known}; pack the photographs again with this version, or use the one that \
         wrote it", path.display()
    )]
    OtherFormat {
        /// Its `pack.json`.
        path: PathBuf,
        /// The format it states.
        found: u32,
        /// The format that is read.
        known: u32,
    },
    /// Its `pack.json` is not one.
    #[error("{}: {problem}; remove the folder, and pack the photographs again", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// How it differs from one.
        problem: String,
    },
    /// A shard is not as it was written.
    #[error(
        "{}: {problem}; the shard is damaged: run the `reproduce pack` that made the folder again, which writes the damaged shards anew and keeps \
         the others", path.display()
    )]
    Damaged {
        /// The shard, or its table.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// Packing was interrupted.
    #[error(
        "{}: only {finished} of {shards} shards are packed; run the `reproduce pack` that made the folder again, which goes on from there",
        folder.display()
    )]
    Unfinished {
        /// The pack.
        folder: PathBuf,
        /// Shards that are there.
        finished: usize,
        /// Shards of the whole pack.
        shards: usize,
    },
    /// The folder holds another pack.
    #[error("{}: holds a pack of other photographs, or with other settings; choose another --out", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process packs to the folder.
    #[error("{}: another process packs photographs here; wait for it, or choose another --out", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The photographs are in a pack already.
    #[error("{}: a pack already; name the folder of the photographs themselves with --data", folder.display())]
    AlreadyPacked {
        /// The folder.
        folder: PathBuf,
    },
    /// A pack was made with other settings than the grid's.
    #[error(
        "{}: packed with {packed}, and the grid has {asked}; state these in the grid, or pack the photographs again with it", folder.display()
    )]
    OtherSettings {
        /// The pack.
        folder: PathBuf,
        /// The settings that it was made with.
        packed: String,
        /// Those of the grid.
        asked: String,
    },
    /// Photographs are smaller in the pack than they are shown.
    #[error(
        "{}: the photographs have a short side of {side} pixels, and a network that sees {asked} pixels needs {needed}; pack them with \
         --side {needed}, or choose a smaller `side` in the grid", folder.display()
    )]
    TooSmall {
        /// The pack.
        folder: PathBuf,
        /// The short side in the pack.
        side: usize,
        /// What the network sees.
        asked: usize,
        /// The short side that this takes.
        needed: usize,
    },
    /// A shard cannot be written.
    #[error(
        "{}: cannot be written: {source}; check free space and permissions, and run the same command again: it keeps the shards that are \
         finished", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}
