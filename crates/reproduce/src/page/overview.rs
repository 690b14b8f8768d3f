//! The rows of the page's table: what `summary.csv` has of a method under an imbalance, what it cost, and what its differences are worth.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::Comparison;
use crate::grid::published::Published;
use crate::grid::select::Select;
use crate::grid::{describe, family};
use crate::run::Run;
use crate::run::metric::Metric;
use crate::tables::collect::Spread;
use crate::tables::table;
use crate::tables::verdicts::{self, Against};

/// A method under an imbalance.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) method: String,
    pub(super) imbalance: String,
    /// That of the catalogue; missing for a method of the grid's own.
    family: Option<&'static str>,
    /// What it is made of, in words.
    parts: String,
    finished: usize,
    planned: usize,
    /// As `summary.csv` has them.
    metrics: BTreeMap<&'static str, Spread>,
    /// Minutes of a run with those that it needs, such as its first stage: mean over the seeds.
    minutes: Option<f64>,
    published: Option<Beside>,
    against: Option<Differences>,
}

/// A published number, and where it lies.
#[derive(Debug, Serialize)]
struct Beside {
    percent: String,
    source: String,
    note: String,
    /// What is different in the training behind it.
    differs: Option<String>,
    /// Ours less it, in 0..1; missing where the trainings are not equally long, or none is finished.
    difference: Option<f64>,
    /// The 95 % interval of our mean, in 0..1; missing with one seed.
    interval: Option<(f64, f64)>,
}

/// Differences to the reference.
#[derive(Debug, Serialize)]
struct Differences {
    /// Whether they are of two networks and say nothing about methods.
    networks: bool,
    /// What else the sides differ in.
    remarks: Vec<String>,
    /// By measure.
    cells: BTreeMap<&'static str, Cell>,
}

#[derive(Debug, Serialize)]
struct Cell {
    difference: f64,
    /// Half of the 95 % interval.
    margin: f64,
    verdict: &'static str,
    p: f64,
}

impl Row {
    pub(super) fn new(row: &table::Row, run: &Run, select: Select, minutes: Option<f64>, against: &Against) -> Row {
        let metrics = Metric::ALL
            .into_iter()
            .filter_map(|metric| Some((metric.name, row.spread(metric)?)));
        Row {
            method: row.method.clone(),
            imbalance: row.imbalance.to_string(),
            family: family(&row.method),
            parts: describe::parts(&run.method),
            finished: row.finished,
            planned: row.planned,
            metrics: metrics.collect(),
            minutes,
            published: row.published.map(|published| Beside::new(row, published, select)),
            against: against.of(row).map(Differences::new),
        }
    }
}

impl Beside {
    fn new(row: &table::Row, published: &Published, select: Select) -> Beside {
        Beside {
            percent: published.percent.clone(),
            source: published.source.clone(),
            note: published.note.clone(),
            differs: row.published_differs.clone(),
            difference: row.difference(select).filter(|_| row.is_comparable()),
            interval: verdicts::interval(row, select).filter(|_| row.is_comparable()),
        }
    }
}

impl Differences {
    fn new(comparison: &Comparison) -> Differences {
        let unpaired = comparison.unpaired.iter().map(|reason| format!("unpaired: {reason}"));
        let cells = comparison.cells.iter().map(|cell| {
            let shown = Cell {
                difference: cell.difference.mean,
                margin: cell.difference.detectable(),
                verdict: cell.verdict.name(),
                p: cell.p,
            };
            (cell.measure.name(), shown)
        });
        Differences {
            networks: comparison.is_of_networks(),
            remarks: unpaired.chain(comparison.remarks.iter().cloned()).collect(),
            cells: cells.collect(),
        }
    }
}
