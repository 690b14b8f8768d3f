//! The verbs: what a person can ask for, one function each. Results go to standard output, progress to standard error.
#![expect(clippy::print_stdout, reason = "this is where results are printed")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use datasets::Availability;
use methods::Launch;
use torch_shim::GpuSupport;

use crate::analyze::{self, Analysis};
use crate::command_line::arguments::{AnalyzeArguments, GridArguments, ReportArguments, RunArguments, SubmitArguments};
use crate::command_line::plan::plan_text;
use crate::grid::{Grid, catalogue};
use crate::results::{claim, outcomes};
use crate::run::directory::{RunDir, State};
use crate::run::settings::Settings;
use crate::schedule::preflight;
use crate::schedule::process::Processes;
use crate::schedule::slots::Slots;
use crate::schedule::view::{View, show_download};
use crate::schedule::{Failure, schedule, tasks};
use crate::tables::report::write_report;

/// Trains what is not finished, then reports.
pub(crate) fn run(arguments: &RunArguments, gpu_support: &GpuSupport) -> anyhow::Result<ExitCode> {
    let grid = Grid::load(&arguments.grid.grid)?;
    grid.check_select(arguments.select, &arguments.grid.options())?;
    let planned = grid.runs(&arguments.grid.options())?;
    let out = arguments.grid.out(grid.name());
    let dataset = planned[0].run.dataset; // one grid, one data set
    dataset.fetch(arguments.data.as_deref(), &mut show_download())?; // once, before anything starts

    let all = tasks(&planned);
    let mut unfinished = all.clone();
    let finished = outcomes(&out, &planned)?;
    unfinished.retain(|task| finished.iter().all(|outcome| outcome.run != task.run.id()));
    let asked = arguments.asked();
    let begun = preflight::check_settings(&asked, &finished, &unfinished, &out)?;
    let most_threads = begun.iter().map(|begun| begun.threads).chain(asked.threads).max();
    let slots = Slots::new(
        arguments.device.as_deref(),
        arguments.per_device,
        unfinished.len(),
        most_threads.unwrap_or(Settings::default().threads),
        gpu_support,
    )?;
    if asked.launch == Some(Launch::Graph) && slots.devices.iter().any(|device| device == "cpu") {
        bail!("--launch graph takes a GPU, and these runs would train on the CPU; leave it out");
    }
    preflight::check_data(&unfinished, &finished, &out, arguments.data.as_deref())?;
    claim(&out, &planned[0].run)?;

    let view = View::new(all.len(), finished.len());
    let processes = Processes {
        out: &out,
        data: arguments.data.clone(),
        devices: slots.devices.clone(),
        asked,
        metrics_every: arguments.metrics_every,
        command: arguments.grid.command(),
        view: &view,
    };
    let failures = schedule(unfinished, slots.devices.len(), arguments.leave_others, &processes);
    view.close();

    let (select, command) = (arguments.select, arguments.grid.whole_command(arguments.select));
    let outcomes = outcomes(&out, &planned)?;
    let table = write_report(&out, &grid, &planned, &outcomes, &failures, select, &command)?;
    println!("{table}\n{}/summary.md, summary.csv, runs.csv", out.display());
    Ok(exit_code(&failures))
}

