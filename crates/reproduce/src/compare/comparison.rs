//! One method compared with another: on which runs, by how much, and what that is worth.

use anyhow::{bail, ensure};

use super::finished::{Finished, Group};
use super::measure::{Measure, weighted_accuracy};
use crate::statistics::bootstrap::{self, Design, Difference};
use crate::statistics::mcnemar::{discordant, mcnemar};
use crate::statistics::welch::{Welch, welch};

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The left method, or network, has the higher accuracy.
    Better,
    /// The right one has.
    Worse,
    /// These seeds and images cannot tell.
    Undecided,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Undecided => "undecided",
        }
    }
}

/// Two methods on one measure.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) measure: Measure,
    /// Left less right.
    pub(crate) difference: Difference,
    /// Of the seeds' values, where there are two on each side.
    pub(crate) welch: Option<Welch>,
    /// Two-sided; of two networks and top-1 McNemar's.
    pub(crate) p: f64,
    /// After all comparisons of the table are known.
    pub(crate) verdict: Verdict,
}

/// Two methods under one imbalance.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) left: String,
    pub(crate) right: String,
    /// In words.
    pub(crate) imbalance: String,
    /// Seeds of the left and of the right side.
    pub(crate) seeds: (Vec<i64>, Vec<i64>),
    /// Why seeds do not belong together, where they do not.
    pub(crate) unpaired: Option<String>,
    /// What else the sides differ in besides their methods, and which seeds are left out, in words.
    pub(crate) remarks: Vec<String>,
    /// In the order of [`Measure::ALL`]; a group without a class is left out.
    pub(crate) cells: Vec<Cell>,
}

impl Comparison {
    /// Whether it is of two networks and says nothing about methods.
    pub(crate) fn is_of_networks(&self) -> bool {
        self.seeds.0.len() == 1 && self.seeds.1.len() == 1
    }

    /// Compares the runs of `left` with those of `right`, from `draws` draws of the bootstrap. Verdicts are undecided until
    /// [`decide`] has seen all comparisons.
    ///
    /// # Errors
    /// If predictions are missing or damaged, the test images differ, or there are too few seeds.
    pub(crate) fn new(
        (left_name, left): (&str, &Group),
        (right_name, right): (&str, &Group),
        draws: usize,
    ) -> anyhow::Result<Comparison> {
        let (left_runs, right_runs, unpaired) = sides(left, right)?;
        let (first, other) = (left_runs[0], right_runs[0]);
        for run in left_runs.iter().chain(&right_runs) {
            ensure!(
                run.outcome.data_digest == first.outcome.data_digest,
                "{} was evaluated on data of digest {}, and {} on {}; compare runs of the same data set",
                first.outcome.run,
                first.outcome.data_digest,
                run.outcome.run,
                run.outcome.data_digest
            );
        }
        let read = |runs: &[&Finished]| -> anyhow::Result<(Vec<Vec<bool>>, Vec<i64>)> {
            let mut hits = Vec::new();
            let mut labels = Vec::new();
            for run in runs {
                let predictions = run.predictions()?;
                hits.push(predictions.hits());
                labels = predictions.labels;
            }
            Ok((hits, labels))
        };
        let ((left_hits, labels), (right_hits, right_labels)) = (read(&left_runs)?, read(&right_runs)?);
        ensure!(
            labels == right_labels,
            "the predictions of {} and {} are of other labels, although their data have one digest; make them again with \
             `reproduce predictions --again`",
            first.outcome.run,
            other.outcome.run
        );
        let labels: Vec<usize> = labels.into_iter().map(|label| label as usize).collect();
        let measures = Measure::of(&first.run, &labels)?;
        let weights: Vec<Vec<f64>> = measures.iter().map(|(_, weights)| weights.clone()).collect();
        let design = Design {
            labels: &labels,
            weights: &weights,
            paired: unpaired.is_none(),
            draws,
            seed: 0,
        };
        let differences = bootstrap::differences(&left_hits, &right_hits, &design);
        let are_networks = left_hits.len() == 1 && right_hits.len() == 1;
        let cells = measures
            .iter()
            .zip(differences)
            .map(|((measure, weights), mut difference)| {
                let values = |hits: &[Vec<bool>]| -> Vec<f64> {
                    hits.iter()
                        .map(|hits| weighted_accuracy(hits, &labels, weights))
                        .collect()
                };
                let p = if are_networks && *measure == Measure::Top1 {
                    let ((only_left, only_right), images) =
                        (discordant(&left_hits[0], &right_hits[0]), labels.len() as f64);
                    // The interval of McNemar's test, which knows no classes.
                    let share = (only_left + only_right) as f64 / images;
                    difference.standard_error = ((share - difference.mean.powi(2)) / images).sqrt();
                    mcnemar(only_left, only_right)
                } else {
                    difference.p()
                };
                Cell {
                    measure: *measure,
                    difference,
                    welch: welch(&values(&left_hits), &values(&right_hits)),
                    p,
                    verdict: Verdict::Undecided,
                }
            });
        let seeds = |runs: &[&Finished]| runs.iter().map(|run| run.run.seed).collect();
        Ok(Comparison {
            left: left_name.to_owned(),
            right: right_name.to_owned(),
            imbalance: left.imbalance.to_string(),
            seeds: (seeds(&left_runs), seeds(&right_runs)),
            unpaired,
            remarks: remarks((left_name, left, &left_runs), (right_name, right, &right_runs)),
            cells: cells.collect(),
        })
    }
}

