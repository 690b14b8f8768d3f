//! The files that `report` writes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::files::{self, ANOTHER_OUT, unwritable};
use crate::grid::select::Select;
use crate::grid::{Grid, Plan, describe};
use crate::results::{is_finished, tabled_runs};
use crate::run::environment::limits_of;
use crate::run::format::Format;
use crate::run::{Outcome, Run, RunId, settings};
use crate::schedule::Failure;
use crate::tables::robustness::ShiftRow;
use crate::tables::table::Table;
use crate::tables::verdicts::Against;
use crate::tables::{provenance, render, robustness, verdicts};

/// The table to make.
pub(crate) struct Request<'a> {
    /// The grid, which names methods and published numbers.
    pub(crate) grid: &'a Grid,
    /// The runs that were asked for; outcomes of others are left out.
    pub(crate) plan: &'a Plan,
    /// The epoch to compare with published numbers.
    pub(crate) select: Select,
    /// The command that repeats these results.
    pub(crate) command: String,
    /// Folder of the data sets, if it is not the usual one.
    pub(crate) data: Option<&'a Path>,
    /// A paragraph on other finished runs in the same folder.
    pub(crate) others: Option<String>,
}

/// A table, written or not.
#[derive(Debug)]
pub(crate) struct Report {
    /// As Markdown.
    pub(crate) text: String,
    /// Finished runs whose `robustness.csv` cannot be read, with the reason.
    pub(crate) damaged: Vec<Failure>,
    /// Why the files were not replaced; `None` if the tables are written.
    pub(crate) kept: Option<Kept>,
    /// What the tables are made of.
    pub(crate) summary: Summary,
}

/// What the tables of a folder of results are made of, and the page beside them.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Means over seeds beside the published numbers.
    pub(crate) table: Table,
    /// Accuracies under noise and other class frequencies.
    pub(crate) shifts: Vec<ShiftRow>,
    /// Differences to the grid's reference.
    pub(crate) against: Against,
    /// What the numbers depend on, as Markdown.
    pub(crate) protocol: String,
    /// What a reader must know about the table, as Markdown, a paragraph or list each.
    pub(crate) remarks: Vec<String>,
    /// What makes these results again.
    pub(crate) command: String,
}

/// Why a table was printed and not written.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Kept {
    /// Writing would lose rows, or there are none.
    #[error("{0}")]
    Withheld(String),
    /// A file cannot be written.
    #[error("{0}")]
    Unwritable(String),
    /// The folder is read-only, such as an archive or another user's.
    #[error("the table is only printed: {0}")]
    ReadOnly(String),
}

/// Writes `runs.csv` (one line per finished run: every field of [`Outcome`] and of [`Conditions`]), `summary.csv`, `summary.md` and, if a
/// run has measured it, `robustness.csv` into `out`, each whole or not at all, and returns the table. `failures` are runs with the
/// reason why they stopped.
///
/// No file is replaced by one with less: nothing is written without any outcome, nor over rows of runs whose outcome is no longer below
/// `out` (as in a clone) or cannot be read; nor is `robustness.csv` while that of a run cannot be read.
///
/// # Errors
/// Those of polars and of the CSV writer. A table that cannot be written is returned, with the reason.
pub(crate) fn write_report(
    out: &Path,
    request: &Request<'_>,
    outcomes: &[Outcome],
    failures: &[Failure],
) -> anyhow::Result<Report> {
    let &Request {
        grid,
        plan,
        select,
        ref command,
        ref others,
        ..
    } = request;
    let runs = in_order_of_plan(plan, outcomes);
    let outcomes: Vec<&Outcome> = runs.iter().map(|(_, outcome)| *outcome).collect();
    let table = Table::new(grid, plan, &outcomes, failures, select).context("cannot sum up the finished runs")?;
    let (shifts, damaged) = robustness::collect(out, plan)?;
    let noise = grid
        .has_noise_table()
        .then(|| robustness::noise_table(&shifts))
        .flatten();
    let against = verdicts::against(out, plan, &outcomes);
    let text = [
        Some(render::markdown(&table)),
        verdicts::published(&table, select),
        against.markdown(&table),
        noise,
        others.clone(),
    ];
    let text = text.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let remarks = [
        render::remarks(&table),
        verdicts::published(&table, select).into_iter().collect(),
        against.remarks(),
        others.iter().cloned().collect(),
    ];
    let limits = limits_of(outcomes.iter().map(|outcome| outcome.device.as_str()));
    let summary = Summary {
        remarks: remarks.concat(),
        protocol: provenance::protocol(plan, &outcomes),
        command: limits + command + &settings::options(&outcomes),
        table,
        shifts,
        against,
    };
    let kept = match withheld(out, request, &outcomes, failures) {
        Some(why) => Some(Kept::Withheld(why)),
        None => write_tables(out, grid.name(), &runs, &summary, &text, damaged.is_empty())?,
    };
    Ok(Report {
        text,
        damaged,
        kept,
        summary,
    })
}

