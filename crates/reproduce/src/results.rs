//! Results: the folder of a grid, which belongs to one configuration.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use datasets::{Dataset, Selection, Validation};
use methods::{Augmentation, Protocol, Recipe, ShotSplit};
use serde::Serialize;
use toml::{Table, Value};

use crate::grid::{Grid, Planned};
use crate::run::directory::RunDir;
use crate::run::groups::GroupsByIndex;
use crate::run::{Outcome, Run};
use crate::schedule::tasks;

/// What all runs of a folder have in common, and what decides which images they see and how their classes are grouped. Other
/// methods, seeds and imbalances may join later; another value here would put numbers into one table that do not belong together.
#[derive(Serialize)]
struct Configuration<'a> {
    dataset: Dataset,
    protocol: Protocol,
    selection: Selection,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation>,
    shots: ShotSplit,
    /// That of methods that do not say otherwise.
    augmentation: Augmentation,
    #[serde(flatten)]
    recipe: &'a Recipe,
}

/// What older versions did not write down.
const ADDED: [&str; 4] = ["selection", "validation", "shots", "augmentation"];

impl Configuration<'_> {
    /// Of the runs `planned` of `grid`; `None` if there are none.
    fn table(grid: &Grid, planned: &[Planned]) -> anyhow::Result<Table> {
        let Run {
            dataset,
            protocol,
            selection,
            validation,
            shots,
            ref recipe,
            ..
        } = planned.first().context("a grid has runs")?.run;
        let configuration = Configuration {
            dataset,
            protocol,
            selection,
            validation,
            shots,
            augmentation: grid.augmentation(protocol),
            recipe,
        };
        Table::try_from(configuration).context("a configuration is numbers and words")
    }
}

/// Refuses the folder `out` if it belongs to another configuration than that of the runs `planned` of `grid`; returns whether it
/// says that it belongs to this one.
///
/// # Errors
/// If it is another one's, or what it says cannot be read.
pub(crate) fn check(out: &Path, grid: &Grid, planned: &[Planned]) -> anyhow::Result<bool> {
    if out.is_file() {
        bail!(
            "{} is a file, not a folder of results; choose another --out",
            out.display()
        );
    }
    let path = out.join("recipe.toml");
    let text = match fs::read_to_string(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
        read => read.with_context(|| format!("cannot read {}; choose another --out", path.display()))?,
    };
    let found: Table = toml::from_str(&text).map_err(|error| {
        let (path, reason) = (path.display(), error.message());
        anyhow::anyhow!("{path} is damaged: {reason}; delete this file, then run the same command again")
    })?;
    let asked = Configuration::table(grid, planned)?;
    let is_old = !found.contains_key("selection");
    let keys = asked.keys().chain(found.keys().filter(|key| !asked.contains_key(*key)));
    let compared = keys.filter(|key| !(is_old && ADDED.contains(&key.as_str())));
    let mut differing: Vec<&String> = compared.filter(|&key| asked.get(key) != found.get(key)).collect();
    differing.sort_by_key(|&key| !(asked.contains_key(key) && found.contains_key(key))); // what both state says more
    let Some(&key) = differing.first() else {
        return Ok(true);
    };
    let line = |value: Option<&Value>| value.map_or(format!("no `{key}`"), |value| format!("`{key} = {value}`"));
    bail!(
        "{} holds results of another configuration: {} has {}, and {} is asked for; choose another --out",
        out.display(),
        path.display(),
        line(found.get(key)),
        line(asked.get(key))
    )
}

/// As [`check`]; then makes `out` and writes down which configuration it belongs to.
///
/// # Errors
/// If the folder belongs to another configuration, or cannot be written.
pub(crate) fn claim(out: &Path, grid: &Grid, planned: &[Planned]) -> anyhow::Result<()> {
    if check(out, grid, planned)? {
        return Ok(());
    }
    let text = toml::to_string(&Configuration::table(grid, planned)?).context("a table has a text")?;
    fs::create_dir_all(out)
        .with_context(|| format!("cannot make folder {}; choose another --out", out.display()))
        .and_then(|()| write_whole(&out.join("recipe.toml"), &text))
}

/// The outcomes of the finished runs among those that `planned` needs.
///
/// # Errors
/// If an outcome or the run's `confusion.csv` is damaged.
pub(crate) fn outcomes(out: &Path, planned: &[Planned]) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for task in tasks(planned) {
        let run_dir = RunDir::of(out, &task.run);
        if let Some(mut outcome) = run_dir.outcome()? {
            if outcome.few_by_index.is_none() {
                let groups = GroupsByIndex::of(&task.run, &run_dir)?; // older versions did not write them down
                outcome.many_by_index = groups.many;
                outcome.medium_by_index = groups.medium;
                outcome.few_by_index = groups.few;
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Directory names of the finished runs below `out` that are not among `known`, sorted.
pub(crate) fn finished_besides(out: &Path, known: &HashSet<String>) -> Vec<String> {
    let folders = fs::read_dir(out.join("runs")).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let others = names.filter(|name| !known.contains(name) && is_finished(out, name));
    let mut others: Vec<String> = others.collect();
    others.sort();
    others
}

/// Whether the run with this directory name is finished below `out`.
pub(crate) fn is_finished(out: &Path, run: &str) -> bool {
    out.join("runs").join(run).join("outcome.json").is_file()
}

/// Writes a sibling first and renames it, so that a reader never sees half a file. The sibling is this process's own: tasks of a
/// job array start together, on several machines.
///
/// # Errors
/// If it cannot be written; the message names it.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let temporary = path.with_extension(format!("{machine}.{}.tmp", std::process::id()));
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}; make room or choose another --out", path.display()))
}
