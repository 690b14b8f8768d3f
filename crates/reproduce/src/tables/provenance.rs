//! The paragraph above a table that states everything its numbers depend on.

use std::collections::HashSet;

use methods::{FEW_BELOW, MANY_ABOVE, ShotSplit};

use crate::grid::Plan;
use crate::grid::describe::{self, in_words};
use crate::results::short;
use crate::run::Outcome;

/// The meaning of columns that every grid has.
const LEGEND: &str = "NC1 is tr(Σ_W Σ_B⁺)/K, NC2 the mean of |cos + 1/(K−1)| \
    over pairs of centred class means, both on the training split in evaluation mode after the last epoch. Values \
    are mean ± sample standard deviation over seeds, or the one there is; — is missing.";

/// Which classes many, medium and few are.
pub(crate) fn groups(shots: ShotSplit) -> String {
    match shots {
        ShotSplit::Images => groups(ShotSplit::Thresholds {
            many: MANY_ABOVE,
            few: FEW_BELOW,
        }),
        ShotSplit::Thresholds { many, few } => {
            format!("the classes with more than {many}, with {few} to {many} and with fewer than {few} training images")
        }
        ShotSplit::Index => {
            "the first 36 %, the next 35 % and the last 29 % of the classes, from the largest to the smallest"
                .to_owned()
        }
        ShotSplit::Largest { many, medium } => {
            format!("the {many} largest classes by training images, the next {medium} and the others")
        }
    }
}

/// Protocol, network, training, data, machine and source of the runs that `plan` lists and of their `outcomes`, then the meaning of the
/// columns. Markdown.
pub(crate) fn protocol(plan: &Plan, outcomes: &[&Outcome]) -> String {
    let run = plan.first();
    let seeds = distinct(plan.asked().map(|planned| planned.run.seed.to_string()));
    let usual = &run.method.augmentation;
    let others = plan.asked().any(|planned| planned.run.method.augmentation != *usual);
    let each = |value: fn(&Outcome) -> String| in_words(&distinct(outcomes.iter().map(|outcome| value(outcome))));
    let splits = distinct(outcomes.iter().map(|outcome| {
        let Outcome {
            imbalance,
            ratio,
            train_images,
            split_digest,
            ..
        } = outcome;
        let ratio = ratio.map_or(String::new(), |ratio| format!(" {ratio}"));
        format!(
            "{imbalance}{ratio} ({train_images} images, split `{}`)",
            short(split_digest)
        )
    }));
    let methods = distinct(
        plan.asked()
            .map(|planned| &planned.run)
            .map(|run| format!("- `{}`: {}\n", run.name, describe::parts_beside(&run.method, usual))),
    );
    let is_protocols = run.recipe == run.protocol.recipe() && *usual == run.protocol.augmentation() && !others;
    format!(
        "Protocol `{protocol}`{changes} on {dataset}: {network} with {parameters} parameters, classifier included; {recipe}. \
         Augmentation: {images}{unless}. Seeds: {seeds}. Training splits: {splits}, images chosen {selection}; data `{data}`{replaced}{held_out}. Arithmetic: {precision} on \
         {device}, {threads} of libtorch{libtorch}{launch}. Source: commit {commit}. \
         Training and evaluation took {minutes:.1} minutes, all runs added up.\n\n{methods}\n\
         *Last* is the accuracy on the balanced test split after the last epoch: epoch {last_epoch}, counted from 0, or the \
         last of a second stage. *Best* is the highest of any epoch; it is chosen on that same test split, so it flatters. Many, \
         medium and few are the mean accuracy of {groups}, after the last epoch. {LEGEND}\n",
        protocol = run.protocol.name(),
        changes = if is_protocols {
            ""
        } else {
            ", with the changes that follow,"
        },
        dataset = run.dataset,
        network = run.recipe.backbone.name(),
        parameters = each(|outcome| outcome.parameters.to_string()),
        recipe = run.recipe,
        images = usual,
        unless = if others {
            ", where a method does not say otherwise"
        } else {
            ""
        },
        seeds = in_words(&seeds),
        splits = in_words(&splits),
        selection = describe::selection(run.selection),
        data = each(|outcome| short(&outcome.data_digest).to_owned()),
        replaced = replaced(outcomes),
        precision = each(|outcome| outcome.precision.clone()),
        device = each(|outcome| outcome.device.clone()),
        threads = each(|outcome| {
            let threads = describe::count(i64::from(outcome.threads), "thread");
            match outcome.processes {
                1 => threads,
                processes => format!("{threads} in each of {processes} processes"),
            }
        }),
        held_out = run.validation.map_or(String::new(), |validation| {
            let images = describe::count(validation.per_class, "image");
            format!(
                "; {images} of each class held out before that, for validation (seed {})",
                validation.seed
            )
        }),
        libtorch = stated(" ", outcomes, |outcome| outcome.libtorch.as_deref()),
        launch = stated(", launched ", outcomes, |outcome| {
            Some(outcome.launch.as_str()).filter(|launch| *launch != "eager") // which is expected
        }),
        commit = each(|outcome| format!("`{}`", outcome.commit)),
        methods = methods.concat(),
        minutes = outcomes.iter().fold(0.0, |sum, outcome| sum + outcome.seconds) / 60.0,
        last_epoch = run.recipe.epochs - 1,
        groups = groups(run.shots),
    )
}

/// How many photographs were not trained on because they cannot be read; empty if there is none.
fn replaced(outcomes: &[&Outcome]) -> String {
    match outcomes.iter().map(|outcome| outcome.replaced).max() {
        None | Some(0) => String::new(),
        Some(most) => format!(
            ", without {} that could not be read, for which others came (replaced.txt of each run)",
            describe::count(most as i64, "training photograph")
        ),
    }
}

/// All values, after `before`; empty if there are none.
fn stated(before: &str, outcomes: &[&Outcome], value: fn(&Outcome) -> Option<&str>) -> String {
    let values = distinct(outcomes.iter().filter_map(|outcome| value(outcome)).map(str::to_owned));
    if values.is_empty() {
        String::new()
    } else {
        before.to_owned() + &in_words(&values)
    }
}

/// Each entry once, in the order of first mention.
pub(crate) fn distinct(entries: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new(); // there may be ten thousand entries
    entries.filter(|entry| seen.insert(entry.clone())).collect()
}
