//! Robustness of finished runs (`robustness.csv`), as one table of means and standard deviations over seeds.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use polars::prelude::{Column, DataFrame, IdxSize, PolarsResult};
use serde::Serialize;

use crate::files;
use crate::grid::{Plan, Planned};
use crate::markdown::aligned;
use crate::run::Run;
use crate::run::directory::{RunDir, RunDirError};
use crate::run::scores::{GAUSSIAN_NOISE, RobustnessRow, UNIFORM};
use crate::schedule::Failure;
use crate::tables::collect::Spread;
use crate::tables::render;

/// Accuracy of a method and imbalance under one shift of the test split, over the seeds that have it, in 0..1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ShiftRow {
    method: String,
    imbalance: String,
    shift: String,
    /// Standard deviation of the noise or ratio of the class frequencies; missing where there is neither.
    strength: Option<f64>,
    mean: f64,
    /// With n − 1; missing for one seed.
    deviation: Option<f64>,
    seeds: IdxSize,
}

impl ShiftRow {
    /// Whether it is of this method and imbalance.
    pub(crate) fn is_of(&self, method: &str, imbalance: &str) -> bool {
        self.method == method && self.imbalance == imbalance
    }
}

/// The columns that identify a row.
const KEYS: [&str; 4] = ["method", "imbalance", "shift", "strength"];

/// The rows of all finished runs that `plan` lists below `out`, in its order, and the runs whose file cannot be read, with the reason.
/// Runs of versions that did not measure robustness have no rows.
///
/// # Errors
/// Those of polars, for frames too large to hold.
pub(crate) fn collect(out: &Path, plan: &Plan) -> anyhow::Result<(Vec<ShiftRow>, Vec<Failure>)> {
    let (mut runs, mut rows, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    for Planned { id, run, .. } in plan.asked() {
        match read(&RunDir::of(out, id).path().join("robustness.csv")) {
            Ok(rows_of_run) => {
                runs.extend(rows_of_run.iter().map(|_| run));
                rows.extend(rows_of_run);
            }
            Err(error) => damaged.push((id.clone(), error.to_string())),
        }
    }
    if rows.is_empty() {
        return Ok((Vec::new(), damaged));
    }
    let shifts = means_and_deviations(&runs, &rows).context("cannot sum up the runs' robustness")?;
    Ok((shifts, damaged))
}

/// The rows of one run; none if there is no file.
fn read(path: &Path) -> Result<Vec<RobustnessRow>, RunDirError> {
    let damaged = |reason: String| RunDirError::BadRobustness {
        path: path.to_owned(),
        reason,
    };
    let text = match files::read(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        text => text.map_err(|source| RunDirError::unreadable(path, source))?,
    };
    if !text.ends_with('\n') {
        return Err(damaged("its last line is not whole".to_owned()));
    }
    let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
    rows.collect::<Result<_, _>>()
        .map_err(|error| damaged(error.to_string()))
}

#[expect(
    deprecated,
    reason = "polars deprecates eager means for its lazy engine, which takes minutes to compile"
)]
fn means_and_deviations(runs: &[&Run], rows: &[RobustnessRow]) -> PolarsResult<Vec<ShiftRow>> {
    let imbalances: Vec<String> = runs.iter().map(|run| run.imbalance.to_string()).collect();
    let columns = vec![
        Column::new(
            "method".into(),
            runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(),
        ),
        Column::new("imbalance".into(), imbalances),
        Column::new(
            "shift".into(),
            rows.iter().map(|row| row.shift.as_str()).collect::<Vec<_>>(),
        ),
        Column::new(
            "strength".into(),
            rows.iter().map(|row| row.strength).collect::<Vec<_>>(),
        ),
        Column::new(
            "accuracy".into(),
            rows.iter().map(|row| row.accuracy).collect::<Vec<_>>(),
        ),
    ];
    let frame = DataFrame::new(rows.len(), columns)?;
    let groups = frame.group_by_stable(KEYS)?.select(["accuracy"]);
    let (means, deviations, counts) = (groups.mean()?, groups.std(1)?, groups.count()?);
    let word = |name: &str, row| -> PolarsResult<String> {
        Ok(means.column(name)?.str()?.get(row).unwrap_or_default().to_owned())
    };
    (0..means.height())
        .map(|row| {
            Ok(ShiftRow {
                method: word("method", row)?,
                imbalance: word("imbalance", row)?,
                shift: word("shift", row)?,
                strength: means.column("strength")?.f64()?.get(row),
                mean: means.column("accuracy_mean")?.f64()?.get(row).unwrap_or(f64::NAN),
                deviation: deviations.column("accuracy_agg_std")?.f64()?.get(row),
                seeds: counts.column("accuracy_count")?.idx()?.get(row).unwrap_or_default(),
            })
        })
        .collect()
}

/// The rows as CSV.
///
/// # Errors
/// Those of the CSV writer.
pub(crate) fn csv(rows: &[ShiftRow]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Accuracy without and under Gaussian noise, a row per method and imbalance; `None` if no run has measured it.
pub(crate) fn noise_table(rows: &[ShiftRow]) -> Option<String> {
    let mut strengths: Vec<Option<f64>> = vec![None]; // unchanged class frequencies, without noise
    let mut methods: Vec<(&str, &str)> = Vec::new();
    for row in rows.iter().filter(|row| row.shift == GAUSSIAN_NOISE) {
        if !strengths.contains(&row.strength) {
            strengths.push(row.strength);
        }
        if !methods.contains(&(&row.method, &row.imbalance)) {
            methods.push((&row.method, &row.imbalance));
        }
    }
    let words: Vec<String> = strengths
        .iter()
        .map(|strength| format!("noise {}", strength.unwrap_or(0.0)))
        .collect();
    let header: Vec<&str> = ["method", "imbalance"]
        .into_iter()
        .chain(words.iter().map(String::as_str))
        .collect();
    let lines = methods.iter().map(|&(method, imbalance)| {
        let cell = |strength: &Option<f64>| {
            let shift = strength.map_or(UNIFORM, |_| GAUSSIAN_NOISE);
            let found = rows.iter().find(|row| {
                (row.method.as_str(), row.imbalance.as_str()) == (method, imbalance)
                    && (row.shift.as_str(), row.strength) == (shift, *strength)
            });
            let found = found.map(|row| Spread {
                mean: row.mean,
                deviation: row.deviation,
            });
            render::spread(found, 100.0, 2)
        };
        let mut cells = vec![method.to_owned(), imbalance.to_owned()];
        cells.extend(strengths.iter().map(cell));
        cells
    });
    (!methods.is_empty()).then(|| {
        format!(
            "Test accuracy in % under Gaussian noise of these standard deviations on pixels, whose scale is 0 to 1:\n\n{}",
            aligned(&header, lines, 2)
        )
    })
}
