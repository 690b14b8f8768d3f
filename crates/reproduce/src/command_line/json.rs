//! What `--json` prints: the same as for people, for other programs.

use std::collections::HashSet;

use anyhow::Context;
use datasets::{Availability, InventoryEntry};
use serde::Serialize;

use crate::grid::{Beginning, Plan};
use crate::run::{Run, RunId};

/// A run of a plan.
#[derive(Debug, Serialize)]
pub(super) struct PlannedRun<'a> {
    run: &'a RunId,
    /// Whether the grid lists it; else only another run needs it.
    listed: bool,
    epochs: i64,
    /// Runs that must be finished before it.
    needs: Vec<Need<'a>>,
    /// The run that trains its first epochs too, and how many.
    beginning: Option<Shared<'a>>,
    /// Every setting, as in `config.toml`.
    config: &'a Run,
}

#[derive(Debug, Serialize)]
struct Shared<'a> {
    run: &'a RunId,
    epochs: i64,
}

#[derive(Debug, Serialize)]
struct Need<'a> {
    role: &'static str,
    run: &'a RunId,
}

/// The runs of `plan`, each after those that it needs.
pub(super) fn plan(plan: &Plan) -> Vec<PlannedRun<'_>> {
    let listed: HashSet<&RunId> = plan.asked().map(|planned| &planned.id).collect();
    let runs = plan.all().iter().map(|planned| PlannedRun {
        run: &planned.id,
        listed: listed.contains(&planned.id),
        epochs: planned.run.epochs(),
        needs: planned
            .needs
            .iter()
            .map(|(role, run)| Need { role: role.name(), run })
            .collect(),
        beginning: planned
            .beginning
            .as_ref()
            .map(|Beginning { run, epochs }| Shared { run, epochs: *epochs }),
        config: &planned.run,
    });
    runs.collect()
}

/// A data set, and whether it can be used.
#[derive(Debug, Serialize)]
pub(super) struct DataSet {
    dataset: &'static str,
    /// `found`, `missing` or `unusable`.
    state: &'static str,
    /// Where its images come from.
    source: Option<String>,
    /// Training and test images of each class.
    train: Option<Vec<i64>>,
    test: Option<Vec<i64>>,
    digest: Option<String>,
    /// Why it cannot be used, and the remedy.
    reason: Option<String>,
}

pub(super) fn data_set(entry: InventoryEntry) -> DataSet {
    let unusable = |state, reason| DataSet {
        dataset: entry.dataset.name(),
        state,
        source: None,
        train: None,
        test: None,
        digest: None,
        reason: Some(reason),
    };
    match entry.availability {
        Availability::Found {
            source,
            train,
            test,
            digest,
        } => DataSet {
            dataset: entry.dataset.name(),
            state: "found",
            source: Some(source),
            train: Some(train),
            test: Some(test),
            digest: Some(digest),
            reason: None,
        },
        Availability::Missing { remedy } => unusable("missing", remedy),
        Availability::Broken(error) => unusable("unusable", error.to_string()),
    }
}

/// JSON over several lines.
pub(super) fn text(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value).context("only numbers and words are printed")? + "\n")
}
