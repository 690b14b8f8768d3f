//! Arguments: what a person types.

mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use datasets::Dataset;
use methods::{Launch, Protocol};
use models::Backbone;
use tch::Device;

use crate::analyze::{Source, Split};
use crate::bench::Bench;
use crate::command_line::submit::JobArray;
use crate::grid::Options;
use crate::grid::select::Select;
use crate::run::directory::RunDir;
use crate::run::worker::Job;
pub(crate) use values::device;
use values::{PrecisionChoice, backbone, dataset, launch, precision, protocol, spelt};

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
    Report(ReportArguments),
    /// Measure neural collapse of runs, checkpoints or features files side by side, and draw it
    Analyze(AnalyzeArguments),
    /// Print which data sets are here, their counts and digests, and how to get the missing ones
    Data {
        /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Print the catalogue of methods: family, name, paper, parts, and which grids use them
    Methods {
        /// Folder of the grids
        #[arg(default_value = "benchmarks")]
        grids: PathBuf,
    },
    /// Hand a grid to Slurm as a job array whose tasks divide the runs among themselves
    Submit(SubmitArguments),
    /// Measure the training loop on made-up images: one line for cross-entropy, one with the NC regularizer
    Bench(BenchArguments),
    /// Train one run in its directory (what `run` starts; its standard output is for its parent)
    #[command(hide = true)]
    Worker(WorkerArguments),
}

impl Verb {
    /// Whether a GPU has something to do.
    pub(crate) fn computes(&self) -> bool {
        matches!(self, Verb::Run(_) | Verb::Analyze(_) | Verb::Bench(_) | Verb::Worker(_))
    }
}

/// A grid and the part of it that is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct GridArguments {
    /// The grid's file, such as benchmarks/cifar10-lt.toml
    pub(crate) grid: PathBuf,
    /// Another data set than the grid's, with the protocol's defaults for it
    #[arg(long, value_parser = dataset, value_name = "cifar10|cifar100|shapes")]
    dataset: Option<Dataset>,
    /// Another network than the grid's
    #[arg(long, value_parser = backbone, value_name = "resnet8|resnet18|resnet20|resnet32")]
    backbone: Option<Backbone>,
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
    /// Folder of the results [default: results/ and the grid's name, with -cifar100, -resnet18, -code or -30-epochs where that is asked for]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl GridArguments {
    /// What of the grid is meant.
    pub(crate) fn options(&self) -> Options {
        let GridArguments {
            dataset,
            backbone,
            epochs,
            seeds,
            methods,
            imbalance,
            protocol,
            ..
        } = self.clone();
        Options {
            dataset,
            backbone,
            protocol,
            epochs,
            seeds,
            methods,
            imbalance,
        }
    }

    /// Where results go: a grid that is trained otherwise than its file says has a folder of its own.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        let dataset = self.dataset.map(|dataset| format!("-{dataset}")).unwrap_or_default();
        let backbone = self
            .backbone
            .map(|backbone| format!("-{}", spelt(backbone)))
            .unwrap_or_default();
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
            .unwrap_or_else(|| PathBuf::from("results").join(format!("{name}{dataset}{backbone}{protocol}{epochs}")))
    }

    /// The command that asks for the same, without its choice of runs.
    pub(crate) fn command(&self) -> String {
        let dataset = self
            .dataset
            .map(|dataset| format!(" --dataset {dataset}"))
            .unwrap_or_default();
        let backbone = self
            .backbone
            .map(|backbone| format!(" --backbone {}", spelt(backbone)))
            .unwrap_or_default();
        let protocol = self
            .protocol
            .map(|protocol| format!(" --protocol {}", protocol.name()))
            .unwrap_or_default();
        let epochs = self
            .epochs
            .map(|epochs| format!(" --epochs {epochs}"))
            .unwrap_or_default();
        let name = self.grid.file_stem().unwrap_or_default().to_string_lossy();
        format!("just reproduce {name}{dataset}{backbone}{protocol}{epochs}")
    }

    /// The command that asks for the same runs, and the same epochs of them.
    pub(crate) fn whole_command(&self, select: Select) -> String {
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
        format!(
            "{}{methods}{imbalance}{}{}",
            self.command(),
            list("seeds", seeds),
            select.option()
        )
    }
}

