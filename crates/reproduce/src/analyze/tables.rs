//! Tables: an analysis as JSON, CSV and Markdown. Only Markdown has percentages; the others have fractions.

use std::fs;
use std::path::Path;

use methods::Precision;
use nc::{ClassMetrics, Metrics};
use serde::Serialize;
use tch::Tensor;

use super::{Analysis, Origin};
use crate::files::{ANOTHER_OUT, unwritable, write_whole};
use crate::markdown::{MISSING, aligned, cell};

/// Above this many classes the pairs of a source are left out of `angles.csv`: 1000 classes make half a million rows.
const MOST_CLASSES_IN_PAIRS: usize = 1000;

/// Writes `report.json` (everything but pairs), `report.csv` (a row per source), `classes.csv` (a row per source and class) and
/// `angles.csv` (a row per source and pair of classes) into `out`, and returns their names.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub(crate) fn write(out: &Path, analyses: &[Analysis]) -> anyhow::Result<Vec<String>> {
    fs::create_dir_all(out).map_err(|error| unwritable(out, error, ANOTHER_OUT))?;
    let files = [
        ("report.json", json(analyses)?),
        (
            "report.csv",
            csv_text(analyses.iter().map(|analysis| (&analysis.origin, &analysis.metrics)))?,
        ),
        ("classes.csv", csv_text(analyses.iter().flat_map(classes))?),
        ("angles.csv", csv_text(analyses.iter().flat_map(pairs))?),
    ];
    for (name, text) in &files {
        write_whole(&out.join(name), text)?;
    }
    Ok(files.into_iter().map(|(name, _)| name.to_owned()).collect())
}

/// The main numbers, one row per source.
pub(crate) fn markdown(analyses: &[Analysis]) -> String {
    let header = [
        "source",
        "split",
        "precision",
        "samples",
        "classes",
        "NC1",
        "NC2 cosines",
        "NC2 norms",
        "smallest angle °",
        "NC3",
        "NC4 %",
        "accuracy %",
        "nearest mean %",
    ];
    let number = |value: Option<f64>, scale: f64, digits: usize| {
        value.map_or(MISSING.to_owned(), |value| format!("{:.digits$}", scale * value))
    };
    let rows = analyses.iter().map(|Analysis { origin, metrics, .. }| {
        vec![
            cell(&origin.source),
            origin.split.unwrap_or(MISSING).to_owned(),
            origin.precision.map_or(MISSING, Precision::name).to_owned(),
            metrics.samples.to_string(),
            metrics.present_classes.to_string(),
            format!("{:.4}", metrics.nc1),
            format!("{:.4}", metrics.nc2_equiangularity),
            format!("{:.4}", metrics.nc2_norm_variation),
            format!("{:.2}", metrics.nc2_smallest_angle_degrees),
            number(metrics.nc3, 1.0, 4),
            number(metrics.nc4, 100.0, 2),
            number(metrics.accuracy, 100.0, 2),
            number(metrics.nearest_mean_accuracy, 100.0, 2),
        ]
    });
    aligned(&header, rows, 3)
}

fn json(analyses: &[Analysis]) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Entry<'a> {
        origin: &'a Origin,
        metrics: &'a Metrics,
        class_counts: &'a [i64],
        by_class: &'a [ClassMetrics],
    }
    let entries: Vec<Entry<'_>> = analyses
        .iter()
        .map(|analysis| Entry {
            origin: &analysis.origin,
            metrics: &analysis.metrics,
            class_counts: &analysis.class_counts,
            by_class: &analysis.by_class,
        })
        .collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

/// Rows of structs, or of tuples of structs, below a header of their fields.
fn csv_text<T: Serialize>(rows: impl IntoIterator<Item = T>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.serialize(row))?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The training images of a class come before its metrics.
#[derive(Serialize)]
struct Class<'a> {
    source: &'a str,
    class_count: i64,
}

fn classes(analysis: &Analysis) -> impl Iterator<Item = (Class<'_>, &ClassMetrics)> {
    let counted = analysis.class_counts.iter().zip(&analysis.by_class);
    counted.map(|(&class_count, metrics)| {
        let source = &analysis.origin.source;
        (Class { source, class_count }, metrics)
    })
}

#[derive(Serialize)]
struct Pair<'a> {
    source: &'a str,
    class: usize,
    other_class: usize,
    angle_degrees: f64,
}

/// Every pair once, with the larger class first; pairs of large classes come first.
fn pairs(analysis: &Analysis) -> impl Iterator<Item = Pair<'_>> {
    let Analysis { origin, by_size, .. } = analysis;
    let classes = if by_size.len() > MOST_CLASSES_IN_PAIRS {
        0
    } else {
        by_size.len()
    };
    (0..classes).flat_map(move |row| {
        let angles = numbers(&analysis.angles.get(row as i64));
        (row + 1..classes).map(move |column| Pair {
            source: &origin.source,
            class: by_size[row],
            other_class: by_size[column],
            angle_degrees: angles[column],
        })
    })
}

fn numbers(row: &Tensor) -> Vec<f64> {
    Vec::try_from(row).expect("angles are rows of f64")
}
