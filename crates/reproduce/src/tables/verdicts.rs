//! The significance of a table's differences: each method against cross-entropy, and against its published number.

use std::collections::HashMap;
use std::path::Path;

use crate::compare::{Cell, Comparison, Finished, Group, Measure, Verdict, decide};
use crate::grid::select::Select;
use crate::grid::{Plan, describe};
use crate::markdown::{MISSING, aligned};
use crate::run::directory::RunDir;
use crate::run::{Outcome, RunId};
use crate::statistics::student;
use crate::tables::table::{Row, Table};

/// Every method of a table compared with one of them.
#[derive(Debug, Default)]
pub(crate) struct Against {
    /// The method they are compared with: cross-entropy alone, or the first method of the grid.
    pub(crate) reference: String,
    /// The comparisons, with verdicts.
    pub(crate) comparisons: Vec<Comparison>,
    /// The methods that could not be compared, with the reason.
    refused: Vec<String>,
}

/// Draws of the bootstrap, fewer than those of `compare`, so that a report stays fast.
const DRAWS: usize = 1000;

/// Compares the finished runs of `plan` below `out` by their accuracy after the last epoch. Runs without predictions, which earlier
/// versions did not write, are left out and counted.
pub(crate) fn against(out: &Path, plan: &Plan, outcomes: &[&Outcome]) -> Against {
    let (groups, without_predictions) = groups(out, plan, outcomes);
    let plain = plan.asked().find(|planned| planned.run.method.is_plain());
    let reference = plain.map_or_else(|| plan.first().name.clone(), |planned| planned.run.name.clone());
    let mut against = Against {
        reference,
        ..Against::default()
    };
    for group in groups.iter().filter(|group| group.method != against.reference) {
        let is_it = |other: &&Group| other.method == against.reference && other.imbalance == group.imbalance;
        let Some(reference) = groups.iter().find(is_it) else {
            continue;
        };
        match Comparison::new((&group.method, group), (&reference.method, reference), DRAWS) {
            Ok(comparison) => against.comparisons.push(comparison),
            Err(error) => against
                .refused
                .push(format!("`{}` at {}: {error:#}", group.method, group.imbalance)),
        }
    }
    decide(&mut against.comparisons);
    let has_others = plan.asked().any(|planned| planned.run.name != against.reference);
    if let Some(first) = without_predictions.first().filter(|_| has_others) {
        against.refused.push(format!(
            "{} without predictions, which earlier versions did not write, `{first}` first; `reproduce predictions --again` computes \
             those of a run",
            describe::count(without_predictions.len() as i64, "run"),
        ));
    }
    against
}

/// The groups of the finished runs with predictions, and the finished runs without.
fn groups<'a>(out: &Path, plan: &'a Plan, outcomes: &[&Outcome]) -> (Vec<Group>, Vec<&'a RunId>) {
    let by_id: HashMap<&RunId, &Outcome> = outcomes.iter().map(|outcome| (&outcome.run, *outcome)).collect();
    let (mut groups, mut without_predictions) = (Vec::new(), Vec::new());
    for planned in plan.asked() {
        let Some(&outcome) = by_id.get(&planned.id) else {
            continue;
        };
        if outcome.predictions_digest.is_some() {
            let directory = RunDir::of(out, &planned.id).path().to_owned();
            let finished = Finished::new(directory, planned.run.clone(), outcome.clone());
            Group::add(&mut groups, finished);
        } else {
            without_predictions.push(&planned.id);
        }
    }
    (groups, without_predictions)
}

impl Against {
    /// The comparison of a row of the table.
    pub(crate) fn of(&self, row: &Row) -> Option<&Comparison> {
        let imbalance = row.imbalance.to_string();
        self.comparisons
            .iter()
            .find(|comparison| comparison.left == row.method && comparison.imbalance == imbalance)
    }

