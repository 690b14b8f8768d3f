//! The subcommands, one function each. Results go to standard output, progress to standard error.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use datasets::photographs::IgnoredFiles;
use datasets::{Availability, Dataset, Loaded, data_folder};
use torch_shim::GpuSupport;

use crate::analyze::{self, Analysis};
use crate::archive;
use crate::bench::cost;
use crate::command_line::arguments::{
    AnalyzeArguments, CompareArguments, GridArguments, PlanArguments, PredictionsArguments, QueueArguments,
    ReportArguments, RunArguments, StatusArguments, SubmitArguments,
};
use crate::command_line::json;
use crate::command_line::open;
use crate::command_line::others::others;
use crate::command_line::plan::plan_text;
use crate::command_line::queue;
use crate::command_line::quote;
use crate::command_line::status::{self, Status};
use crate::command_line::train::{Job, train};
use crate::compare;
use crate::exit::Exit;
use crate::grid::{Plan, catalogue, describe};
use crate::out;
use crate::page;
use crate::results::{check, claim, find};
use crate::run::RunId;
use crate::run::directory::{RunDir, refuse_in_run};
use crate::schedule::Failure;
use crate::schedule::view::show_download;
use crate::tables::report::{Kept, Report, Request};
use crate::tensorboard;

/// Trains the unfinished runs of each grid and reports them, or prints the resolved runs.
pub(crate) fn run(arguments: &QueueArguments, gpu_support: &GpuSupport) -> anyhow::Result<Exit> {
    let QueueArguments { run, further } = arguments;
    queue::each(&run.grid.and(further), |asked| {
        if run.dry_run {
            let plan = asked.load()?.runs(&asked.options())?;
            warn_of_ignored(&plan, asked.data.as_deref());
            out::result(&plan_text(&plan))?;
            Ok(Exit::Finished)
        } else {
            run_grid(run, asked, gpu_support)
        }
    })
}

/// Trains the unfinished runs of the grid `asked` for, then reports.
fn run_grid(arguments: &RunArguments, asked: &GridArguments, gpu_support: &GpuSupport) -> anyhow::Result<Exit> {
    let grid = asked.load()?;
    grid.check_select(arguments.select, &asked.options())?;
    let plan = grid.runs(&asked.options())?;
    warn_of_ignored(&plan, asked.data.as_deref());
    let out = asked.out(grid.name());
    let job = Job {
        grid: &grid,
        plan: &plan,
        out: &out,
        data: asked.data.as_deref(),
        asked: arguments.asked(),
        intervals: arguments.intervals(),
        skip_bad: arguments.skip_bad,
        leave_others: arguments.leave_others,
        command: asked.command() + &photographs(&plan, asked) + &arguments.measured() + &skip_bad(arguments.skip_bad),
    };
    let mut failures = train(&job, &arguments.machine, gpu_support)?;

    let found = find(&out, &plan);
    let failed_here: HashSet<RunId> = failures.iter().map(|(run, _)| run.clone()).collect();
    let damaged = found.damaged.into_iter();
    failures.extend(damaged.filter(|(run, _)| !failed_here.contains(run)));
    let request = Request {
        grid: &grid,
        plan: &plan,
        select: arguments.select,
        data: asked.data.as_deref(),
        command: asked.whole_command("run", arguments.select)
            + &photographs(&plan, asked)
            + &arguments.measured()
            + &skip_bad(arguments.skip_bad),
        others: others(&out, &grid, asked, arguments.select, &plan),
    };
    let Report {
        text, damaged, kept, ..
    } = page::write(&out, &request, &found.finished, &failures)?;
    failures.extend(damaged);
    let code = exit_code(&failures);
    let files = match kept {
        None => format!("{}/summary.md, summary.csv, runs.csv, report.html\n", out.display()),
        Some(Kept::Unwritable(_)) => String::new(),
        Some(ref kept) => {
            out::note(&format!("warning: {kept}"));
            String::new()
        }
    };
    out::result(&format!("{text}\n{files}"))
        .with_context(|| format!("the runs have ended and their results are in {}", out.display()))?;
    match kept {
        Some(Kept::Unwritable(why)) => bail!(why),
        _ => Ok(code),
    }
}

