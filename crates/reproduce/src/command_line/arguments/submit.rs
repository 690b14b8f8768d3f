//! Arguments of `submit`.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use super::RunArguments;
use super::values::{job_option, job_time};
use crate::command_line::submit::JobArray;

#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    typed: Typed,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Number of runs per task of the array
    #[arg(long, default_value_t = 1, value_name = "RUNS", value_parser = clap::value_parser!(u16).range(1..))]
    runs_per_task: u16,
    /// GPUs of a task; 0 trains on the CPU [default: 0 with --device cpu, else 1]
    #[arg(long)]
    gpus: Option<u16>,
    /// Processor cores of a task
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    cores: u16,
    /// Time limit of a task in Slurm's notation; a task that reaches it requeues itself and continues
    #[arg(long, default_value = "4:00:00", value_parser = job_time)]
    time: String,
    /// Another option of sbatch, such as --sbatch=--partition=gpu; may be given several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, value_parser = job_option)]
    sbatch: Vec<String>,
}

impl SubmitArguments {
    /// The job array for `runs` unfinished runs, whose tasks start `program`.
    pub(crate) fn job_array(&self, name: &str, runs: usize, program: OsString) -> JobArray {
        let Typed(typed) = &self.typed;
        let on_cpu = self.run.machine.device.as_deref() == Some("cpu");
        let mut command = vec![program, "run".into()];
        command.extend(typed.iter().cloned());
        command.push("--leave-others".into());
        JobArray {
            name: format!("longtail-{name}"),
            runs,
            runs_per_task: self.runs_per_task.into(),
            gpus: self.gpus.unwrap_or(u16::from(!on_cpu)),
            cores: self.cores,
            time: self.time.clone(),
            options: self.sbatch.clone(),
            command,
        }
    }
}

/// The arguments of `run` as they were typed, which the tasks pass on, including options added to `run` later. It precedes them in
/// [`SubmitArguments`], which consumes the values.
#[derive(Debug)]
struct Typed(Vec<OsString>);

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Typed, Error> {
        let mut words = Vec::new();
        let of_run = RunArguments::augment_args(Command::new("run"));
        for argument in of_run
            .get_arguments()
            .filter(|argument| argument.get_action().takes_values())
        {
            let id = argument.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values: Vec<OsString> = matches.get_raw(id).into_iter().flatten().map(OsString::from).collect();
            let value = values.join(",".as_ref());
            words.push(match argument.get_long() {
                None => value,
                Some(option) => {
                    let mut word = OsString::from(format!("--{option}="));
                    word.push(value);
                    word
                }
            });
        }
        Ok(Typed(words))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Typed::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
