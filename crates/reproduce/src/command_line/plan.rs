//! The text of `plan`: the resolved runs, before anything is trained.

use std::collections::{BTreeMap, BTreeSet};

use datasets::{Dataset, Imbalance};

use crate::grid::describe::smallest;
use crate::grid::{Beginning, Plan, Planned, describe};
use crate::run::{Role, RunId};

/// One line per run, then the dependencies between runs and the number of networks to train.
pub(crate) fn plan_text(plan: &Plan) -> String {
    let first = plan.first();
    let recipe = &first.recipe;
    let mut text = format!(
        "{}{}{}, protocol {}: {}, {}; augmentation: {}\n\n",
        found(first.dataset),
        cut(plan),
        first.dataset,
        first.protocol.name(),
        recipe.backbone.name(),
        recipe,
        first.method.augmentation
    );
    let mut lines = vec![["run", "method", "imbalance", "seed", "epochs", "parts"].map(str::to_owned)];
    lines.extend(plan.asked().map(|Planned { id, run, .. }| {
        let (imbalance, seed, epochs) = (
            run.imbalance.to_string(),
            run.seed.to_string(),
            run.epochs().to_string(),
        );
        [
            id.to_string(),
            run.name.clone(),
            imbalance,
            seed,
            epochs,
            describe::parts_beside(&run.method, &first.method.augmentation),
        ]
    }));
    text += &aligned(&lines);
    text += &needs(plan);
    text
}

/// What was found of photographs in files; nothing of a data set that is the same everywhere.
fn found(dataset: Dataset) -> String {
    if !matches!(dataset, Dataset::Photographs(_)) {
        return String::new();
    }
    let facts = dataset.facts();
    let (train, test) = (facts.train.iter().sum::<i64>(), facts.test.iter().sum::<i64>());
    let largest = facts.train.iter().max().copied().unwrap_or_default();
    format!(
        "{train} training and {test} test photographs of {} classes, {largest} to {} of a class for training\n",
        facts.classes(),
        facts.smallest_class()
    )
}

/// Which class limits the others, for each imbalance that cuts the classes of photographs; other data sets have classes of one size.
fn cut(plan: &Plan) -> String {
    let mut lines: Vec<String> = Vec::new();
    for Planned { run, .. } in plan.asked() {
        if !matches!(run.dataset, Dataset::Photographs(_)) || run.imbalance == Imbalance::Natural {
            continue;
        }
        let line = format!(
            "{}: no class keeps more than {}\n",
            run.imbalance,
            smallest(run.dataset)
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.concat()
}

/// Lines of cells as aligned columns, two spaces apart.
fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// The dependencies between runs, and the number of networks to train.
fn needs(plan: &Plan) -> String {
    let asked: BTreeSet<&RunId> = plan.asked().map(|planned| &planned.id).collect();
    let mut needs: BTreeMap<(&RunId, Role), Vec<String>> = BTreeMap::new();
    for planned in plan.all() {
        for (role, needed) in &planned.needs {
            needs.entry((needed, *role)).or_default().push(planned.id.to_string());
        }
    }
    let lines = needs.iter().map(|((needed, role), runs)| {
        let is = if asked.contains(needed) {
            "is also"
        } else {
            "is trained as well,"
        };
        format!("{needed} {is} the {} of {}\n", role.name(), describe::in_words(runs))
    });
    let shared: BTreeMap<(&RunId, i64), Vec<String>> =
        plan.all().iter().fold(BTreeMap::new(), |mut shared, planned| {
            if let Some(Beginning { run, epochs }) = &planned.beginning {
                shared.entry((run, *epochs)).or_default().push(planned.id.to_string());
            }
            shared
        });
    let shared = shared.iter().map(|((run, epochs), runs)| {
        let epochs = describe::count(*epochs, "epoch");
        format!("{run} also trains the first {epochs} of {}\n", describe::in_words(runs))
    });
    let lines: Vec<String> = lines.chain(shared).collect();
    let computed = plan.asked().filter(|planned| planned.run.epochs() == 0).count();
    let networks = plan.all().len() - computed;
    let separator = if lines.is_empty() { "" } else { "\n" };
    let (runs, networks) = (
        describe::count(asked.len() as i64, "run"),
        describe::count(networks as i64, "network"),
    );
    let computed = match computed {
        0 => String::new(),
        _ => format!(
            ", {} to compute from them",
            describe::count(computed as i64, "classifier")
        ),
    };
    let alone: i64 = plan.all().iter().map(|planned| planned.run.epochs()).sum();
    let beginnings = plan.all().iter().filter_map(|planned| planned.beginning.as_ref());
    let saved: i64 = beginnings.map(|beginning| beginning.epochs).sum();
    let epochs = match saved {
        0 => String::new(),
        _ => format!(" in {} epochs instead of {alone}", alone - saved),
    };
    format!(
        "{separator}{}\n{runs}, {networks} to train{epochs}{computed}\n",
        lines.concat()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grid::{Grid, Options, Ratio};

    #[test]
    fn plan_lists_every_run_its_parts_and_its_first_stage() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/cifar10-lt.toml");
        let methods = Some(vec!["ce".to_owned(), "ce-crt".to_owned(), "nc-drw-crt".to_owned()]);
        let options = Options {
            methods,
            imbalance: Some(vec![Ratio::Number(10.0)]),
            seeds: Some(vec![0]),
            ..Options::default()
        };
        let planned = Grid::load(&path, None)
            .and_then(|grid| grid.runs(&options))
            .expect("a sound grid");
        insta::assert_snapshot!(plan_text(&planned));
    }

    #[test]
    fn classifiers_that_are_only_computed_are_no_networks_to_train() {
        let text = "dataset = \"shapes\"\nimbalance = [{ step = { ratio = 10 } }]\nseeds = [0]\n\
                    [[method]]\nname = \"ce\"\n\
                    [[method]]\nname = \"ce-ncm\"\n[method.uses]\nsecond_stage = { nearest-class-mean = {} }\n\
                    [[method]]\nname = \"ce-tau\"\n[method.uses]\nsecond_stage = { tau-normalization = {} }\n";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("small.toml");
        std::fs::write(&path, text).expect("a small file");
        let planned = Grid::load(&path, None)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("a sound grid");
        let text = plan_text(&planned);
        assert!(
            text.ends_with("3 runs, 1 network to train, 2 classifiers to compute from them\n"),
            "{text}"
        );
        assert!(text.contains("then τ-normalisation (τ 1)"), "{text}");
    }
}
