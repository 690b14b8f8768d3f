//! `check`: trains a grid and compares it with the committed baseline.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, ensure};
use methods::Intervals;
use sha2::{Digest, Sha256};
use torch_shim::GpuSupport;

use crate::check::baseline::Baseline;
use crate::check::judge::{Judged, judge};
use crate::check::metric::Metric;
use crate::check::{junit, text};
use crate::command_line::arguments::CheckArguments;
use crate::command_line::quote;
use crate::command_line::train::{Job, train};
use crate::compare::{Finished, Group};
use crate::exit::Exit;
use crate::files::{self, unwritable};
use crate::grid::{Grid, Options, Plan, Planned};
use crate::out;
use crate::results::{find, short};
use crate::run::directory::{RunDir, refuse_in_run};
use crate::run::environment::limits_here;
use crate::run::{Outcome, Run, RunId};
use crate::schedule::Failure;

/// Trains what is missing, then compares or writes the baseline.
pub(crate) fn check(arguments: &CheckArguments, gpu_support: &GpuSupport) -> anyhow::Result<Exit> {
    let grid = Grid::load(&arguments.grid, arguments.data.as_deref())?;
    let plan = grid.runs(&Options::default())?;
    check_outputs(arguments)?;
    let check = Check {
        arguments,
        gpu_support,
        out: folder(arguments, &grid)?,
        grid,
    };
    if arguments.write_baseline {
        return check.write(&plan);
    }
    let baseline = Baseline::read(&arguments.baseline)?;
    baseline.check_settings(&plan)?; // before hours are spent
    check.compare(&baseline, &plan)
}

struct Check<'a> {
    arguments: &'a CheckArguments,
    gpu_support: &'a GpuSupport,
    grid: Grid,
    out: PathBuf,
}

/// Runs of a plan that are finished, and why others are not.
struct Trained {
    finished: Vec<Finished>,
    failures: HashMap<RunId, String>,
}