#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    /// Which epoch is compared with published numbers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) select: Select,
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
    /// Arithmetic of the networks: auto is bf16 where the hardware is faster at it, else f32
    #[arg(long, default_value = "auto", value_parser = precision, value_name = "auto|f32|bf16")]
    pub(crate) precision: PrecisionChoice,
    /// How steps reach a GPU: graph records an epoch's step once and replays it, for small networks [default: eager]
    #[arg(long, default_value = "eager", value_parser = launch, value_name = "eager|graph", hide_default_value = true)]
    pub(crate) launch: Launch,
    /// Measure neural collapse every so many epochs, and after the last one
    #[arg(long, value_name = "EPOCHS", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) metrics_every: i64,
    /// Which epoch is compared with published numbers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) select: Select,
    /// Leave runs alone that another program trains, instead of waiting for them: for tasks of a job array
    #[arg(long)]
    pub(crate) leave_others: bool,
    /// Print the resolved runs and train nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    /// Hand it to Slurm, the only queue so far
    #[arg(long = "slurm")]
    _slurm: bool,
    /// Runs that one task of the array is there for
    #[arg(long, default_value_t = 1, value_name = "RUNS", value_parser = clap::value_parser!(u16).range(1..))]
    runs_per_task: u16,
    /// GPUs of a task; 0 trains on the CPU
    #[arg(long, default_value_t = 1)]
    gpus: u16,
    /// Processor cores of a task
    #[arg(long, default_value_t = 2)]
    cores: u16,
    /// Time limit of a task, as Slurm writes it; a task that reaches it queues itself again and goes on
    #[arg(long, default_value = "4:00:00")]
    time: String,
    /// Another option of sbatch, such as --sbatch=--partition=gpu; may be given several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Print the job's script and submit nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The grid and its options, as in `reproduce run`; they come last
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "GRID [OPTIONS]"
    )]
    words: Vec<String>,
}

impl SubmitArguments {
    /// The arguments of the `run` that every task types.
    pub(crate) fn run(&self) -> RunArguments {
        let words = ["reproduce", "run"]
            .into_iter()
            .chain(self.words.iter().map(String::as_str));
        match Arguments::parse_from(words).verb {
            Verb::Run(arguments) => arguments,
            _ => unreachable!("the second word is `run`"),
        }
    }

    /// The job array for `runs` unfinished runs, whose tasks start `program`.
    pub(crate) fn job_array(&self, name: &str, runs: usize, program: &str) -> JobArray {
        let command = [program, "run"]
            .into_iter()
            .chain(self.words.iter().map(String::as_str));
        JobArray {
            name: format!("longtail-{name}"),
            runs,
            runs_per_task: self.runs_per_task.into(),
            gpus: self.gpus,
            cores: self.cores,
            time: self.time.clone(),
            options: self.sbatch.clone(),
            command: command.chain(["--leave-others"]).map(str::to_owned).collect(),
        }
    }
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
    initial: Option<PathBuf>,
    #[arg(long)]
    teacher: Option<PathBuf>,
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    #[arg(long, default_value_t = 1)]
    threads: i32,
    #[arg(long, default_value = "auto", value_parser = precision)]
    precision: PrecisionChoice,
    #[arg(long, default_value = "eager", value_parser = launch)]
    launch: Launch,
    #[arg(long, default_value_t = 1)]
    metrics_every: i64,
    #[arg(long, default_value = "")]
    command: String,
}

impl WorkerArguments {
    pub(crate) fn job(self) -> Job {
        let WorkerArguments {
            run_dir,
            first_stage,
            initial,
            teacher,
            data,
            device,
            threads,
            precision,
            launch,
            metrics_every,
            command,
        } = self;
        let at = |path: Option<PathBuf>| path.map(|path| RunDir::at(&path));
        Job {
            run_dir,
            first_stage: at(first_stage),
            initial: at(initial),
            teacher: at(teacher),
            data,
            device,
            threads,
            precision: precision.on(device),
            launch,
            metrics_every,
            command,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// Training images of an epoch
    #[arg(long, default_value_t = 2560)]
    images: i64,
    /// Images of a step
    #[arg(long, default_value_t = 128)]
    batch: i64,
    /// Classes, all of the same size
    #[arg(long, default_value_t = 10)]
    classes: i64,
    /// Epochs of each configuration; the first is not counted where there are more
    #[arg(long, default_value_t = 3)]
    epochs: i64,
    /// cpu or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    /// Threads of libtorch [default: one a core]
    #[arg(long)]
    threads: Option<i32>,
    /// Arithmetic of the network, as in `run`
    #[arg(long, default_value = "auto", value_parser = precision, value_name = "auto|f32|bf16")]
    precision: PrecisionChoice,
    /// How steps reach a GPU, as in `run`
    #[arg(long, default_value = "eager", value_parser = launch, value_name = "eager|graph")]
    launch: Launch,
}

impl BenchArguments {
    pub(crate) fn bench(&self) -> Bench {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as i32;
        Bench {
            images: self.images,
            batch: self.batch,
            classes: self.classes,
            epochs: self.epochs,
            device: self.device,
            threads: self.threads.unwrap_or(cores),
            precision: self.precision.on(self.device),
            launch: self.launch,
        }
    }
}
