//! The rows of a table: planned runs, their outcomes, and the published numbers.

use std::collections::HashMap;

use datasets::Imbalance;
use polars::error::PolarsResult;

use crate::grid::published::Published;
use crate::grid::select::Select;
use crate::grid::{Grid, Plan, Planned};
use crate::run::metric::Metric;
use crate::run::{Outcome, Run, RunId};
use crate::schedule::Failure;
use crate::tables::collect::{Spread, Spreads, spreads};
use crate::tables::provenance::distinct;

/// One row per method and imbalance, in the order of the grid, and the runs without an outcome.
#[derive(Debug)]
pub(crate) struct Table {
    /// In the order of the grid.
    pub(crate) rows: Vec<Row>,
    /// Runs asked for that have no outcome.
    pub(crate) unfinished: Vec<Unfinished>,
    /// Which epoch is compared with the published numbers.
    pub(crate) select: Select,
}

/// A method under an imbalance, over its seeds.
#[derive(Debug)]
pub(crate) struct Row {
    /// Name in the grid.
    pub(crate) method: String,
    /// As the grid states it.
    pub(crate) imbalance: Imbalance,
    /// Seeds that are finished.
    pub(crate) finished: usize,
    /// Seeds asked for.
    pub(crate) planned: usize,
    /// Epochs of the (first) stage.
    pub(crate) epochs: i64,
    /// Epochs of its protocol.
    pub(crate) protocol_epochs: i64,
    /// The published number to compare with.
    pub(crate) published: Option<&'static Published>,
    /// How the training behind it differs, according to the grid.
    pub(crate) published_differs: Option<String>,
    /// Precisions of the finished runs, each once.
    pub(crate) precisions: Vec<String>,
    /// Numbers of threads of the finished runs, each once.
    pub(crate) threads: Vec<String>,
    /// "20 of 200", the epochs of which *best* is the best, where not all were evaluated; each once.
    pub(crate) evaluated: Vec<String>,
    /// Accuracy relative to training on equally many images of each class, if that was trained too: [`relative_accuracy`].
    pub(crate) relative: Option<f64>,
    spreads: Spreads,
}

/// A run that was asked for and has no outcome.
#[derive(Debug, PartialEq)]
pub(crate) struct Unfinished {
    /// The run.
    pub(crate) run: RunId,
    /// Why, in words.
    pub(crate) reason: String,
}

impl Table {
    /// The planned runs beside their outcomes and the published numbers that the grid names. `failures` are runs with the reason why they
    /// stopped.
    ///
    /// # Errors
    /// Those of polars, for frames too large to hold.
    pub(crate) fn new(
        grid: &Grid,
        plan: &Plan,
        outcomes: &[&Outcome],
        failures: &[Failure],
        select: Select,
    ) -> PolarsResult<Table> {
        let finished: HashMap<&RunId, &Outcome> = outcomes.iter().map(|outcome| (&outcome.run, *outcome)).collect();
        let failures: HashMap<&RunId, &str> = failures.iter().map(|(run, why)| (run, why.as_str())).collect();
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut unfinished = Vec::new();
        for planned in plan.asked() {
            let run = &planned.run;
            // The runs of a row follow each other: a plan varies the seed last.
            if groups.last().is_none_or(|group| !group.has(run)) {
                groups.push(Group {
                    run,
                    planned: 0,
                    outcomes: Vec::new(),
                });
            }
            let group = groups.last_mut().expect("one is there, just above");
            group.planned += 1;
            match finished.get(&planned.id) {
                Some(outcome) => group.outcomes.push(*outcome),
                None => unfinished.push(Unfinished {
                    run: planned.id.clone(),
                    reason: reason(planned, &failures),
                }),
            }
        }
        let outcomes: Vec<Vec<&Outcome>> = groups.iter().map(|group| group.outcomes.clone()).collect();
        let spreads = spreads(&outcomes)?;
        let rows = groups.iter().zip(spreads);
        let mut rows: Vec<Row> = rows.map(|(group, spreads)| group.row(grid, spreads)).collect();
        if let Some(plain) = plan.asked().find(|planned| planned.run.method.is_plain()) {
            let relative: Vec<_> = rows
                .iter()
                .map(|row| relative_accuracy(row, &rows, &plain.run.name, select))
                .collect();
            for (row, relative) in rows.iter_mut().zip(relative) {
                row.relative = relative;
            }
        }
        Ok(Table {
            rows,
            unfinished,
            select,
        })
    }
}

