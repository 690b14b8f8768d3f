//! Finished runs in the folder that a table leaves out, and the command that includes them.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::command_line::arguments::GridArguments;
use crate::grid::select::Select;
use crate::grid::{Grid, Options, Plan, Planned, Ratio};
use crate::markdown::code;
use crate::results::finished_besides;
use crate::run::{Run, RunId};

/// Largest number of runs to name.
const NAMED: usize = 4;

/// Lists the finished runs of `grid` below `out` that are not in `plan` (the runs of `asked`), and the command that tables all of them.
/// `None` if there are none. Runs of methods the grid no longer has in this form are not counted.
pub(crate) fn others(out: &Path, grid: &Grid, asked: &GridArguments, select: Select, plan: &Plan) -> Option<String> {
    let known: HashSet<&RunId> = plan.all().iter().map(|planned| &planned.id).collect();
    let besides: HashSet<RunId> = finished_besides(out, &known).into_iter().collect();
    if besides.is_empty() {
        return None;
    }
    let seeds = plan.asked().map(|planned| planned.run.seed);
    let seeds = sorted(seeds.chain(besides.iter().filter_map(RunId::seed)));
    let all_methods = grid.method_names(&asked.options());
    let methods: HashSet<&str> = plan.asked().map(|planned| planned.run.name.as_str()).collect();
    let besides_of: HashSet<&str> = besides.iter().map(RunId::method).collect();
    let methods = all_methods.iter().filter(|name| {
        let name = name.as_str();
        methods.contains(name) || besides_of.contains(name)
    });
    let everything = grid.runs(&Options {
        methods: Some(methods.cloned().collect()),
        imbalance: None,
        seeds: Some(seeds),
        ..asked.options()
    });
    let everything = everything.ok()?;
    let others: Vec<&Planned> = everything
        .asked()
        .filter(|planned| besides.contains(&planned.id))
        .collect();
    if others.is_empty() {
        return None;
    }
    let together = together(asked, plan, &others, &everything, &all_methods);
    let named: Vec<String> = others
        .iter()
        .take(NAMED)
        .map(|planned| format!("`{}`", planned.id))
        .collect();
    let more = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (are, these) = if others.len() == 1 {
        ("is", "this one")
    } else {
        ("are", "these")
    };
    Some(format!(
        "Also finished in this folder and not in this table {are} {}{more}. To table {these} too: {}\n",
        named.join(", "),
        code(&together.whole_command("report", select))
    ))
}

/// `asked`, extended by the seeds, methods and imbalances of `others`.
fn together(
    asked: &GridArguments,
    plan: &Plan,
    others: &[&Planned],
    everything: &Plan,
    all_methods: &[String],
) -> GridArguments {
    let runs: Vec<&Run> = plan
        .asked()
        .chain(others.iter().copied())
        .map(|planned| &planned.run)
        .collect();
    let methods: HashSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let all_ratios = distinct(everything.asked().map(|planned| Ratio::of(planned.run.imbalance)));
    let has_ratio = |ratio: &Ratio| runs.iter().any(|run| Ratio::of(run.imbalance) == *ratio);
    let mut together = asked.clone();
    together.seeds = Some(sorted(runs.iter().map(|run| run.seed)));
    together.methods = part_of(all_methods, |method| methods.contains(method.as_str()));
    together.imbalance = part_of(&all_ratios, has_ratio);
    together
}

/// The chosen entries; `None` if all are chosen, which needs no option.
fn part_of<T: Clone>(all: &[T], chosen: impl Fn(&T) -> bool) -> Option<Vec<T>> {
    let part: Vec<T> = all.iter().filter(|entry| chosen(entry)).cloned().collect();
    (part.len() < all.len()).then_some(part)
}

fn distinct<T: PartialEq>(entries: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for entry in entries {
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    found
}

fn sorted(seeds: impl Iterator<Item = i64>) -> Vec<i64> {
    let seeds: BTreeSet<i64> = seeds.collect();
    seeds.into_iter().collect()
}