/// Warns of files among the plan's photographs that are left out. Official lists name their photographs.
pub(crate) fn warn_of_ignored(plan: &Plan, data: Option<&Path>) {
    if let Dataset::Photographs(set) = plan.first().dataset
        && set.large_set().is_none()
        && let Some(ignored) = IgnoredFiles::in_folder(&data_folder(data))
    {
        out::note(&format!("warning: {ignored}"));
    }
}

/// The option that names the folder of the plan's photographs, if it has any; other data sets are the same everywhere.
fn photographs(plan: &Plan, asked: &GridArguments) -> String {
    match (plan.first().dataset, &asked.data) {
        (Dataset::Photographs(_), Some(data)) => format!(" --data {}", quote::shell(data)),
        _ => String::new(),
    }
}

/// The option that replaces unreadable photographs, if any may be.
fn skip_bad(number: usize) -> String {
    match number {
        0 => String::new(),
        number => format!(" --skip-bad {number}"),
    }
}

/// Failures are part of the table too; here they set the exit code.
fn exit_code(failures: &[Failure]) -> Exit {
    for (run, reason) in failures {
        out::note(&format!("failed: {run}: {reason}"));
    }
    if failures.is_empty() {
        Exit::Finished
    } else {
        Exit::Failed
    }
}

/// Submits the unfinished runs of a grid to Slurm.
pub(crate) fn submit(arguments: &SubmitArguments) -> anyhow::Result<Exit> {
    let run = &arguments.run;
    let grid = run.grid.load()?;
    grid.check_select(run.select, &run.grid.options())?;
    let plan = grid.runs(&run.grid.options())?;
    let out = run.grid.out(grid.name());
    check(&out, &grid, &plan)?;
    let unfinished = plan.all().len() - find(&out, &plan).finished.len();
    if unfinished == 0 {
        out::result(&format!("all runs are finished: {}/summary.md\n", out.display()))?;
        return Ok(Exit::Finished);
    }
    let jobs = arguments.job_array(grid.name(), unfinished, std::env::current_exe()?.into());
    if run.dry_run {
        out::result(&jobs.script(&out))?;
    } else {
        let dataset = plan.first().dataset;
        dataset.fetch(run.grid.data.as_deref(), &mut show_download())?; // compute nodes may have no internet
        claim(&out, &grid, &plan)?;
        out::result(&format!("{}\n", jobs.submit(&out)?))?;
    }
    Ok(Exit::Finished)
}

/// Prints the resolved runs, and what they cost.
pub(crate) fn plan(arguments: &PlanArguments, gpu_support: &GpuSupport) -> anyhow::Result<Exit> {
    let plan = arguments.grid.load()?.runs(&arguments.grid.options())?;
    warn_of_ignored(&plan, arguments.grid.data.as_deref());
    out::result(&if arguments.json {
        json::text(&json::plan(&plan))?
    } else {
        plan_text(&plan)
    })?;
    if arguments.cost {
        out::result(&cost::text(&plan, gpu_support)?)?;
    }
    Ok(Exit::Finished)
}

/// Prints the state of every run of each grid and of those it depends on, once or until all are finished.
pub(crate) fn status(arguments: &StatusArguments) -> anyhow::Result<Exit> {
    queue::each(&arguments.grid.and(&arguments.further), |asked| {
        status_of_grid(arguments, asked)
    })
}

