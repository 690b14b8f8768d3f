//! Everything that the page shows.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use methods::{FeatureTerm, Method as Parts};
use rayon::prelude::*;
use serde::Serialize;

use super::images::Images;
use super::method::Method;
use super::overview::Row;
use super::part::Part;
use super::run::{Run, Texts};
use crate::compare::Measure;
use crate::grid::{Plan, Planned};
use crate::run::{self, Outcome, RunId};
use crate::tables::report::{Request, Summary};

/// The results of a grid.
#[derive(Debug, Serialize)]
pub(super) struct Contents {
    /// The grid's name.
    title: String,
    /// What the numbers depend on, and what the columns mean; Markdown without tables.
    protocol: String,
    /// What a reader must know about the table; likewise.
    remarks: Vec<String>,
    /// What makes these results again.
    command: String,
    /// Name of the metric that is compared with published numbers.
    selected: &'static str,
    /// The method that the others are compared with.
    reference: String,
    /// What is compared with it, in the order of charts.
    measures: Vec<&'static str>,
    /// Of each class.
    class_names: Vec<&'static str>,
    rows: Vec<Row>,
    /// Of each row.
    methods: Vec<Method>,
    images: Part<Images>,
    /// Pairs of rows that differ in the NC regularizer alone: without it, with it.
    pairs: Vec<(usize, usize)>,
    /// The first runs of the plan.
    runs: Vec<Run>,
    /// Number of runs of the plan.
    planned: usize,
    /// Long texts that runs share.
    texts: Vec<String>,
}

/// Most runs on a page: `runs.csv` has them all.
const RUNS: usize = 400;
/// Most epochs of a curve, and how many all curves of one kind have together.
const POINTS: usize = 100;
const ALL_POINTS: usize = 12_000;

impl Contents {
    /// Of the finished runs `outcomes` below `out`, which `summary` tables.
    pub(super) fn new(out: &Path, request: &Request<'_>, outcomes: &[Outcome], summary: &Summary) -> Contents {
        let plan = request.plan;
        let finished: HashMap<&RunId, &Outcome> = outcomes.iter().map(|outcome| (&outcome.run, outcome)).collect();
        let all: HashMap<&RunId, &Planned> = plan.all().iter().map(|planned| (&planned.id, planned)).collect();
        let groups = groups(plan);
        let table = &summary.table;
        let planned: Vec<&Vec<&Planned>> = table
            .rows
            .iter()
            .map(|row| &groups[&(row.method.as_str(), row.imbalance.to_string())])
            .collect();
        let points = (ALL_POINTS / table.rows.len().max(1)).clamp(20, POINTS);
        let rows = table.rows.iter().zip(&planned).map(|(row, planned)| {
            let minutes: Vec<f64> = planned
                .iter()
                .filter_map(|planned| minutes(planned, &all, &finished))
                .collect();
            let mean = (!minutes.is_empty()).then(|| minutes.iter().sum::<f64>() / minutes.len() as f64);
            Row::new(row, &planned[0].run, table.select, mean, &summary.against)
        });
        let runs_with_outcomes: Vec<(&run::Run, Vec<&Outcome>)> = planned
            .iter()
            .map(|planned| {
                let outcomes = planned.iter().filter_map(|planned| finished.get(&planned.id).copied());
                (&planned[0].run, outcomes.collect())
            })
            .collect();
        let methods = runs_with_outcomes
            .par_iter()
            .map(|(run, outcomes)| Method::new(out, run, outcomes, &summary.shifts, points));
        let mut texts = Texts::default();
        let runs = runs(out, plan, &finished, summary, &mut texts);
        let runs_of_rows: Vec<&run::Run> = planned.iter().map(|planned| &planned[0].run).collect();
        Contents {
            title: request.grid.name().to_owned(),
            protocol: summary.protocol.clone(),
            remarks: summary.remarks.clone(),
            command: summary.command.clone(),
            selected: table.select.metric().name,
            reference: summary.against.reference.clone(),
            measures: Measure::ALL.map(Measure::name).into(),
            class_names: plan.first().dataset.facts().class_names,
            rows: rows.collect(),
            methods: methods.collect(),
            images: Images::new(out, &runs_with_outcomes, request.data),
            pairs: pairs(&runs_of_rows),
            runs,
            planned: plan.all().len(),
            texts: texts.into_kept(),
        }
    }
}

/// The runs that the grid lists, by method and imbalance.
fn groups(plan: &Plan) -> HashMap<(&str, String), Vec<&Planned>> {
    let mut groups: HashMap<(&str, String), Vec<&Planned>> = HashMap::new();
    for planned in plan.asked() {
        let key = (planned.run.name.as_str(), planned.run.imbalance.to_string());
        groups.entry(key).or_default().push(planned);
    }
    groups
}

/// Minutes of a run and of all that it needs; `None` while one of them is not finished.
fn minutes(planned: &Planned, all: &HashMap<&RunId, &Planned>, finished: &HashMap<&RunId, &Outcome>) -> Option<f64> {
    let (mut counted, mut left, mut seconds) = (HashSet::new(), vec![&planned.id], 0.0);
    while let Some(id) = left.pop() {
        if counted.insert(id) {
            seconds += finished.get(id)?.seconds;
            left.extend(all.get(id)?.needs.iter().map(|(_, needed)| needed));
        }
    }
    Some(seconds / 60.0)
}

/// Pairs of rows that differ in the NC regularizer alone.
fn pairs(runs: &[&run::Run]) -> Vec<(usize, usize)> {
    let without = |parts: &Parts| Parts {
        regularizer: None,
        ..parts.clone()
    };
    let with_nc = (0..runs.len()).filter(|&row| matches!(runs[row].method.regularizer, Some(FeatureTerm::Nc(_))));
    let pair = |with: usize| {
        let plain = without(&runs[with].method);
        let is_it = |&row: &usize| runs[row].method == plain && runs[row].imbalance == runs[with].imbalance;
        (0..runs.len()).find(is_it).map(|row| (row, with))
    };
    with_nc.filter_map(pair).collect()
}

fn runs(
    out: &Path,
    plan: &Plan,
    finished: &HashMap<&RunId, &Outcome>,
    summary: &Summary,
    texts: &mut Texts,
) -> Vec<Run> {
    let asked: HashSet<&RunId> = plan.asked().map(|planned| &planned.id).collect();
    let needs = plan.all().iter().flat_map(|planned| &planned.needs);
    let roles: HashMap<&RunId, &'static str> = needs.map(|(role, id)| (id, role.name())).collect();
    let reasons: HashMap<&RunId, &str> = summary
        .table
        .unfinished
        .iter()
        .map(|run| (&run.run, run.reason.as_str()))
        .collect();
    let runs = plan.all().iter().take(RUNS).map(|planned| {
        let role = roles.get(&planned.id).copied().filter(|_| !asked.contains(&planned.id));
        let outcome = finished.get(&planned.id).copied();
        let reason = || {
            reasons
                .get(&planned.id)
                .map_or("not finished", |reason| reason)
                .to_owned()
        };
        Run::new(out, planned, role, outcome.ok_or_else(reason), texts)
    });
    runs.collect()
}
