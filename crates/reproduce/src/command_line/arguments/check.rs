//! Arguments of `check`.

use std::path::PathBuf;

use clap::Args;

use super::{MachineArguments, grid_file};

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The grid's file, or the name of one in benchmarks/, such as regression
    #[arg(value_parser = grid_file())]
    pub(crate) grid: PathBuf,
    /// The committed results that new ones are compared with
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: PathBuf,
    /// Train so many further seeds of a method that looks worse, before it counts as worse
    #[arg(long, value_name = "SEEDS", default_value_t = 0)]
    pub(crate) confirm: u16,
    /// Write the baseline from the grid's runs, with the margins of the file that is there, and compare nothing
    #[arg(long, conflicts_with_all = ["confirm", "junit"])]
    pub(crate) write_baseline: bool,
    /// Write the verdicts as JUnit XML too, which CI servers display
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Folder of the data sets, or of the grid's photographs [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
    /// Folder of the runs; those that are finished there are not trained again [default: a folder of this very build in out/check/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