/// Failures are part of the table too; here they set the exit code.
fn exit_code(failures: &[Failure]) -> ExitCode {
    for (run, reason) in failures {
        eprintln!("failed: {run}: {reason}");
    }
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// Hands what is not finished to Slurm.
pub(crate) fn submit(arguments: &SubmitArguments) -> anyhow::Result<ExitCode> {
    let run = arguments.run();
    let grid = Grid::load(&run.grid.grid)?;
    let planned = grid.runs(&run.grid.options())?;
    let out = run.grid.out(grid.name());
    let unfinished = tasks(&planned).len() - outcomes(&out, &planned)?.len();
    if unfinished == 0 {
        println!("all runs are finished: {}/summary.md", out.display());
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe()?;
    let jobs = arguments.job_array(grid.name(), unfinished, &program.to_string_lossy());
    if arguments.dry_run {
        print!("{}", jobs.script(&out));
    } else {
        let dataset = planned[0].run.dataset;
        dataset.fetch(run.data.as_deref(), &mut show_download())?; // compute nodes may have no internet
        claim(&out, &planned[0].run)?;
        println!("{}", jobs.submit(&out)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the resolved runs.
pub(crate) fn plan(arguments: &GridArguments) -> anyhow::Result<ExitCode> {
    let planned = Grid::load(&arguments.grid)?.runs(&arguments.options())?;
    print!("{}", plan_text(&planned));
    Ok(ExitCode::SUCCESS)
}

/// Prints the state of every run that a grid needs.
pub(crate) fn status(arguments: &GridArguments) -> anyhow::Result<ExitCode> {
    let grid = Grid::load(&arguments.grid)?;
    let out = arguments.out(grid.name());
    let mut failures = Vec::new(); // of damaged runs, said after the others
    for task in tasks(&grid.runs(&arguments.options())?) {
        let state = match RunDir::of(&out, &task.run).state() {
            Ok(State::Fresh) => "to do".to_owned(),
            Ok(State::Interrupted { next_epoch }) => {
                format!("interrupted after {next_epoch} of {} epochs", task.run.epochs())
            }
            Ok(State::Running) => "running".to_owned(),
            Ok(State::Unknown { next_epoch, reason }) => {
                let epochs = task.run.epochs();
                format!("after {next_epoch} of {epochs} epochs interrupted, or running: {reason}")
            }
            Ok(State::Done(outcome)) => format!("done: {:.2} %", 100.0 * outcome.accuracy_last),
            Err(error) => {
                failures.push((task.run.id(), error.to_string()));
                "damaged".to_owned()
            }
        };
        println!("{}  {state}", task.run.id());
    }
    Ok(exit_code(&failures))
}

/// Writes and prints the tables of what is finished.
pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<ExitCode> {
    let ReportArguments { grid: asked, select } = arguments;
    let grid = Grid::load(&asked.grid)?;
    grid.check_select(*select, &asked.options())?;
    let planned = grid.runs(&asked.options())?;
    let out = asked.out(grid.name());
    let outcomes = outcomes(&out, &planned)?;
    let command = asked.whole_command(*select);
    println!(
        "{}",
        write_report(&out, &grid, &planned, &outcomes, &[], *select, &command)?
    );
    Ok(ExitCode::SUCCESS)
}

/// Measures neural collapse of every source, then writes, draws and prints it. Nothing is written before all are measured.
pub(crate) fn analyze(arguments: &AnalyzeArguments) -> anyhow::Result<ExitCode> {
    let mut analyses = Vec::new();
    let mut features = Vec::new();
    for source in &arguments.sources {
        let subject = source.read(arguments.split, arguments.data.as_deref());
        let analysis = subject.and_then(|subject| Analysis::of(&subject).map(|analysis| (analysis, subject.features)));
        let (analysis, of_source) = analysis.with_context(|| format!("cannot analyse {}", source.path().display()))?;
        analyses.push(analysis);
        features.push(of_source);
    }
    analyze::check_names(&analyses)?;
    let mut written = analyze::write(&arguments.out, &analyses)?;
    written.extend(analyze::draw(&arguments.out, &analyses)?);
    if arguments.save_features {
        for (analysis, features) in analyses.iter().zip(&features) {
            written.push(features.write(&arguments.out, &analysis.origin)?);
        }
    }
    println!(
        "{}\n{}/{}",
        analyze::markdown(&analyses),
        arguments.out.display(),
        written.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints the catalogue of methods in the grids of a folder.
pub(crate) fn methods(grids: &Path) -> anyhow::Result<ExitCode> {
    print!("{}", catalogue(grids)?);
    Ok(ExitCode::SUCCESS)
}

/// Prints which data sets are here.
pub(crate) fn data(root: Option<&Path>) {
    for entry in datasets::inventory(root) {
        match entry.availability {
            Availability::Found {
                source,
                train,
                test,
                digest,
            } => println!(
                "{}  found: {source}\n  {} training and {} test images of {} classes, digest {digest}",
                entry.dataset,
                train.iter().sum::<i64>(),
                test.iter().sum::<i64>(),
                train.len()
            ),
            Availability::Missing { remedy } => println!("{}  missing: {remedy}", entry.dataset),
            Availability::Broken(error) => println!("{}  unusable: {error}", entry.dataset),
        }
    }
}
