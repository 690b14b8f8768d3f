//! What the page shows of one method under one imbalance: its training, and what its networks get right.

use std::path::Path;

use anyhow::bail;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::angles::Angles;
use super::classes::Classes;
use super::curves::Curves;
use super::part::{Part, short};
use crate::run::directory::RunDir;
use crate::run::metrics::{self, MetricsRow};
use crate::run::scores::{AngleRow, CalibrationRow, ConfusionRow};
use crate::run::{Outcome, Run};
use crate::tables::robustness::ShiftRow;

/// The details of a row of the table.
#[derive(Debug, Serialize)]
pub(super) struct Method {
    curves: Part<Curves>,
    /// Training images of each class.
    sizes: Vec<i64>,
    classes: Part<Classes>,
    angles: Part<Angles>,
    calibration: Part<Vec<Bin>>,
    /// Accuracy under noise and other class frequencies.
    robustness: Part<Vec<ShiftRow>>,
}

/// Test images whose predictions are about equally confident: shares of one, over all runs.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Bin {
    share: f64,
    confidence: f64,
    accuracy: f64,
}

impl Method {
    /// Of the finished runs below `out`, each as `run` but for the seed; curves have about `points` epochs.
    pub(super) fn new(out: &Path, run: &Run, outcomes: &[&Outcome], shifts: &[ShiftRow], points: usize) -> Method {
        if outcomes.is_empty() {
            return Method::without_runs(run);
        }
        let classes = run.dataset.facts().classes() as usize;
        let imbalance = run.imbalance.to_string();
        let shifts: Vec<ShiftRow> = shifts
            .iter()
            .filter(|row| row.is_of(&run.name, &imbalance))
            .cloned()
            .collect();
        Method {
            curves: curves(out, outcomes, points).into(),
            sizes: run.class_counts().unwrap_or_default(),
            classes: each::<ConfusionRow>(out, outcomes, "confusion.csv")
                .map(|runs| Classes::new(&runs, classes))
                .into(),
            angles: each::<AngleRow>(out, outcomes, "angles.csv")
                .map(|runs| Angles::new(&runs, classes))
                .into(),
            calibration: calibration(out, outcomes).into(),
            robustness: if shifts.is_empty() {
                Part::missing("its runs have no robustness.csv: a version that measured none finished them")
            } else {
                Part::Shown(shifts)
            },
        }
    }

    fn without_runs(run: &Run) -> Method {
        let reason = "no run of this method is finished";
        Method {
            curves: Part::missing(reason),
            sizes: run.class_counts().unwrap_or_default(),
            classes: Part::missing(reason),
            angles: Part::missing(reason),
            calibration: Part::missing(reason),
            robustness: Part::missing(reason),
        }
    }
}

fn curves(out: &Path, outcomes: &[&Outcome], points: usize) -> anyhow::Result<Curves> {
    let trained: Vec<&Outcome> = outcomes.iter().copied().filter(|outcome| outcome.epochs > 0).collect();
    if trained.is_empty() {
        bail!("its classifier is computed from a finished network: there are no epochs");
    }
    let runs = each::<MetricsRow>(out, &trained, "metrics.csv")?;
    Ok(Curves::new(&runs, points))
}

fn calibration(out: &Path, outcomes: &[&Outcome]) -> anyhow::Result<Vec<Bin>> {
    if outcomes.iter().all(|outcome| outcome.ece.is_none()) {
        bail!("it trained no softmax, or a version finished it that measured no calibration");
    }
    let runs = each::<CalibrationRow>(out, outcomes, "calibration.csv")?;
    let bins = runs.iter().map(Vec::len).max().unwrap_or(0);
    let bins = (0..bins).filter_map(|bin| {
        let rows: Vec<&CalibrationRow> = runs
            .iter()
            .filter_map(|rows| rows.get(bin))
            .filter(|row| row.share > 0.0)
            .collect();
        let share: f64 = rows.iter().map(|row| row.share).sum();
        let mean = |value: fn(&CalibrationRow) -> f64| {
            short(rows.iter().map(|row| row.share * value(row)).sum::<f64>() / share)
        };
        (!rows.is_empty()).then(|| Bin {
            share: short(share / runs.len() as f64),
            confidence: mean(|row| row.confidence),
            accuracy: mean(|row| row.accuracy),
        })
    });
    Ok(bins.collect())
}

/// The rows of the file `name` of every run that has it.
///
/// # Errors
/// If none has it, or one cannot be read.
fn each<T: DeserializeOwned>(out: &Path, outcomes: &[&Outcome], name: &str) -> anyhow::Result<Vec<Vec<T>>> {
    let paths = outcomes
        .iter()
        .map(|outcome| RunDir::of(out, &outcome.run).path().join(name));
    let paths: Vec<_> = paths.filter(|path| path.exists()).collect();
    if paths.is_empty() {
        bail!("its runs have no {name}");
    }
    paths.iter().map(|path| metrics::read(path)).collect()
}