/// In which settings the sides were trained differently, and which seeds only one of them has.
fn remarks(left: (&str, &Group, &[&Finished]), right: (&str, &Group, &[&Finished])) -> Vec<String> {
    type Value = fn(&Finished) -> String;
    let each = |runs: &[&Finished], value: Value| {
        let mut values: Vec<String> = runs.iter().map(|run| value(run)).collect();
        values.dedup();
        values.join(" and ")
    };
    let settings: [(&str, Value); 6] = [
        ("epochs", |run| run.run.recipe.epochs.to_string()),
        ("network", |run| run.outcome.backbone.clone()),
        ("precision", |run| run.outcome.precision.clone()),
        ("threads", |run| run.outcome.threads.to_string()),
        ("device", |run| run.outcome.device.clone()),
        ("commit", |run| run.outcome.commit.clone()),
    ];
    let mut remarks = Vec::new();
    for (name, value) in settings {
        let (of_left, of_right) = (each(left.2, value), each(right.2, value));
        if of_left != of_right {
            remarks.push(format!("they differ in {name}: {of_left} against {of_right}"));
        }
    }
    for (name, group, runs) in [left, right] {
        let is_used = |seed: i64| runs.iter().any(|run| run.run.seed == seed);
        let seeds = group.runs.iter().map(|run| run.run.seed);
        let unused: Vec<String> = seeds
            .filter(|&seed| !is_used(seed))
            .map(|seed| seed.to_string())
            .collect();
        if !unused.is_empty() {
            remarks.push(format!("seeds left out of {name}: {}", unused.join(" ")));
        }
    }
    remarks
}

/// The runs of both sides that are compared, and why they are no pairs, if they are not. Seeds that both sides have belong together
/// if they were trained on the same images; others are left out. Without common seeds all are compared, unpaired.
fn sides<'a>(
    left: &'a Group,
    right: &'a Group,
) -> anyhow::Result<(Vec<&'a Finished>, Vec<&'a Finished>, Option<String>)> {
    let has = |group: &Group, seed: i64| group.runs.iter().any(|run| run.run.seed == seed);
    let common = |group: &'a Group, other: &Group| -> Vec<&'a Finished> {
        group.runs.iter().filter(|run| has(other, run.run.seed)).collect()
    };
    let (left_runs, right_runs) = (common(left, right), common(right, left));
    if left_runs.is_empty() {
        if left.runs.len() < 2 || right.runs.len() < 2 {
            let seeds = |group: &Group| {
                let seeds: Vec<String> = group.runs.iter().map(|run| run.run.seed.to_string()).collect();
                seeds.join(", ")
            };
            bail!(
                "{} (seeds {}) and {} (seeds {}) have no seed in common; train the same seeds of both, or two or more of each",
                left.method,
                seeds(left),
                right.method,
                seeds(right)
            );
        }
        let reason = "no seed in common".to_owned();
        return Ok((left.runs.iter().collect(), right.runs.iter().collect(), Some(reason)));
    }
    let mut pairs = left_runs.iter().zip(&right_runs);
    let other = pairs.find(|(left, right)| left.outcome.split_digest != right.outcome.split_digest);
    let unpaired = other.map(|(left, _)| format!("seed {} was trained on other images", left.run.seed));
    Ok((left_runs, right_runs, unpaired))
}

/// Share of tables without a difference in which there may be a verdict.
const ALPHA: f64 = 0.05;

/// Gives every cell its verdict, with Holm's correction over all of them.
pub(crate) fn decide(comparisons: &mut [Comparison]) {
    let p: Vec<f64> = comparisons
        .iter()
        .flat_map(|comparison| &comparison.cells)
        .map(|cell| cell.p)
        .collect();
    let adjusted = crate::statistics::holm::holm(&p);
    let cells = comparisons.iter_mut().flat_map(|comparison| &mut comparison.cells);
    for (cell, p) in cells.zip(adjusted) {
        cell.verdict = match cell.difference.mean {
            _ if p >= ALPHA => Verdict::Undecided,
            mean if mean > 0.0 => Verdict::Better,
            _ => Verdict::Worse,
        };
    }
}
