//! Arguments of the verbs that look after photographs in files.

use std::path::PathBuf;

use clap::Args;
use datasets::photographs::{PackFormat, Packing};

use super::grid_file;
use super::values::pack_format;

#[derive(Args, Debug)]
pub(crate) struct PackArguments {
    /// The grid whose photographs are packed: its file, or the name of one in benchmarks/, such as my-photos
    #[arg(value_parser = grid_file(), required_unless_present = "check")]
    pub(crate) grid: Option<PathBuf>,
    /// Folder of the photographs [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of the pack, which later is --data of the other verbs
    #[arg(long, value_name = "PACK", required_unless_present = "check")]
    pub(crate) out: Option<PathBuf>,
    /// Length of the short side in pixels; a smaller photograph keeps its size
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    side: usize,
    /// raw for pixels, which need no decoding (260 kB for each photograph), or the quality of JPEG, 1 to 100
    #[arg(long, value_name = "QUALITY", default_value = "raw", value_parser = pack_format)]
    quality: PackFormat,
    /// Read a pack whole instead, compare its digests and name the shards that are damaged
    #[arg(long, value_name = "PACK", conflicts_with_all = ["grid", "data", "out", "side", "quality"])]
    pub(crate) check: Option<PathBuf>,
}

impl PackArguments {
    pub(crate) fn packing(&self) -> Packing {
        Packing {
            side: self.side,
            format: self.quality,
        }
    }
}

/// Lists of a large data set, and its photographs.
#[derive(Args, Debug)]
pub(crate) struct ListsArguments {
    /// Folder of the lists and the photographs, or the folder around it if it has the data set's name [default: $LONGTAIL_DATA, else
    /// data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}
