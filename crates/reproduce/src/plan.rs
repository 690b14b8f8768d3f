//! Plan: the resolved runs as a text, before anything is trained.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::describe;
use crate::grid::Planned;

/// One line a run, then which runs start from which first stages, and how many networks that makes.
pub(crate) fn plan_text(planned: &[Planned]) -> String {
    let Some(first) = planned.first() else { return String::new() };
    let recipe = &first.run.recipe;
    let mut text = format!(
        "{}, protocol {}: {}, {}; augmentation: {}\n\n",
        first.run.dataset,
        first.run.protocol.name(),
        recipe.backbone.name(),
        describe::recipe(recipe),
        describe::augmentation(&first.run.method.augmentation)
    );
    let mut lines = vec![["run", "method", "imbalance", "seed", "epochs", "parts"].map(str::to_owned)];
    lines.extend(planned.iter().map(|Planned { run, .. }| {
        let (imbalance, seed, epochs) = (run.imbalance.to_string(), run.seed.to_string(), run.epochs().to_string());
        [run.id(), run.name.clone(), imbalance, seed, epochs, describe::parts(&run.method)]
    }));
    text += &aligned(&lines);
    text += &first_stages(planned);
    text
}

/// Lines of cells as columns of equal width, two spaces apart.
fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Who starts from whom, and the number of networks to train.
fn first_stages(planned: &[Planned]) -> String {
    let asked: Vec<String> = planned.iter().map(|planned| planned.run.id()).collect();
    let mut starts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Planned { run, first_stage } in planned {
        if let Some(first_stage) = first_stage {
            starts.entry(first_stage.id()).or_default().push(run.id());
        }
    }
    let extra = starts.keys().filter(|first_stage| !asked.contains(first_stage)).count();
    let mut text = String::new();
    for (first_stage, runs) in &starts {
        let note = if asked.contains(first_stage) { "" } else { " (trained for this alone)" };
        writeln!(text, "{first_stage}{note} is the first stage of {}", describe::in_words(runs))
            .expect("a string takes every text");
    }
    if !text.is_empty() {
        text.insert(0, '\n');
    }
    let (runs, networks) = (asked.len() as i64, (asked.len() + extra) as i64);
    format!("{text}\n{}, {} to train\n", describe::count(runs, "run"), describe::count(networks, "network"))
}