fn status_of_grid(arguments: &StatusArguments, asked: &GridArguments) -> anyhow::Result<Exit> {
    let StatusArguments {
        watch, json: as_json, ..
    } = arguments;
    let grid = asked.load()?;
    let plan = grid.runs(&asked.options())?;
    let out = asked.out(grid.name());
    check(&out, &grid, &plan)?;
    let status = if *watch {
        status::watch(&out, &plan)?
    } else {
        let status = Status::of(&out, &plan);
        out::result(&if *as_json {
            json::text(&status.runs)?
        } else {
            status.text()
        })?;
        status
    };
    if !out.exists() {
        out::note(&format!("there is no folder {} yet", out.display()));
    }
    Ok(exit_code(&status.failures))
}

/// Writes and prints the tables of the finished runs.
pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let ReportArguments {
        grid: asked,
        select,
        tensorboard,
        open,
    } = arguments;
    let grid = asked.load()?;
    grid.check_select(*select, &asked.options())?;
    let plan = grid.runs(&asked.options())?;
    let out = asked.out(grid.name());
    check(&out, &grid, &plan)?;
    let mut found = find(&out, &plan);
    let request = Request {
        grid: &grid,
        plan: &plan,
        select: *select,
        data: asked.data.as_deref(),
        command: asked.whole_command("run", *select) + &photographs(&plan, asked),
        others: others(&out, &grid, asked, *select, &plan),
    };
    let Report {
        text, damaged, kept, ..
    } = page::write(&out, &request, &found.finished, &found.damaged)?;
    if !found.finished.is_empty() {
        out::result(&format!("{text}\n"))?;
    }
    let page = out.join(page::FILE);
    if kept.is_none() {
        out::result(&format!("{}\n", page.display()))?;
    }
    if *tensorboard {
        let files = tensorboard::write(&out, &found.finished)?;
        let folder = out.join(tensorboard::FOLDER);
        out::result(&format!(
            "{} of {}: tensorboard --logdir {}\n",
            describe::count(files as i64, "event file"),
            grid.name(),
            quote::shell(&folder)
        ))?;
    }
    if *open && page.exists() {
        open::open(&page);
    }
    found.damaged.extend(damaged);
    let code = exit_code(&found.damaged);
    match kept {
        Some(Kept::Withheld(why) | Kept::Unwritable(why)) => bail!(why),
        Some(kept) => out::note(&format!("warning: {kept}")),
        None => (),
    }
    Ok(code)
}

/// Measures neural collapse of every source, then writes, draws and prints it. Nothing is written before all are measured.
pub(crate) fn analyze(arguments: &AnalyzeArguments) -> anyhow::Result<Exit> {
    refuse_in_run(&arguments.out)?;
    let mut analyses = Vec::new();
    let mut features = Vec::new();
    for source in &arguments.sources {
        let subject = source.read(
            arguments.split,
            arguments.data.as_deref(),
            &arguments.described.stated(),
        );
        let analysis = subject.and_then(|subject| Analysis::of(&subject).map(|analysis| (analysis, subject.features)));
        let (analysis, subject_features) =
            analysis.with_context(|| format!("cannot analyse {}", source.path().display()))?;
        analyses.push(analysis);
        features.push(subject_features);
    }
    analyze::check_names(&analyses)?;
    let mut written = analyze::write(&arguments.out, &analyses)?;
    written.extend(analyze::draw(&arguments.out, &analyses)?);
    if arguments.save_features {
        for (analysis, features) in analyses.iter().zip(&features) {
            written.push(features.write(&arguments.out, &analysis.origin)?);
        }
    }
    out::result(&format!(
        "{}\n{}/{}\n",
        analyze::markdown(&analyses),
        arguments.out.display(),
        written.join(", ")
    ))?;
    Ok(Exit::Finished)
}

/// Keeps the finished runs of the folder `from` in the archive `to`, and prints the archive's files.
pub(crate) fn archive(from: &Path, to: Option<&Path>) -> anyhow::Result<Exit> {
    let name = from
        .file_name()
        .context("the folder of results needs a name; give one such as out/shapes-lt")?;
    let to = to.map_or_else(|| Path::new("results").join(name), Path::to_owned);
    let written = archive::archive(from, &to)?;
    let around = to.parent().unwrap_or(Path::new(""));
    let lines = written.iter().map(|file| format!("{}\n", around.join(file).display()));
    out::result(&lines.collect::<String>())?;
    Ok(Exit::Finished)
}

