//! The program `reproduce`: a library only so that the targets of `fuzz/` reach the parsers in it.

mod analyze;
mod archive;
mod arrays;
mod bench;
mod check;
mod command_line;
mod compare;
mod exchange;
mod exit;
mod files;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod grid;
mod markdown;
mod openmp;
mod out;
mod page;
mod results;
mod run;
mod schedule;
mod statistics;
mod tables;
mod tensorboard;
mod worker;

use std::process::ExitCode;

use datasets::photographs::LargeSet;
use torch_shim::GpuSupport;

use crate::command_line::arguments::{Arguments, DataVerb, Verb};
use crate::command_line::{exchange as exchanging, photographs, shell, verbs};
use crate::exit::Exit;

/// Executes the command line.
pub fn main() -> ExitCode {
    let arguments = match Arguments::typed() {
        Ok(arguments) => arguments,
        Err(answer) => return answer_of_clap(&answer),
    };
    if !matches!(
        arguments.verb,
        Verb::Run(_) | Verb::Check(_) | Verb::Submit(_) | Verb::Worker(_)
    ) {
        sigpipe::reset(); // `reproduce plan … | head` ends silently; a grid continues without a reader
    }
    if matches!(arguments.verb, Verb::Analyze(_) | Verb::Bench(_)) {
        openmp::restart_where_threads_sleep();
    }
    torch_shim::keep_freed_memory();
    let gpu_support = if arguments.verb.computes() {
        torch_shim::load_gpu_support() // before the first tensor: libtorch counts its devices then
    } else {
        GpuSupport::Absent
    };
    let done = match arguments.verb {
        Verb::Run(arguments) => verbs::run(&arguments, &gpu_support),
        Verb::Plan(arguments) => verbs::plan(&arguments, &gpu_support),
        Verb::Status(arguments) => verbs::status(&arguments),
        Verb::Report(arguments) => verbs::report(&arguments),
        Verb::Analyze(arguments) => verbs::analyze(&arguments),
        Verb::Archive { from, to } => verbs::archive(&from, to.as_deref()),
        Verb::Compare(arguments) => verbs::compare(&arguments),
        Verb::Check(arguments) => command_line::check::check(&arguments, &gpu_support),
        Verb::Predictions(arguments) => verbs::predictions(&arguments),
        Verb::Split(arguments) => exchanging::split(&arguments),
        Verb::Export(arguments) => exchanging::export(&arguments),
        Verb::Evaluate(arguments) => exchanging::evaluate(&arguments),
        Verb::Data(arguments) => match &arguments.verb {
            Some(DataVerb::Look(asked)) => exchanging::look(asked),
            Some(DataVerb::ImagenetLt(asked)) => photographs::lists(LargeSet::ImagenetLt, asked.root.as_deref()),
            Some(DataVerb::Inaturalist2018(asked)) => {
                photographs::lists(LargeSet::Inaturalist2018, asked.root.as_deref())
            }
            Some(DataVerb::PlacesLt(asked)) => photographs::lists(LargeSet::PlacesLt, asked.root.as_deref()),
            None => verbs::data(arguments.data.as_deref(), arguments.json),
        },
        Verb::Pack(arguments) => photographs::pack(&arguments),
        Verb::Methods { json } => verbs::methods(json),
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man => shell::man(),
        Verb::Submit(arguments) => verbs::submit(&arguments),
        Verb::Bench(arguments) => arguments.bench().run(&gpu_support).map(|()| Exit::Finished),
        Verb::Worker(arguments) => worker::work(&arguments.job()).map(|()| Exit::Finished),
    };
    let exit = done.unwrap_or_else(|error| {
        out::note(&format!("error: {}", in_one_line(&error)));
        Exit::of(&error)
    });
    exit.into()
}

/// Prints help, the version, or why the command line is refused.
fn answer_of_clap(answer: &clap::Error) -> ExitCode {
    match answer.print() {
        Err(error) if !answer.use_stderr() => {
            out::note(&format!("error: cannot write to standard output: {error}"));
            Exit::Refused.into()
        }
        _ => ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2)),
    }
}

/// An error and its causes in one line. A cause that the message contains is not repeated.
fn in_one_line(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |text, cause| {
            if text.is_empty() {
                cause
            } else if text.contains(&cause) {
                text
            } else {
                format!("{text}: {cause}")
            }
        })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn every_cause_is_printed_once() {
        let error = anyhow!("no space left").context("cannot write a.csv: no space left; make room");
        assert_eq!(
            in_one_line(&error.context("run ce failed")),
            "run ce failed: cannot write a.csv: no space left; make room"
        );
    }
}
