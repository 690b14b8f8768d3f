//! Command-line arguments.

mod bench;
mod check;
mod compare;
mod exchange;
mod grid;
mod machine;
mod photographs;
mod submit;
mod values;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use methods::{Dispatch, Intervals};

use crate::analyze::{ShownSplit, Source};
use crate::grid::select::Select;
use crate::grid::spelling::nearest;
use crate::run::environment;
use crate::run::settings::Asked;
pub(crate) use bench::BenchArguments;
pub(crate) use check::CheckArguments;
pub(crate) use compare::{CompareArguments, PredictionsArguments};
pub(crate) use exchange::{
    DataArguments, DataVerb, EvaluateArguments, ExportArguments, LookArguments, SplitArguments, WeightsArguments,
};
pub(crate) use grid::GridArguments;
use grid::grid_file;
pub(crate) use machine::MachineArguments;
pub(crate) use photographs::{ListsArguments, PackArguments};
pub(crate) use submit::SubmitArguments;
use values::launch;
pub(crate) use worker::WorkerArguments;

/// Reproduces long-tailed image classification: runs a grid of experiments and tables it beside the published numbers.
///
/// A grid file names a data set, imbalances, seeds and methods; `benchmarks/` has the published ones. Every run trains
/// in a process and a directory of its own. Stop it at any moment; the same command resumes it.
#[derive(Debug, Parser)]
#[command(
    name = "reproduce",
    version = version(),
    max_term_width = 110,
    after_help = "Exit codes: 0 everything asked for is finished; 1 some run failed (listed with its reason); \
                  2 nothing was started: the arguments, the grid or the data must be corrected.\n\n\
                  Examples:\n  reproduce run benchmarks/shapes-lt.toml\n  \
                  reproduce run benchmarks/cifar10-lt.toml --epochs 30 --seeds 0 --methods ce,nc-drw\n  \
                  reproduce plan benchmarks/cifar100-lt.toml --imbalance 100\n  \
                  reproduce analyze ce=out/shapes-lt/runs/ce.r100.s0.12d3b2b1 mine=features.npz"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Arguments {
    /// Parses the command line.
    ///
    /// # Errors
    /// If it is refused, and also if it asks for help or the version.
    pub(crate) fn typed() -> Result<Arguments, clap::Error> {
        // A negative number is a value like any other: it is refused for its range, not as an unknown option.
        let command = Arguments::command().mut_subcommands(|verb| {
            verb.mut_args(|argument| {
                let takes_values = argument.get_action().takes_values();
                if takes_values {
                    argument.allow_negative_numbers(true)
                } else {
                    argument
                }
            })
        });
        let verbs: Vec<String> = command
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned())
            .collect();
        let mut matches = command.try_get_matches().map_err(|mut error| {
            if let Some(ContextValue::String(asked)) = error.get(ContextKind::InvalidSubcommand)
                && let Some(nearest) = nearest(asked, verbs.iter().map(String::as_str))
            {
                let nearest = ContextValue::Strings(vec![nearest.to_owned()]);
                error.insert(ContextKind::SuggestedSubcommand, nearest);
            }
            error
        })?;
        Arguments::from_arg_matches_mut(&mut matches)
    }
}

