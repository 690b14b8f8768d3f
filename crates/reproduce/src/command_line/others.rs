//! Others: finished runs in a folder of results that a table leaves out, and the command that tables them with the rest.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::command_line::arguments::GridArguments;
use crate::grid::select::Select;
use crate::grid::{Grid, Options, Planned, Ratio};
use crate::results::finished_besides;
use crate::run::Run;
use crate::schedule::tasks;
use crate::tables::markdown::code;

/// Most runs that are named.
const NAMED: usize = 4;

/// Says which finished runs of `grid` below `out` are not among `planned`, which `asked` stands for, and how to table all of them
/// together. `None` if there are none. Runs of methods that the grid does not have, or has otherwise by now, are not counted.
pub(crate) fn others(
    out: &Path,
    grid: &Grid,
    asked: &GridArguments,
    select: Select,
    planned: &[Planned],
) -> Option<String> {
    let known: HashSet<String> = tasks(planned).iter().map(|task| task.run.id()).collect();
    let besides: HashSet<String> = finished_besides(out, &known).into_iter().collect();
    if besides.is_empty() {
        return None;
    }
    let seed_of = |run: &String| run.rsplit('.').nth(1)?.strip_prefix('s')?.parse().ok();
    let seeds = planned.iter().map(|planned| planned.run.seed);
    let seeds = sorted(seeds.chain(besides.iter().filter_map(seed_of)));
    let all_methods = grid.method_names(&asked.options());
    let methods: HashSet<&str> = planned.iter().map(|planned| planned.run.name.as_str()).collect();
    let besides_of: HashSet<&str> = besides.iter().map(|run| Run::method_of(run)).collect();
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
    let everything: Vec<Run> = everything.ok()?.into_iter().map(|planned| planned.run).collect();
    let others: Vec<&Run> = everything.iter().filter(|run| besides.contains(&run.id())).collect();
    if others.is_empty() {
        return None;
    }
    let together = together(asked, planned, &others, &everything, &all_methods);
    let named: Vec<String> = others.iter().take(NAMED).map(|run| format!("`{}`", run.id())).collect();
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

/// `asked` with the seeds, methods and imbalances of `others` too.
fn together(
    asked: &GridArguments,
    planned: &[Planned],
    others: &[&Run],
    everything: &[Run],
    all_methods: &[String],
) -> GridArguments {
    let runs: Vec<&Run> = planned
        .iter()
        .map(|planned| &planned.run)
        .chain(others.iter().copied())
        .collect();
    let methods: HashSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let all_ratios = distinct(everything.iter().map(|run| Ratio::of(run.imbalance)));
    let has_ratio = |ratio: &Ratio| runs.iter().any(|run| Ratio::of(run.imbalance) == *ratio);
    let mut together = asked.clone();
    together.seeds = Some(sorted(runs.iter().map(|run| run.seed)));
    together.methods = part_of(all_methods, |method| methods.contains(method.as_str()));
    together.imbalance = part_of(&all_ratios, has_ratio);
    together
}

/// The entries that are chosen, unless all are, which needs no option.
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
