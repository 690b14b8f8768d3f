//! A grid for a queue, and how its tasks are.

use clap::{Args, Parser};

use super::{Arguments, RunArguments, Verb};
use crate::command_line::submit::JobArray;

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
