//! `compare`: differences between methods or between two folders of results, and what few seeds can say about them.

mod comparison;
mod finished;
mod measure;
mod text;

use std::path::Path;

use anyhow::{bail, ensure};

pub(crate) use comparison::{Cell, Comparison, Verdict, decide};
pub(crate) use finished::{Finished, Group};
pub(crate) use measure::{Measure, weighted_accuracy};

use finished::{groups, of_method};

/// What is compared with what.
#[derive(Clone, Debug)]
pub(crate) enum Pairs {
    /// One method with another.
    Methods(String, String),
    /// Every other method with this one.
    Against(String),
}

/// Draws of the bootstrap.
const DRAWS: usize = 10_000;

/// Compares methods whose runs are finished in `folder`, as Markdown or CSV.
///
/// # Errors
/// If a method has no finished run, no method shares an imbalance with its counterpart, or with what [`Comparison::new`] finds.
pub(crate) fn methods(folder: &Path, pairs: &Pairs, as_csv: bool) -> anyhow::Result<String> {
    let groups = groups(folder)?;
    let (left, right): (Vec<&Group>, Vec<&Group>) = match pairs {
        Pairs::Methods(left, right) => {
            ensure!(left != right, "`{left}` is compared with itself; name two methods");
            (of_method(&groups, left, folder)?, of_method(&groups, right, folder)?)
        }
        Pairs::Against(reference) => {
            let right = of_method(&groups, reference, folder)?;
            (
                groups.iter().filter(|group| group.method != *reference).collect(),
                right,
            )
        }
    };
    let mut comparisons = Vec::new();
    for left in left {
        if let Some(right) = right.iter().find(|right| right.imbalance == left.imbalance) {
            comparisons.push(Comparison::new((&left.method, left), (&right.method, right), DRAWS)?);
        }
    }
    written(comparisons, as_csv, || {
        format!("{} has no two of these methods at one imbalance", folder.display())
    })
}

/// Compares every method whose runs are finished in `folder` with the same one in `other`.
///
/// # Errors
/// As [`methods`].
pub(crate) fn folders(folder: &Path, other: &Path, as_csv: bool) -> anyhow::Result<String> {
    let (left, right) = (groups(folder)?, groups(other)?);
    let mut comparisons = Vec::new();
    for group in &left {
        let is_it = |other: &&Group| other.method == group.method && other.imbalance == group.imbalance;
        if let Some(counterpart) = right.iter().find(is_it) {
            let name = |folder: &Path| format!("{}, {}", group.method, folder.display());
            let (left, right) = (name(folder), name(other));
            comparisons.push(Comparison::new((&left, group), (&right, counterpart), DRAWS)?);
        }
    }
    written(comparisons, as_csv, || {
        format!(
            "no method is finished in both {} and {}",
            folder.display(),
            other.display()
        )
    })
}

fn written(mut comparisons: Vec<Comparison>, as_csv: bool, nothing: impl Fn() -> String) -> anyhow::Result<String> {
    if comparisons.is_empty() {
        bail!("{}; train more, or name others", nothing());
    }
    decide(&mut comparisons);
    if as_csv {
        text::csv(&comparisons)
    } else {
        Ok(text::markdown(&comparisons))
    }
}