/// Prints differences between methods, or between two folders of results, and verdicts.
pub(crate) fn compare(arguments: &CompareArguments) -> anyhow::Result<Exit> {
    let results = arguments.results();
    let text = match (arguments.pairs(), &arguments.with) {
        (Some(pairs), _) => compare::methods(&results, &pairs, arguments.csv)?,
        (None, Some(other)) => compare::folders(&results, other, arguments.csv)?,
        (None, None) => {
            bail!(
                "there is nothing to compare with; give two methods, `--against METHOD`, or another folder of results with `--with`"
            )
        }
    };
    out::result(&text)?;
    Ok(Exit::Finished)
}

/// Prints the predictions of a finished run, or computes them again.
pub(crate) fn predictions(arguments: &PredictionsArguments) -> anyhow::Result<Exit> {
    let run_dir = RunDir::at(&arguments.run);
    ensure!(
        arguments.run.join("config.toml").exists(),
        "{} is not the folder of a run; name one below out/<grid>/runs/",
        arguments.run.display()
    );
    if arguments.again {
        analyze::predict_again(&run_dir, arguments.data.as_deref())?;
    }
    let outcome = run_dir.outcome()?.with_context(|| {
        format!(
            "{} has no outcome; finish the run, or name another",
            arguments.run.display()
        )
    })?;
    let name = outcome.run.clone();
    let dataset = run_dir.run()?.dataset;
    let finished = compare::Finished::new(arguments.run.clone(), run_dir.run()?, outcome);
    let predictions = finished.predictions()?;
    if arguments.csv {
        let photographs = photographs_here(dataset, arguments.data.as_deref());
        let files = photographs.as_ref().and_then(|data| data.test.photographs());
        out::result(&predictions.csv(&dataset.facts().class_names, files))?;
    } else {
        let correct = predictions.correct();
        out::result(&format!(
            "{}: {correct} of {} test images are classified correctly; --csv prints each of them\n",
            name,
            predictions.labels.len()
        ))?;
    }
    Ok(Exit::Finished)
}

/// The photographs of `dataset`, if it is one and they are where they are looked for; without them, their files stay unnamed.
fn photographs_here(dataset: Dataset, data: Option<&Path>) -> Option<Loaded> {
    if !matches!(dataset, Dataset::Photographs(_)) {
        return None;
    }
    match dataset.load(data) {
        Ok(loaded) => Some(loaded),
        Err(error) => {
            out::note(&format!("warning: the files of the photographs are not named: {error}"));
            None
        }
    }
}

/// Prints every method that a grid can name.
pub(crate) fn methods(as_json: bool) -> anyhow::Result<Exit> {
    out::result(&if as_json {
        json::text(&catalogue::list())?
    } else {
        catalogue::page()
    })?;
    Ok(Exit::Finished)
}

/// Prints which data sets are available.
pub(crate) fn data(root: Option<&Path>, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        let entries: Vec<json::DataSet> = datasets::inventory(root).into_iter().map(json::data_set).collect();
        out::result(&json::text(&entries)?)?;
        return Ok(Exit::Finished);
    }
    for entry in datasets::inventory(root) {
        let dataset = entry.dataset;
        out::result(&match entry.availability {
            Availability::Found {
                source,
                train,
                test,
                digest,
            } => format!(
                "{dataset}  found: {source}\n  {} training and {} test images of {} classes, digest {digest}\n",
                train.iter().sum::<i64>(),
                test.iter().sum::<i64>(),
                train.len()
            ),
            Availability::Missing { remedy } => format!("{dataset}  missing: {remedy}\n"),
            Availability::Broken(error) => format!("{dataset}  unusable: {error}\n"),
        })?;
    }
    Ok(Exit::Finished)
}
