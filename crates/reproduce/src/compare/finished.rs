//! The finished runs of a folder of results, by method and imbalance.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use datasets::Imbalance;

use crate::files;
use crate::grid::spelling::hint;
use crate::results::tabled_runs;
use crate::run::directory::RunDir;
use crate::run::predictions::Predictions;
use crate::run::{Outcome, Role, Run, RunId};

/// A finished run.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    directory: PathBuf,
    pub(crate) run: Run,
    pub(crate) outcome: Outcome,
}

/// The finished runs of a method under an imbalance, by seed.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) method: String,
    pub(crate) imbalance: Imbalance,
    pub(crate) runs: Vec<Finished>,
}

/// The groups of the results in `folder`, in the order of its tables. First stages and pre-trainings that no grid lists are left out.
///
/// # Errors
/// If nothing is finished there, or a run cannot be read.
pub(super) fn groups(folder: &Path) -> anyhow::Result<Vec<Group>> {
    let runs = folder.join("runs");
    let entries = fs::read_dir(&runs).with_context(|| {
        format!(
            "cannot read {}; name a folder of results with its runs, such as out/shapes-lt (an archive in results/ has no predictions)",
            runs.display()
        )
    })?;
    let table = files::read(&folder.join("runs.csv")).unwrap_or_default();
    let order = tabled_runs(&table).with_context(|| format!("cannot read {}/runs.csv", folder.display()))?;
    let order: HashMap<RunId, usize> = order.into_iter().zip(0..).collect();
    let mut names: Vec<RunId> = entries
        .filter_map(|entry| Some(RunId::named(entry.ok()?.file_name().into_string().ok()?)))
        .filter(|id| Role::of_name(id.method()).is_none())
        .collect();
    names.sort_by_key(|id| (order.get(id).copied().unwrap_or(usize::MAX), id.clone()));

    let mut groups: Vec<Group> = Vec::new();
    for name in names {
        let run_dir = RunDir::at(&runs.join(&name));
        let Some(outcome) = run_dir.outcome()? else {
            continue;
        };
        let run = run_dir.run()?;
        Group::add(&mut groups, Finished::new(run_dir.path().to_owned(), run, outcome));
    }
    ensure!(
        !groups.is_empty(),
        "no run is finished in {}; train some, or name another folder",
        folder.display()
    );
    for group in &mut groups {
        group.runs.sort_by_key(|finished| finished.run.seed);
        if let Some(pair) = group.runs.windows(2).find(|pair| pair[0].run.seed == pair[1].run.seed) {
            bail!(
                "{} has two runs of {} with seed {}, {} and {}; move one of them away",
                folder.display(),
                group.method,
                pair[0].run.seed,
                pair[0].outcome.run,
                pair[1].outcome.run
            );
        }
    }
    Ok(groups)
}

/// The groups of the method called `name`.
///
/// # Errors
/// If there is none.
pub(super) fn of_method<'a>(groups: &'a [Group], name: &str, folder: &Path) -> anyhow::Result<Vec<&'a Group>> {
    let found: Vec<&Group> = groups.iter().filter(|group| group.method == name).collect();
    if found.is_empty() {
        let mut known: Vec<&str> = groups.iter().map(|group| group.method.as_str()).collect();
        known.dedup();
        bail!(
            "no run of method `{name}` is finished in {}; it has {}{}",
            folder.display(),
            known.join(", "),
            hint(name, &known)
        );
    }
    Ok(found)
}

impl Group {
    /// Adds a run to its group, or begins one with it.
    pub(crate) fn add(groups: &mut Vec<Group>, finished: Finished) {
        let is_its =
            |group: &&mut Group| group.method == finished.run.name && group.imbalance == finished.run.imbalance;
        match groups.iter_mut().find(is_its) {
            Some(group) => group.runs.push(finished),
            None => groups.push(Group {
                method: finished.run.name.clone(),
                imbalance: finished.run.imbalance,
                runs: vec![finished],
            }),
        }
    }
}

impl Finished {
    /// Of the run in `directory`.
    pub(crate) fn new(directory: PathBuf, run: Run, outcome: Outcome) -> Finished {
        Finished {
            directory,
            run,
            outcome,
        }
    }

    /// What its network predicts for each test image.
    ///
    /// # Errors
    /// If the file is missing, damaged, or not what the outcome was measured on.
    pub(crate) fn predictions(&self) -> anyhow::Result<Predictions> {
        let predictions = Predictions::read(&self.directory, self.outcome.predictions_digest.as_deref())?;
        let accuracy = predictions.accuracy();
        let classes = self.run.dataset.facts().classes();
        ensure!(
            predictions.labels.iter().all(|label| *label < classes),
            "the predictions of {} have a label beyond the {classes} classes of {}; make them again with `reproduce predictions --again \
             {}`",
            self.outcome.run,
            self.run.dataset,
            self.directory.display()
        );
        ensure!(
            (accuracy - self.outcome.accuracy_last).abs() < 1e-9,
            "the predictions of {} are right on {:.2} % of the images, and its outcome states {:.2} %; make them again with \
             `reproduce predictions --again {}`",
            self.outcome.run,
            100.0 * accuracy,
            100.0 * self.outcome.accuracy_last,
            self.directory.display()
        );
        Ok(predictions)
    }
}