impl Check<'_> {
    fn write(&self, plan: &Plan) -> anyhow::Result<Exit> {
        let path = &self.arguments.baseline;
        let margins = path
            .exists()
            .then(|| Baseline::read(path).map(|baseline| baseline.margins))
            .transpose()?;
        let trained = self.trained(plan)?;
        for (run, reason) in &trained.failures {
            out::note(&format!("failed: {run}: {reason}"));
        }
        if !trained.failures.is_empty() {
            out::note("no baseline is written: a baseline has all runs of its grid");
            return Ok(Exit::Failed);
        }
        let mut groups = Vec::new();
        for finished in trained.finished {
            Group::add(&mut groups, finished);
        }
        let baseline = Baseline::of(&groups, margins, limits_here() + &self.command())?;
        baseline
            .check()
            .context("no baseline is written: it could not be compared with")?;
        files::write(path, baseline.text()).map_err(|error| unwritable(path, error, "name another --baseline"))?;
        out::result(&format!("{}\n", path.display()))?;
        Ok(Exit::Finished)
    }

    fn compare(&self, baseline: &Baseline, plan: &Plan) -> anyhow::Result<Exit> {
        let mut trained = self.trained(plan)?;
        let mut judged = all_judged(baseline, plan, &trained, false)?;
        let suspicious = judged.iter().filter(|judged| judged.is_worse());
        let suspicious: Vec<String> = suspicious.map(|judged| judged.method.clone()).collect();
        let mut remarks = vec![commits(&trained.finished)];
        remarks.extend(not_compared(baseline, plan));
        if judged.iter().any(|judged| judged.seeds.len() == 1) {
            remarks
                .push("of a method with one seed the verdicts are about two networks, not about the method".to_owned());
        }
        if self.arguments.confirm > 0 && !suspicious.is_empty() {
            let further = self.further(plan, suspicious.clone())?;
            out::note(&format!(
                "worse than the baseline: {}; to confirm it, {} trained",
                suspicious.join(", "),
                match further.asked().len() {
                    1 => "1 more run is".to_owned(),
                    runs => format!("{runs} more runs are"),
                }
            ));
            let more = self.trained(&further)?;
            trained.finished.extend(more.finished);
            trained.failures.extend(more.failures);
            let again = all_judged(baseline, plan, &trained, true)?;
            for (first, again) in judged.iter_mut().zip(again) {
                if suspicious.contains(&first.method) {
                    remarks.push(format!(
                        "{} was worse with the grid's seeds; the verdict is that of seeds {}, unpaired",
                        first.method,
                        again
                            .seeds
                            .iter()
                            .map(i64::to_string)
                            .collect::<Vec<String>>()
                            .join(", ")
                    ));
                    *first = again;
                }
            }
        }
        if let Some(path) = &self.arguments.junit {
            let xml = junit::xml(self.grid.name(), &judged)?;
            files::write(path, xml).map_err(|error| unwritable(path, error, "name another --junit"))?;
        }
        let is_workflow = env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
        let annotations = is_workflow.then(|| junit::annotations(&judged));
        out::result(&(text::markdown(baseline, &judged, &remarks) + &annotations.unwrap_or_default()))?;
        Ok(if judged.iter().any(Judged::fails) {
            Exit::Failed
        } else {
            Exit::Finished
        })
    }

    /// Trains what is not finished of a plan.
    fn trained(&self, plan: &Plan) -> anyhow::Result<Trained> {
        let job = Job {
            grid: &self.grid,
            plan,
            out: &self.out,
            data: self.arguments.data.as_deref(),
            asked: self.arguments.machine.asked(),
            intervals: Intervals::AT_THE_END,
            skip_bad: 0,
            leave_others: false,
            command: format!("reproduce run {}", quote::shell(&self.arguments.grid)),
        };
        let failures: Vec<Failure> = train(&job, &self.arguments.machine, self.gpu_support)?;
        let found = find(&self.out, plan);
        let mut outcomes: HashMap<RunId, Outcome> = found
            .finished
            .into_iter()
            .map(|outcome| (outcome.run.clone(), outcome))
            .collect();
        let finished = plan.asked().filter_map(|planned| {
            let outcome = outcomes.remove(&planned.id)?;
            let directory = RunDir::of(&self.out, &planned.id).path().to_owned();
            Some(Finished::new(directory, planned.run.clone(), outcome))
        });
        Ok(Trained {
            finished: finished.collect(),
            failures: found.damaged.into_iter().chain(failures).collect(),
        })
    }

    /// As many further seeds of these methods as are asked for.
    fn further(&self, plan: &Plan, methods: Vec<String>) -> anyhow::Result<Plan> {
        let last = plan.asked().map(|planned| planned.run.seed).max().unwrap_or(-1);
        Ok(self.grid.runs(&Options {
            methods: Some(methods),
            seeds: Some(
                (1..=i64::from(self.arguments.confirm))
                    .map(|more| last + more)
                    .collect(),
            ),
            ..Options::default()
        })?)
    }

    /// The command that writes this baseline.
    fn command(&self) -> String {
        format!(
            "reproduce check {} --baseline {} --write-baseline",
            quote::shell(&self.arguments.grid),
            quote::shell(&self.arguments.baseline)
        )
    }
}