    /// As Markdown; `None` where nothing is compared.
    pub(crate) fn markdown(&self, table: &Table) -> Option<String> {
        let mut parts = Vec::new();
        if !self.comparisons.is_empty() {
            let header = [
                "method",
                "imbalance",
                "top-1",
                "many",
                "medium",
                "few",
                "mean of groups",
            ];
            let rows = table.rows.iter().filter_map(|row| {
                let comparison = self.of(row)?;
                let cells = Measure::ALL.map(|measure| {
                    let cell = comparison.cells.iter().find(|cell| cell.measure == measure);
                    cell.map_or(MISSING.to_owned(), in_words)
                });
                Some(
                    [row.method.clone(), row.imbalance.to_string()]
                        .into_iter()
                        .chain(cells)
                        .collect(),
                )
            });
            parts.push(format!(
                "Against `{}`, after the last epoch, in points:\n",
                self.reference
            ));
            parts.push(aligned(&header, rows, 2));
        }
        parts.extend(self.remarks());
        (!parts.is_empty()).then(|| parts.join("\n"))
    }

    /// What the intervals mean, and what could not be compared.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.comparisons.is_empty() {
            remarks.push(self.meaning());
        }
        if !self.refused.is_empty() {
            let lines: Vec<String> = self.refused.iter().map(|line| format!("- {line}\n")).collect();
            remarks.push(format!("Not compared:\n\n{}", lines.concat()));
        }
        remarks
    }

    fn meaning(&self) -> String {
        let networks = self.comparisons.iter().any(Comparison::is_of_networks);
        let scope = if networks {
            " With one seed they are about these networks, not about the methods."
        } else {
            ""
        };
        format!(
            "± is half the 95 % interval of the difference, from seeds and test images together, and so the smallest difference that this \
             many seeds could have shown in a comparison of its own. Verdicts hold for all of this table at once (Holm, 5 %); without one the difference is \
             undecided.{scope}\n"
        )
    }
}

fn in_words(cell: &Cell) -> String {
    let verdict = match cell.verdict {
        Verdict::Better => ", better",
        Verdict::Worse => ", worse",
        Verdict::Undecided => "",
    };
    let (mean, margin) = (100.0 * cell.difference.mean, 100.0 * cell.difference.detectable());
    format!("{mean:+.2} ± {margin:.2}{verdict}")
}

/// Where the published numbers of the rows lie to the interval of these seeds' mean; `None` where there are fewer than two seeds. What
/// was published is a mean without a deviation: it has an interval of its own, which nobody knows.
pub(crate) fn published(table: &Table, select: Select) -> Option<String> {
    let lines: Vec<String> = table.rows.iter().filter_map(|row| place(row, select)).collect();
    (!lines.is_empty()).then(|| {
        format!(
            "Beside the 95 % interval of the mean over these seeds (a published mean has an interval too, which its source does not \
             state):\n\n{}",
            lines.concat()
        )
    })
}

/// The 95 % interval of a row's mean over its seeds, in 0..1; `None` with fewer than two.
pub(crate) fn interval(row: &Row, select: Select) -> Option<(f64, f64)> {
    let spread = row.spread(select.metric())?;
    let (deviation, seeds) = (spread.deviation?, row.finished as f64);
    let margin = student::critical(seeds - 1.0) * deviation / seeds.sqrt();
    Some((spread.mean - margin, spread.mean + margin))
}

fn place(row: &Row, select: Select) -> Option<String> {
    let published = row.published.filter(|_| row.is_comparable())?;
    let (low, high) = interval(row, select)?;
    let place = match published.accuracy() {
        accuracy if accuracy < low => "below",
        accuracy if accuracy > high => "above",
        _ => "inside",
    };
    Some(format!(
        "- `{}` at {}: {:.2} to {:.2} %, the published {} % lies {place}\n",
        row.method,
        row.imbalance,
        100.0 * low,
        100.0 * high,
        published.percent
    ))
}
