//! The folder of a grid's results, which belongs to one configuration.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use datasets::{Dataset, Selection, Validation};
use methods::{Augmentation, Protocol, Recipe, ShotSplit};
use serde::Serialize;
use toml::{Table, Value};

use crate::files;
use crate::grid::{Grid, Plan};
use crate::run::directory::RunDir;
use crate::run::format::Newer;
use crate::run::metrics::refuse_newer;
use crate::run::{Outcome, Run, RunId};
use crate::schedule::Failure;

/// The settings that all runs of a folder share, which decide the images they see and how their classes are grouped. Other methods, seeds
/// and imbalances may be added later; another value here would mix numbers in one table that cannot be compared.
#[derive(Serialize)]
struct Configuration<'a> {
    dataset: Dataset,
    protocol: Protocol,
    selection: Selection,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Validation>,
    shots: ShotSplit,
    /// The weights that every network begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<&'a Path>,
    /// The augmentation of methods that do not state their own.
    augmentation: Augmentation,
    #[serde(flatten)]
    recipe: &'a Recipe,
}

/// Keys that older versions did not write.
const ADDED: [&str; 4] = ["selection", "validation", "shots", "augmentation"];

impl Configuration<'_> {
    /// The configuration of the runs `plan` of `grid`.
    fn table(grid: &Grid, plan: &Plan) -> anyhow::Result<Table> {
        let &Run {
            dataset,
            protocol,
            selection,
            validation,
            shots,
            ref recipe,
            ..
        } = plan.first();
        let configuration = Configuration {
            dataset,
            protocol,
            selection,
            validation,
            shots,
            init: plan.init(),
            augmentation: grid.augmentation(protocol),
            recipe,
        };
        Table::try_from(configuration).context("a configuration is numbers and words")
    }
}

/// Refuses the folder `out` if it belongs to another configuration than that of the runs `plan` of `grid`; returns whether it states
/// this configuration.
///
/// # Errors
/// If it belongs to another configuration, or its configuration cannot be read.
pub(crate) fn check(out: &Path, grid: &Grid, plan: &Plan) -> anyhow::Result<bool> {
    if out.is_file() {
        bail!(
            "{} is a file, not a folder of results; choose another --out",
            out.display()
        );
    }
    let path = out.join("recipe.toml");
    let text = match files::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
        read => read.with_context(|| format!("cannot read {}; choose another --out", path.display()))?,
    };
    let damaged = |reason: &str| {
        anyhow::anyhow!(
            "{} is damaged: {reason}; delete this file, then run the same command again",
            path.display()
        )
    };
    let found: Table = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
    if found.is_empty() {
        return Err(damaged("it is empty"));
    }
    let asked = Configuration::table(grid, plan)?;
    let is_old = !found.contains_key("selection");
    let keys = asked.keys().chain(found.keys().filter(|key| !asked.contains_key(*key)));
    let compared = keys.filter(|key| !(is_old && ADDED.contains(&key.as_str())));
    let mut differing: Vec<&String> = compared.filter(|&key| asked.get(key) != found.get(key)).collect();
    differing.sort_by_key(|&key| !(asked.contains_key(key) && found.contains_key(key))); // a value that both state says more
    let Some(&key) = differing.first() else {
        return Ok(true);
    };
    let line = |value: Option<&Value>| match value {
        None => format!("no `{key}`"),
        Some(value) => photographs(value).unwrap_or_else(|| format!("`{key} = {value}`")),
    };
    bail!(
        "{} holds results of another configuration: {} has {}, and {} is asked for; choose another --out",
        out.display(),
        path.display(),
        line(found.get(key)),
        line(asked.get(key))
    )
}

/// Which photographs the `value` of a data set states, without the names and counts of their classes.
fn photographs(value: &Value) -> Option<String> {
    let stated = value.get("photographs")?;
    let name = stated.get("name")?.as_str()?;
    let digest = short(stated.get("digest")?.as_str()?);
    Some(format!("photographs `{name}` whose list of files has digest {digest}"))
}

/// As [`check`]; then creates `out` and writes its configuration.
///
/// # Errors
/// If the folder belongs to another configuration, or cannot be written.
pub(crate) fn claim(out: &Path, grid: &Grid, plan: &Plan) -> anyhow::Result<()> {
    if check(out, grid, plan)? {
        return Ok(());
    }
    let text = toml::to_string(&Configuration::table(grid, plan)?).context("a table has a text")?;
    fs::create_dir_all(out)
        .map_err(|error| files::unwritable(out, error, files::ANOTHER_OUT))
        .and_then(|()| files::write_whole(&out.join("recipe.toml"), &text))
}

/// The finished and the damaged runs of a plan.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The outcomes of the finished runs, in the order of the plan.
    pub(crate) finished: Vec<Outcome>,
    /// The runs whose outcome cannot be read, with the reason. They fail alone; the others are
    /// trained and tabled.
    pub(crate) damaged: Vec<Failure>,
}

/// Reads the directories below `out` of all runs of `plan`.
pub(crate) fn find(out: &Path, plan: &Plan) -> Found {
    let mut found = Found::default();
    for planned in plan.all() {
        match RunDir::of(out, &planned.id).outcome() {
            Ok(Some(outcome)) if outcome.run != planned.id => {
                let directory = RunDir::of(out, &planned.id);
                let reason = format!(
                    "the outcome in {} is that of {}; put the file back as it was, or delete it to train the run again",
                    directory.path().display(),
                    outcome.run
                );
                found.damaged.push((planned.id.clone(), reason));
            }
            Ok(outcome) => found.finished.extend(outcome),
            Err(error) => found.damaged.push((planned.id.clone(), error.to_string())),
        }
    }
    found
}

/// The finished runs below `out` that are not among `known`, sorted.
pub(crate) fn finished_besides(out: &Path, known: &HashSet<&RunId>) -> Vec<RunId> {
    let folders = fs::read_dir(out.join("runs")).into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok().map(RunId::named));
    let others = names.filter(|name| !known.contains(name) && is_finished(out, name));
    let mut others: Vec<RunId> = others.collect();
    others.sort();
    others
}

/// The runs in the text of a `runs.csv`.
///
/// # Errors
/// If a newer version wrote it.
pub(crate) fn tabled_runs(text: &str) -> Result<Vec<RunId>, Newer> {
    refuse_newer(text)?;
    let rows = csv::Reader::from_reader(text.as_bytes()).into_records();
    Ok(rows.filter_map(|row| row.ok()?.get(0).map(RunId::named)).collect())
}

/// The first characters of a digest, enough to tell splits and data apart; `runs.csv` has the whole digest.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Whether the run with this id is finished below `out`.
pub(crate) fn is_finished(out: &Path, run: &RunId) -> bool {
    out.join("runs").join(run).join("outcome.json").is_file()
}