/// Refuses files to write that would replace the grid, the baseline or those of a run, or that have no folder, before anything is trained;
/// removes the verdicts of an earlier check.
fn check_outputs(arguments: &CheckArguments) -> anyhow::Result<()> {
    let written = [
        ("--junit", arguments.junit.as_deref()),
        (
            "--baseline",
            arguments.write_baseline.then_some(arguments.baseline.as_path()),
        ),
    ];
    for (option, path) in written {
        let Some(path) = path else { continue };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        ensure!(
            folder.is_dir(),
            "there is no folder {} for {option} {}; make it, or name another place",
            folder.display(),
            path.display()
        );
        refuse_in_run(folder)?;
        let is_same = |other: &Path| path.exists() && path.canonicalize().ok() == other.canonicalize().ok();
        let is_baseline = option == "--junit" && is_same(&arguments.baseline);
        ensure!(
            !is_baseline && !is_same(&arguments.grid),
            "{option} {} would replace the {}; name another file",
            path.display(),
            if is_baseline { "baseline" } else { "grid" }
        );
    }
    if let Some(junit) = arguments.junit.as_deref().filter(|path| path.is_file()) {
        fs::remove_file(junit).map_err(|error| unwritable(junit, error, "name another --junit"))?;
    }
    Ok(())
}

/// What only one side has, so that nothing says whether it became worse.
fn not_compared(baseline: &Baseline, plan: &Plan) -> Vec<String> {
    let is_kept = |planned: &Planned| {
        let is_its = |run: Run| run.name == planned.run.name && run.imbalance == planned.run.imbalance;
        baseline
            .methods
            .iter()
            .any(|kept| kept.run(&kept.seeds[0]).is_ok_and(is_its))
    };
    let mut others: Vec<&str> = Vec::new();
    for planned in plan.asked().filter(|planned| !is_kept(planned)) {
        if !others.contains(&planned.run.name.as_str()) {
            others.push(&planned.run.name);
        }
    }
    let mut remarks = Vec::new();
    if !others.is_empty() {
        remarks.push(format!(
            "not in the baseline, and so not compared: {}; --write-baseline adds what the grid has",
            others.join(", ")
        ));
    }
    for metric in Metric::OF_COLLAPSE {
        if baseline.methods.iter().any(|kept| kept.lacks(metric)) {
            remarks.push(format!(
                "{} of some methods is not in the baseline, and so not compared",
                metric.name()
            ));
        }
    }
    remarks
}

fn all_judged(baseline: &Baseline, plan: &Plan, trained: &Trained, all: bool) -> anyhow::Result<Vec<Judged>> {
    baseline
        .methods
        .iter()
        .map(|kept| {
            let run = kept.run(&kept.seeds[0])?;
            let is_its =
                |finished: &&Finished| finished.run.name == run.name && finished.run.imbalance == run.imbalance;
            let finished: Vec<&Finished> = trained.finished.iter().filter(is_its).collect();
            judge(baseline, kept, &finished, all, |run| {
                let failure = trained.failures.get(&run.id()).cloned();
                let planned = plan.asked().any(|planned| planned.id == run.id());
                failure.unwrap_or_else(|| {
                    if planned {
                        "it is not finished"
                    } else {
                        "the grid has no such run"
                    }
                    .to_owned()
                })
            })
        })
        .collect()
}

/// Whose numbers the new ones are.
fn commits(finished: &[Finished]) -> String {
    let values = |value: fn(&Outcome) -> &str| {
        let mut values: Vec<&str> = finished.iter().map(|finished| value(&finished.outcome)).collect();
        values.sort_unstable();
        values.dedup();
        values.join(" and ")
    };
    format!(
        "new: commit {}, {} on {}",
        values(|outcome| &outcome.commit),
        values(|outcome| &outcome.precision),
        values(|outcome| &outcome.device)
    )
}

/// The folder of the runs: one that is asked for, or one that only this very program writes to, in this arithmetic, so that neither a change
/// of the program nor another arithmetic is judged by runs from before it.
fn folder(arguments: &CheckArguments, grid: &Grid) -> anyhow::Result<PathBuf> {
    if let Some(out) = &arguments.out {
        return Ok(out.clone());
    }
    let program = env::current_exe().context("this program has no path")?;
    let digest = files::digest(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let arithmetic = format!("{digest} {:?} {}", arguments.machine.asked(), limits_here());
    let digest = format!("{:x}", Sha256::digest(arithmetic));
    Ok(Path::new("out/check").join(format!("{}-{}", grid.name(), short(&digest))))
}