/// The runs of a row: they have one method and imbalance, and differ only in the seed.
struct Group<'a> {
    /// The first of them.
    run: &'a Run,
    planned: usize,
    outcomes: Vec<&'a Outcome>,
}

impl Group<'_> {
    fn has(&self, run: &Run) -> bool {
        (&self.run.name, self.run.imbalance) == (&run.name, run.imbalance)
    }

    fn row(&self, grid: &Grid, spreads: Spreads) -> Row {
        let Group { run, planned, outcomes } = self;
        Row {
            method: run.name.clone(),
            imbalance: run.imbalance,
            finished: outcomes.len(),
            planned: *planned,
            epochs: run.recipe.epochs,
            protocol_epochs: run.protocol.recipe().epochs,
            published: grid.published(run),
            published_differs: grid.published_differs(run).map(str::to_owned),
            precisions: distinct(outcomes.iter().map(|outcome| outcome.precision.clone())),
            threads: distinct(outcomes.iter().map(|outcome| outcome.threads.to_string())),
            evaluated: distinct(outcomes.iter().filter_map(|outcome| {
                let (evaluations, epochs) = (outcome.evaluations?, outcome.epochs);
                (evaluations < epochs).then(|| format!("{evaluations} of {epochs}"))
            })),
            relative: None,
            spreads,
        }
    }
}

/// Mean accuracy under a long tail over the upper reference: the higher one of this method's and of the method `plain`'s on
/// balanced training sets with about as many images (Zhang et al. 2023, §4.1, A_r = A_t / max(A_v, A_b)). `None` unless all
/// three have finished runs.
fn relative_accuracy(row: &Row, rows: &[Row], plain: &str, select: Select) -> Option<f64> {
    let Imbalance::Exponential { ratio } = row.imbalance else {
        return None;
    };
    let accuracy = |row: &Row| Some(row.spread(select.metric())?.mean);
    let balanced = |method: &str| {
        let is_it = |other: &&Row| other.method == method && other.imbalance == Imbalance::Balanced { ratio };
        rows.iter().find(is_it).and_then(accuracy)
    };
    Some(accuracy(row)? / balanced(plain)?.max(balanced(&row.method)?))
}

/// Why a run has no outcome: its own failure, that of a run it needs, or neither.
fn reason(planned: &Planned, failures: &HashMap<&RunId, &str>) -> String {
    let failed = planned.needs.iter().find_map(|(role, needed)| {
        let why = failures.get(needed)?;
        Some(format!("its {} {needed} failed: {why}", role.name()))
    });
    match (failures.get(&planned.id), failed) {
        (Some(why), _) => (*why).to_owned(),
        (None, Some(why)) => why,
        (None, None) => "not run to its end; the same command goes on from where it stopped".to_owned(),
    }
}

impl Row {
    /// A metric over the finished seeds.
    pub(crate) fn spread(&self, metric: Metric) -> Option<Spread> {
        self.spreads.get(metric.name).copied()
    }

    /// Whether the published number is of a training as long as this one, as far as its source says.
    pub(crate) fn is_comparable(&self) -> bool {
        let stated = self.published.and_then(|published| published.epochs);
        stated.map_or(self.epochs >= self.protocol_epochs, |stated| stated == self.epochs)
    }

    /// Mean accuracy after the selected epoch, less the published one.
    pub(crate) fn difference(&self, select: Select) -> Option<f64> {
        Some(self.spread(select.metric())?.mean - self.published?.accuracy())
    }
}
