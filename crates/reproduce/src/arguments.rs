//! Arguments: what a person types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use methods::Protocol;
use tch::Device;

use crate::analyze::{Source, Split};
use crate::grid::Options;
use crate::worker::Job;

/// Reproduces long-tailed image classification: runs a grid of experiments and tables it beside the published numbers.
///
/// A grid file names a data set, imbalances, seeds and methods; `benchmarks/` has the published ones. Every run trains
/// in a process and a directory of its own. Stop at any moment, type the same command again, and it goes on.
#[derive(Debug, Parser)]
#[command(
    name = "reproduce",
    version,
    max_term_width = 110,
    after_help = "Exit codes: 0 everything asked for is finished; 1 some run failed (listed with its reason); \
                  2 nothing was started: the arguments, the grid or the data need attention.\n\n\
                  Examples:\n  reproduce run benchmarks/shapes-lt.toml\n  \
                  reproduce run benchmarks/cifar10-lt.toml --epochs 30 --seeds 0 --methods ce,nc-drw\n  \
                  reproduce plan benchmarks/cifar100-lt.toml --imbalance 100\n  \
                  reproduce analyze ce=results/shapes-lt/runs/ce.r100.s0.e66e3d5a mine=features.npz"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Train a grid's runs, or go on with them, then write and print its tables
    Run(RunArguments),
    /// Print the runs that a grid stands for, and train nothing
    Plan(GridArguments),
    /// Print which runs are finished, interrupted, running or still to do
    Status(GridArguments),
    /// Write and print a grid's tables from the runs that are finished
    Report(GridArguments),
    /// Measure neural collapse of runs, checkpoints or features files side by side, and draw it
    Analyze(AnalyzeArguments),
    /// Print which data sets are here, their counts and digests, and how to get the missing ones
    Data {
        /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Train one run in its directory (what `run` starts; its standard output is for its parent)
    #[command(hide = true)]
    Worker(WorkerArguments),
}

/// A grid and the part of it that is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct GridArguments {
    /// The grid's file, such as benchmarks/cifar10-lt.toml
    pub(crate) grid: PathBuf,
    /// Length of training in epochs: every schedule and start epoch scales with it
    #[arg(long)]
    epochs: Option<i64>,
    /// Only or other seeds, such as 0,1,2
    #[arg(long, value_delimiter = ',')]
    seeds: Option<Vec<i64>>,
    /// Only these methods, such as ce,nc-drw
    #[arg(long, value_delimiter = ',')]
    methods: Option<Vec<String>>,
    /// Only these imbalance ratios, such as 100
    #[arg(long, value_delimiter = ',')]
    imbalance: Option<Vec<f64>>,
    /// Where defaults come from: the paper's text or its public code [default: what the grid says]
    #[arg(long, value_parser = protocol, value_name = "paper|code")]
    protocol: Option<Protocol>,
    /// Folder of the results [default: results/ and the grid's name, with -code or -30-epochs where that is asked for]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl GridArguments {
    /// What of the grid is meant.
    pub(crate) fn options(&self) -> Options {
        let GridArguments {
            epochs,
            seeds,
            methods,
            imbalance,
            protocol,
            ..
        } = self.clone();
        Options {
            protocol,
            epochs,
            seeds,
            methods,
            imbalance,
        }
    }

    /// Where results go: a grid that is trained otherwise than its file says has a folder of its own.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        let protocol = self
            .protocol
            .map(|protocol| format!("-{}", protocol.name()))
            .unwrap_or_default();
        let epochs = self
            .epochs
            .map(|epochs| format!("-{epochs}-epochs"))
            .unwrap_or_default();
        self.out
            .clone()
            .unwrap_or_else(|| PathBuf::from("results").join(format!("{name}{protocol}{epochs}")))
    }

    /// The command that asks for the same, without its choice of runs.
    pub(crate) fn command(&self) -> String {
        let protocol = self
            .protocol
            .map(|protocol| format!(" --protocol {}", protocol.name()))
            .unwrap_or_default();
        let epochs = self
            .epochs
            .map(|epochs| format!(" --epochs {epochs}"))
            .unwrap_or_default();
        let name = self.grid.file_stem().unwrap_or_default().to_string_lossy();
        format!("just reproduce {name}{protocol}{epochs}")
    }

    /// The command that asks for the same runs.
    pub(crate) fn whole_command(&self) -> String {
        let list = |option: &str, values: Option<Vec<String>>| {
            values
                .map(|values| format!(" --{option} {}", values.join(",")))
                .unwrap_or_default()
        };
        let text = |values: &Option<Vec<f64>>| {
            values
                .as_ref()
                .map(|values| values.iter().map(f64::to_string).collect())
        };
        let seeds = self
            .seeds
            .as_ref()
            .map(|seeds| seeds.iter().map(i64::to_string).collect());
        let (methods, imbalance) = (
            list("methods", self.methods.clone()),
            list("imbalance", text(&self.imbalance)),
        );
        format!("{}{methods}{imbalance}{}", self.command(), list("seeds", seeds))
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// cpu, cuda (all GPUs) or cuda:N [default: the GPUs if there are any]
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Runs at the same time on each device [default: 1 on a GPU, one a core on the CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) per_device: Option<u16>,
    /// Print the resolved runs and train nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AnalyzeArguments {
    /// A run's directory, a checkpoint in one, or a .safetensors or .npz file with arrays `features [n, d]`, `labels [n]` and, if
    /// there is a classifier, `weight [k, d]` and `bias [k]`. NAME= before it is what tables and figures call it
    #[arg(required = true, value_name = "[NAME=]PATH", value_parser = Source::parse)]
    pub(crate) sources: Vec<Source>,
    /// Folder of tables and figures
    #[arg(long, value_name = "DIR", default_value = "analysis")]
    pub(crate) out: PathBuf,
    /// Images that a run's network is shown
    #[arg(long, value_enum, default_value_t = Split::Test)]
    pub(crate) split: Split,
    /// Write each source's features to a file that can be analysed again, or elsewhere
    #[arg(long)]
    pub(crate) save_features: bool,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct WorkerArguments {
    run_dir: PathBuf,
    #[arg(long)]
    first_stage: Option<PathBuf>,
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    #[arg(long, default_value_t = 1)]
    threads: i32,
    #[arg(long, default_value = "")]
    command: String,
}

impl WorkerArguments {
    pub(crate) fn job(self) -> Job {
        let WorkerArguments {
            run_dir,
            first_stage,
            data,
            device,
            threads,
            command,
        } = self;
        Job {
            run_dir,
            first_stage,
            data,
            device,
            threads,
            command,
        }
    }
}

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
pub(crate) fn device(text: &str) -> Result<Device, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", index)) => index
            .parse()
            .map(Device::Cuda)
            .map_err(|_| format!("`{index}` is not the number of a GPU; say cuda:0")),
        _ => Err(format!("`{text}` is no device; say cpu, cuda or cuda:N")),
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    [Protocol::Paper, Protocol::Code]
        .into_iter()
        .find(|protocol| protocol.name() == text)
        .ok_or_else(|| format!("`{text}` is no protocol; say paper or code"))
}
