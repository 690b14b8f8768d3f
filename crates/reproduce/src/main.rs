//! Runs grids of long-tailed experiments and tables them beside the published numbers.

mod arguments;
mod collect;
mod describe;
mod environment;
mod grid;
mod message;
mod plan;
mod process;
mod provenance;
mod published;
mod render;
mod report;
mod results;
mod run;
mod run_dir;
mod schedule;
mod slots;
mod table;
mod verbs;
mod view;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Verb};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let gpu_support = torch_shim::load_gpu_support(); // before the first tensor: libtorch counts its devices then
    let done = match arguments.verb {
        Verb::Run(arguments) if arguments.dry_run => verbs::plan(&arguments.grid),
        Verb::Run(arguments) => verbs::run(&arguments, &gpu_support),
        Verb::Plan(arguments) => verbs::plan(&arguments),
        Verb::Status(arguments) => verbs::status(&arguments),
        Verb::Report(arguments) => verbs::report(&arguments),
        Verb::Data { data } => {
            verbs::data(data.as_deref());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Worker(arguments) => worker::work(&arguments.job()).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
