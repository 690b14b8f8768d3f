//! Archive: the finished runs of a folder of results as a few files of text, for git.
//!
//! A folder of results has a directory for each run, with its checkpoint, its log, and a row for each epoch and class. An archive keeps a
//! few files: the tables as `report` wrote them, every epoch of every run, the accuracy of each class at the end, every config, and the
//! list of training images, which most runs share, once for each digest.

mod index;

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use methods::remedy_for_reading;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::files::{self, unwritable};
use crate::grid::describe;
use crate::results::{short, tabled_runs};
use crate::run::directory::RunDir;
use crate::run::metrics::{self, ClassRow, MetricsRow};
use crate::run::rows::csv_text;
use crate::run::{Outcome, RunId};

/// Tables of `report`, which are copied unchanged, and whether every folder has them.
const TABLES: [(&str, bool); 4] = [
    ("runs.csv", true),
    ("summary.csv", true),
    ("summary.md", true),
    ("robustness.csv", false),
];

/// A finished run, read.
struct Archived {
    outcome: Outcome,
    /// Text of `config.toml`.
    config: String,
    epochs: Vec<MetricsRow>,
    /// Accuracy of each class after the last epoch; none for a classifier that was only computed.
    classes: Vec<ClassRow>,
    /// Text of `indices.txt`.
    split: String,
}

/// The run that a row of an archive's table belongs to.
#[derive(Serialize)]
struct OfRun<'a> {
    run: &'a RunId,
}

impl OfRun<'_> {
    fn new(run: &Archived) -> OfRun<'_> {
        OfRun { run: &run.outcome.run }
    }
}

/// The rest of a row of `classes.csv`, which no program reads again.
#[derive(Serialize)]
struct ClassAtEnd {
    class: i64,
    accuracy: Option<f64>,
}

/// A line of `configs.jsonl`.
#[derive(Serialize)]
struct Config<'a> {
    run: &'a RunId,
    config: &'a str,
}

/// Writes an archive of the runs in the table of `from` into `to`, and their splits and the index of all archives into the folder around
/// `to`. Returns the files, relative to that folder.
///
/// # Errors
/// If a table is missing, a run is not finished or damaged, a file cannot be written, or `to` has runs that would be lost. Nothing is
/// written before all runs have been read.
pub(crate) fn archive(from: &Path, to: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let tables = tables(from)?;
    let runs = tabled_runs(&tables[0].1).with_context(|| format!("cannot read {}/runs.csv", from.display()))?;
    check_nothing_is_lost(from, to, &runs)?;
    let archived: Vec<Archived> = runs.iter().map(|run| read(from, run)).collect::<Result<_, _>>()?;

    let around = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let around = around.unwrap_or(Path::new("."));
    let name = PathBuf::from(
        to.file_name()
            .context("the archive needs a name; give one such as results/shapes-lt")?,
    );
    let epochs = archived
        .iter()
        .flat_map(|run| run.epochs.iter().map(move |row| (OfRun::new(run), row)));
    let classes = archived.iter().flat_map(|run| {
        run.classes
            .iter()
            .map(move |&ClassRow { class, accuracy, .. }| (OfRun::new(run), ClassAtEnd { class, accuracy }))
    });
    let configs = archived.iter().map(|run| {
        serde_json::to_string(&Config {
            run: &run.outcome.run,
            config: &run.config,
        })
    });
    let configs: Vec<String> = configs.collect::<Result<_, _>>()?;

    let mut written: Vec<(PathBuf, String)> = tables
        .into_iter()
        .map(|(table, text)| (name.join(table), text))
        .collect();
    written.push((name.join("epochs.csv"), csv_text(true, epochs)?));
    written.push((name.join("classes.csv"), csv_text(true, classes)?));
    written.push((name.join("configs.jsonl"), configs.join("\n") + "\n"));
    for run in &archived {
        let split = Path::new("splits").join(format!("{}.txt", short(&run.outcome.split_digest)));
        if !written.iter().any(|(path, _)| *path == split) {
            written.push((split, run.split.clone()));
        }
    }
    for folder in [to, &around.join("splits")] {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, error, ANOTHER_TO))?;
    }
    for (path, text) in &written {
        let path = around.join(path);
        files::write(&path, text).map_err(|error| unwritable(&path, error, ANOTHER_TO))?;
    }
    let mut files: Vec<PathBuf> = written.into_iter().map(|(path, _)| path).collect();
    files.extend(index::write(around)?);
    Ok(files)
}

/// What else a user can do about a file that cannot be written.
const ANOTHER_TO: &str = "choose another --to";

fn tables(from: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut tables = Vec::new();
    for (table, is_needed) in TABLES {
        let path = from.join(table);
        match files::read(&path) {
            Ok(text) => tables.push((table, text)),
            Err(_) if !is_needed && !path.exists() => {}
            Err(error) => bail!(
                "cannot read {}: {error}; an archive begins with the tables that `run` and `report` write",
                path.display()
            ),
        }
    }
    Ok(tables)
}

fn check_nothing_is_lost(from: &Path, to: &Path, runs: &[RunId]) -> anyhow::Result<()> {
    let kept: HashSet<&RunId> = runs.iter().collect();
    let table = to.join("runs.csv");
    let before = match files::read(&table) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot read {}; name another folder", table.display()))?,
    };
    let before = tabled_runs(&before).with_context(|| format!("cannot replace {}", table.display()))?;
    let lost: Vec<&RunId> = before.iter().filter(|run| !kept.contains(run)).collect();
    if let Some(first) = lost.first() {
        bail!(
            "{} has {} that the table of {} does not have, {first} first; name another folder, or remove that one",
            to.display(),
            describe::count(lost.len() as i64, "run"),
            from.display()
        );
    }
    Ok(())
}

fn read(from: &Path, run: &RunId) -> anyhow::Result<Archived> {
    let run_dir = RunDir::at(&from.join("runs").join(run));
    let text = |name: &str| {
        let path = run_dir.path().join(name);
        files::read(&path).map_err(|error| {
            let remedy = remedy_for_reading(&error);
            anyhow::Error::new(error).context(format!("cannot read {}; {remedy}", path.display()))
        })
    };
    let Some(outcome) = run_dir.outcome()? else {
        bail!(
            "{} is in the table and has no outcome; write the table again with `report`, or finish the run",
            run_dir.path().display()
        );
    };
    let split = text("indices.txt")?;
    let digest = format!("{:x}", Sha256::digest(&split));
    if digest != outcome.split_digest {
        bail!(
            "{}/indices.txt has SHA-256 {digest}, and the run was trained on {}; put the file back as it was",
            run_dir.path().display(),
            outcome.split_digest
        );
    }
    let has_epochs = outcome.epochs > 0;
    let epochs = if has_epochs {
        metrics::read(&run_dir.metrics())?
    } else {
        Vec::new()
    };
    let mut classes: Vec<ClassRow> = if has_epochs {
        metrics::read(&run_dir.per_class())?
    } else {
        Vec::new()
    };
    let last = classes.iter().map(|row| row.epoch).max();
    classes.retain(|row| Some(row.epoch) == last);
    Ok(Archived {
        config: text("config.toml")?,
        epochs,
        classes,
        split,
        outcome,
    })
}