/// Writes the tables of `runs`; returns why they are not, if they cannot be. Robustness only if it `is_whole`.
fn write_tables(
    out: &Path,
    name: &str,
    runs: &[(&Run, &Outcome)],
    summary: &Summary,
    text: &str,
    is_whole: bool,
) -> anyhow::Result<Option<Kept>> {
    let Summary {
        table,
        shifts,
        against,
        protocol,
        command,
        ..
    } = summary;
    let page = format!("# {name}\n\n{protocol}\n{text}\nMade by:\n\n```sh\n{command}\n```\n");
    let mut files = vec![
        ("runs.csv", runs_csv(runs)?),
        ("summary.csv", render::csv(table, against)?),
    ];
    if !shifts.is_empty() && is_whole {
        files.push(("robustness.csv", robustness::csv(shifts)?));
    }
    files.push(("summary.md", page));
    Ok(match write_files(out, &files) {
        Ok(()) => None,
        Err(error) if is_read_only(&error) => Some(Kept::ReadOnly(format!("{error:#}"))),
        Err(error) => Some(Kept::Unwritable(format!("{error:#}"))),
    })
}

fn write_files(out: &Path, files: &[(&str, String)]) -> anyhow::Result<()> {
    fs::create_dir_all(out).map_err(|error| unwritable(out, error, ANOTHER_OUT))?;
    files
        .iter()
        .try_for_each(|(name, text)| files::write_whole(&out.join(name), text))
}

/// Whether the folder is read-only, such as an archive or another user's.
fn is_read_only(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    )
}

/// Why these `outcomes` must not be written into `out`; `None` if they may be.
fn withheld(out: &Path, request: &Request<'_>, outcomes: &[&Outcome], failures: &[Failure]) -> Option<String> {
    let (out_shown, name) = (out.display(), request.grid.name());
    if outcomes.is_empty() {
        let what = if out.join("runs.csv").exists() {
            "the tables there are left as they are"
        } else {
            "nothing is written"
        };
        return Some(format!(
            "no run of {name} is finished in {out_shown}, so {what}; train with `{}`, or name the folder that is meant with --out",
            request.command
        ));
    }
    let written: HashSet<&RunId> = outcomes.iter().map(|outcome| &outcome.run).collect();
    let lost = match tabled_runs(&files::read(&out.join("runs.csv")).unwrap_or_default()) {
        Ok(runs) => runs,
        Err(newer) => {
            return Some(format!(
                "cannot replace {out_shown}/runs.csv: {newer}; the tables there are left as they are"
            ));
        }
    };
    let failed: HashSet<&RunId> = failures.iter().map(|(run, _)| run).collect();
    let can_be_tabled = |run: &RunId| written.contains(run) || is_finished(out, run) && !failed.contains(run);
    let lost: Vec<RunId> = lost.into_iter().filter(|run| !can_be_tabled(run)).collect();
    let first = lost.first()?;
    Some(format!(
        "{out_shown}/runs.csv has {} that {out_shown}/runs does not have the outcome of, {first} first, and would lose them; the \
         tables there are left as they are: choose another --out, train those runs too, or delete runs.csv",
        describe::count(lost.len() as i64, "run"),
    ))
}

/// The outcomes of planned runs and of those they need, each with its run and before the first run that needs it.
fn in_order_of_plan<'a>(plan: &'a Plan, outcomes: &'a [Outcome]) -> Vec<(&'a Run, &'a Outcome)> {
    let by_id: HashMap<&RunId, &Outcome> = outcomes.iter().map(|outcome| (&outcome.run, outcome)).collect();
    let runs = plan.all().iter();
    runs.filter_map(|planned| Some((&planned.run, *by_id.get(&planned.id)?)))
        .collect()
}

/// The columns of `runs.csv` beside those of an outcome: what else its numbers depend on, in the words of `summary.md`.
#[derive(Serialize)]
struct Conditions {
    /// How the images of each class were chosen.
    selection: String,
    /// Number of images of each class that were held out.
    held_out: i64,
    /// How classes are divided into many, medium and few.
    shots: String,
    /// Augmentation.
    augmentation: String,
    format: Format,
}

fn runs_csv(runs: &[(&Run, &Outcome)]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for &(run, outcome) in runs {
        let conditions = Conditions {
            selection: describe::selection(run.selection),
            held_out: run.validation.map_or(0, |validation| validation.per_class),
            shots: provenance::groups(run.shots),
            augmentation: run.method.augmentation.to_string(),
            format: Format,
        };
        writer.serialize((outcome, conditions))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests;
