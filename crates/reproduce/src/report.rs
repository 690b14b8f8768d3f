//! Report: the files of a grid's results.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::grid::{Grid, Planned};
use crate::run::Outcome;
use crate::table::Table;
use crate::{provenance, render};

/// Writes `runs.csv` (one line a finished run, every field of [`Outcome`]), `summary.csv` and `summary.md` into `out`,
/// each whole or not at all, and returns the table as Markdown. `failures` are directory names of runs with the reason why
/// they stopped; `command` is what makes these results again. Outcomes of runs that are not planned are left out.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub(crate) fn write_report(
    out: &Path,
    grid: &Grid,
    planned: &[Planned],
    outcomes: &[Outcome],
    failures: &[(String, String)],
    command: &str,
) -> anyhow::Result<String> {
    let outcomes = in_order_of_plan(planned, outcomes);
    let table = Table::new(grid, planned, &outcomes, failures).context("cannot sum up the finished runs")?;
    let text = render::markdown(&table);
    let summary = format!(
        "# {}\n\n{}\n{text}\nMade by:\n\n```sh\n{command}\n```\n",
        grid.name(),
        provenance::protocol(planned, &outcomes)
    );
    fs::create_dir_all(out).with_context(|| format!("cannot make folder {}", out.display()))?;
    write_whole(&out.join("runs.csv"), &runs_csv(&outcomes)?)?;
    write_whole(&out.join("summary.csv"), &render::csv(&table)?)?;
    write_whole(&out.join("summary.md"), &summary)?;
    Ok(text)
}

/// The outcomes of planned runs and of their first stages, a first stage before the first run that needs it.
fn in_order_of_plan<'a>(planned: &[Planned], outcomes: &'a [Outcome]) -> Vec<&'a Outcome> {
    let mut by_id: HashMap<&str, &Outcome> = outcomes.iter().map(|outcome| (outcome.run.as_str(), outcome)).collect();
    let runs = planned.iter().flat_map(|planned| planned.first_stage.iter().chain([&planned.run]));
    runs.filter_map(|run| by_id.remove(run.id().as_str())).collect()
}

fn runs_csv(outcomes: &[&Outcome]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for outcome in outcomes {
        writer.serialize(outcome)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Writes a sibling first and renames it, so that a reader never sees half a file.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}; make room or choose another --out", path.display()))
}