/// Version, commit and libtorch.
fn version() -> String {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), environment::COMMIT);
    format!("{version} (commit {commit}, libtorch {})", environment::LIBTORCH)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Train or resume the runs of a grid, then write and print its tables
    Run(QueueArguments),
    /// Print the runs of a grid, and train nothing
    Plan(PlanArguments),
    /// Print which runs are finished, interrupted, running or still to do
    Status(StatusArguments),
    /// Write and print a grid's tables and their page, report.html, from the runs that are finished
    Report(ReportArguments),
    /// Measure neural collapse of runs, checkpoints or features files side by side, and draw it
    Analyze(AnalyzeArguments),
    /// Keep the finished runs of a folder of results as a few files of text, and list them in the index beside it
    Archive {
        /// Folder of a grid's results, such as out/shapes-lt
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// Folder of the archive [default: the same name in results/]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Compare methods, or two folders of results: differences with intervals and verdicts
    Compare(CompareArguments),
    /// Train a grid and compare its accuracies with a committed baseline: exit code 1 where one became worse
    Check(CheckArguments),
    /// Print what a finished run's network predicts for each test image
    Predictions(PredictionsArguments),
    /// Write which images a long-tailed split keeps, for NumPy, PyTorch and spreadsheets
    Split(SplitArguments),
    /// Write a run's network for PyTorch, with a description beside it
    Export(ExportArguments),
    /// Measure weights that come from PyTorch or from `export`: every metric of a run, predictions and logits
    Evaluate(EvaluateArguments),
    /// Print which data sets are available, their counts and digests, and how to get the missing ones
    Data(DataArguments),
    /// Make the photographs of a grid smaller once and keep them in a few large files, from which training reads them faster
    Pack(PackArguments),
    /// Print every method that a grid can name: family, name, paper, parts and their settings
    Methods {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Submit a grid to Slurm as a job array whose tasks share the runs
    Submit(SubmitArguments),
    /// Measure the speed of training on synthetic images: one line for cross-entropy, one with the NC regularizer
    Bench(BenchArguments),
    /// Print a script that completes this program's verbs and options in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
    /// Train one run in its directory (what `run` starts; its standard output is for its parent)
    #[command(hide = true)]
    Worker(WorkerArguments),
}

impl Verb {
    /// Whether it computes with tensors, for which a GPU is loaded.
    pub(crate) fn computes(&self) -> bool {
        matches!(
            self,
            Verb::Run(_)
                | Verb::Plan(PlanArguments { cost: true, .. })
                | Verb::Check(_)
                | Verb::Analyze(_)
                | Verb::Predictions(_)
                | Verb::Evaluate(_)
                | Verb::Bench(_)
                | Verb::Worker(_)
        )
    }
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    /// Print JSON: every run with what it needs and its config
    #[arg(long)]
    pub(crate) json: bool,
    /// Measure some steps of each method, and print how many hours the runs take on this machine
    #[arg(long, conflicts_with = "json")]
    pub(crate) cost: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    /// Which epoch is compared with published numbers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) select: Select,
    /// Write event files of TensorBoard too, to tensorboard/ in the folder of results
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    /// Further grids, one after the other with the same options
    #[arg(value_name = "GRID", value_parser = grid_file(), conflicts_with_all = ["out", "watch", "json"])]
    pub(crate) further: Vec<PathBuf>,
    /// Keep the states up to date in the terminal until all runs are finished, or Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON: every run with its state
    #[arg(long, conflicts_with = "watch")]
    pub(crate) json: bool,
}

/// A grid, and others that are trained after it.
#[derive(Args, Debug)]
pub(crate) struct QueueArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Further grids, one after the other with the same options
    #[arg(value_name = "GRID", value_parser = grid_file(), conflicts_with = "out")]
    pub(crate) further: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) grid: GridArguments,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
    /// How steps reach a GPU: graph records an epoch's step once and replays it, for small networks [default: the run's own,
    /// else eager]
    #[arg(long, value_parser = launch())]
    launch: Option<Dispatch>,
    /// Measure accuracies every so many epochs, and after the last one; the best epoch is then one of these
    #[arg(long, value_name = "EPOCHS", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    evaluate_every: i64,
    /// Measure neural collapse every so many epochs, and after the last one
    #[arg(long, value_name = "EPOCHS", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    metrics_every: i64,
    /// Write a checkpoint every so many minutes inside an epoch too; there is one after each epoch
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0, value_parser = minutes)]
    checkpoint_every: f64,
    /// Which epoch is compared with published numbers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) select: Select,
    /// Replace up to N unreadable photographs in each pass over the training images, each by the next one of the pass; a run lists them in
    /// its replaced.txt, and tables count them
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) skip_bad: usize,
    /// Skip runs that another process trains instead of waiting for them (for tasks of a job array)
    #[arg(long)]
    pub(crate) leave_others: bool,
    /// Print the resolved runs (for `submit`, the job's script), and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl RunArguments {
    /// The settings the user asked for.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            launch: self.launch,
            ..self.machine.asked()
        }
    }

    /// The options that say how seldom runs are measured, which decide the best epoch.
    pub(crate) fn measured(&self) -> String {
        let options = [("evaluate", self.evaluate_every), ("metrics", self.metrics_every)];
        let options = options.into_iter().filter(|(_, epochs)| *epochs != 1);
        let options: Vec<String> = options
            .map(|(what, epochs)| format!(" --{what}-every {epochs}"))
            .collect();
        options.concat()
    }

    /// How often runs are measured while they train.
    pub(crate) fn intervals(&self) -> Intervals {
        Intervals {
            evaluation: self.evaluate_every,
            collapse: self.metrics_every,
            checkpoint: Duration::from_secs_f64(60.0 * self.checkpoint_every),
        }
    }
}

/// A time that is worth waiting for, in minutes.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes: Option<f64> = text.parse().ok();
    let wanted = minutes.filter(|minutes| (0.0..=1e6).contains(minutes));
    wanted.ok_or_else(|| format!("`{text}` is not a number of minutes; give one such as 10 or 0.5"))
}

#[derive(Args, Debug)]
pub(crate) struct AnalyzeArguments {
    /// A run's directory, a checkpoint in one, weights of a network as `evaluate` takes them, or a .safetensors or .npz file with
    /// arrays `features [n, d]`, `labels [n]` and, if there is a classifier, `weight [k, d]` and `bias [k]`. Tables and
    /// figures call it NAME
    #[arg(required = true, value_name = "[NAME=]PATH", value_parser = Source::parse)]
    pub(crate) sources: Vec<Source>,
    /// Folder of tables and figures
    #[arg(long, value_name = "DIR", default_value = "analysis")]
    pub(crate) out: PathBuf,
    /// Images whose features a run's network computes
    #[arg(long, value_enum, default_value_t = ShownSplit::Test)]
    pub(crate) split: ShownSplit,
    /// Write each source's features to a file that can be analysed again, or elsewhere
    #[arg(long)]
    pub(crate) save_features: bool,
    #[command(flatten)]
    pub(crate) described: WeightsArguments,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn help_says_what_every_verb_and_option_does() {
        let mut command = Arguments::command().term_width(110);
        command.build(); // subcommands then know the program's name
        let mut text = command.render_long_help().to_string();
        for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
            let help = verb.render_long_help();
            write!(text, "\n\n# {}\n\n{help}", verb.get_name()).expect("a string takes all");
        }
        insta::assert_snapshot!(text);
    }
}
