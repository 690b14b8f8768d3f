//! Rows of a run's `metrics.csv`, `per_class.csv` and `validation.csv`, which grow with every epoch.

use std::path::Path;

use anyhow::Context;
use methods::{EpochRow, Groups};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::run::format::{Format, Newer, check};
use crate::run::rows::csv_text;

/// One row of `metrics.csv`. Accuracies and NC4 in 0..1, missing in epochs without an evaluation and where a group has no class; `train_*` are measured on the
/// features that the epoch's steps saw (train mode, augmented), `test_*` on the test split in evaluation mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricsRow {
    pub(crate) epoch: i64,
    pub(crate) learning_rate: f64,
    pub(crate) train_loss: f64,
    pub(crate) accuracy: Option<f64>,
    pub(crate) many: Option<f64>,
    pub(crate) medium: Option<f64>,
    pub(crate) few: Option<f64>,
    pub(crate) train_nc1: Option<f64>,
    pub(crate) train_nc2_equiangularity: Option<f64>,
    pub(crate) train_nc2_min_angle: Option<f64>,
    pub(crate) train_nc2_norm_cov: Option<f64>,
    pub(crate) train_nc3: Option<f64>,
    pub(crate) train_nc4: Option<f64>,
    pub(crate) test_nc1: Option<f64>,
    pub(crate) test_nc2_equiangularity: Option<f64>,
    pub(crate) test_nc2_min_angle: Option<f64>,
    pub(crate) test_nc2_norm_cov: Option<f64>,
    pub(crate) test_nc3: Option<f64>,
    pub(crate) test_nc4: Option<f64>,
    pub(crate) images_per_second: f64,
    pub(crate) seconds: f64,
    /// Missing in the first version.
    #[serde(default)]
    pub(crate) format: Format,
}

/// One row of `per_class.csv`: a row per epoch and class, so that the columns do not depend on the number of classes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClassRow {
    pub(crate) epoch: i64,
    pub(crate) class: i64,
    /// Test accuracy in 0..1; missing in epochs without an evaluation and where the test split has no image of the class.
    pub(crate) accuracy: Option<f64>,
    /// Missing in the first version.
    #[serde(default)]
    pub(crate) format: Format,
}

/// One row of `validation.csv`: accuracy on the validation split, in 0..1, missing in epochs without an evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ValidationRow {
    pub(crate) epoch: i64,
    pub(crate) accuracy: Option<f64>,
    /// Missing in the first version.
    #[serde(default)]
    pub(crate) format: Format,
}

/// Where a row has a value that is drawn over epochs.
type Curve = fn(&MetricsRow) -> Option<f64>;

impl MetricsRow {
    /// What is drawn over epochs, by its column.
    pub(crate) const CURVES: [(&str, Curve); 18] = [
        ("train_loss", |row| Some(row.train_loss)),
        ("learning_rate", |row| Some(row.learning_rate)),
        ("accuracy", |row| row.accuracy),
        ("many", |row| row.many),
        ("medium", |row| row.medium),
        ("few", |row| row.few),
        ("train_nc1", |row| row.train_nc1),
        ("train_nc2_equiangularity", |row| row.train_nc2_equiangularity),
        ("train_nc2_min_angle", |row| row.train_nc2_min_angle),
        ("train_nc2_norm_cov", |row| row.train_nc2_norm_cov),
        ("train_nc3", |row| row.train_nc3),
        ("train_nc4", |row| row.train_nc4),
        ("test_nc1", |row| row.test_nc1),
        ("test_nc2_equiangularity", |row| row.test_nc2_equiangularity),
        ("test_nc2_min_angle", |row| row.test_nc2_min_angle),
        ("test_nc2_norm_cov", |row| row.test_nc2_norm_cov),
        ("test_nc3", |row| row.test_nc3),
        ("test_nc4", |row| row.test_nc4),
    ];

    /// Mean class accuracies of many-, medium- and few-shot classes.
    pub(crate) fn groups(&self) -> Groups<Option<f64>> {
        Groups {
            many: self.many,
            medium: self.medium,
            few: self.few,
        }
    }
}

impl From<&EpochRow> for MetricsRow {
    fn from(row: &EpochRow) -> MetricsRow {
        let (train, test) = (row.train_pass.as_ref(), row.test_pass.as_ref());
        let groups = row.test.as_ref().map(|test| &test.groups);
        MetricsRow {
            epoch: row.epoch,
            learning_rate: row.learning_rate,
            train_loss: row.train_loss,
            accuracy: row.test.as_ref().map(|test| test.accuracy),
            many: groups.and_then(|groups| groups.many),
            medium: groups.and_then(|groups| groups.medium),
            few: groups.and_then(|groups| groups.few),
            train_nc1: train.map(|metrics| metrics.nc1),
            train_nc2_equiangularity: train.map(|metrics| metrics.nc2_equiangularity),
            train_nc2_min_angle: train.map(|metrics| metrics.nc2_smallest_angle_degrees),
            train_nc2_norm_cov: train.map(|metrics| metrics.nc2_norm_variation),
            train_nc3: train.and_then(|metrics| metrics.nc3),
            train_nc4: train.and_then(|metrics| metrics.nc4),
            test_nc1: test.map(|metrics| metrics.nc1),
            test_nc2_equiangularity: test.map(|metrics| metrics.nc2_equiangularity),
            test_nc2_min_angle: test.map(|metrics| metrics.nc2_smallest_angle_degrees),
            test_nc2_norm_cov: test.map(|metrics| metrics.nc2_norm_variation),
            test_nc3: test.and_then(|metrics| metrics.nc3),
            test_nc4: test.and_then(|metrics| metrics.nc4),
            images_per_second: row.images_per_second,
            seconds: row.seconds,
            format: Format,
        }
    }
}

/// All rows of one of these tables. A column that an older version did not write is missing, not an error.
///
/// # Errors
/// If the file cannot be read, is of a newer version, or is damaged; the message names it.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = files::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    refuse_newer(&text).with_context(|| format!("cannot read {}", path.display()))?;
    csv::Reader::from_reader(text.as_bytes())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| {
            format!(
                "{} is damaged; put it back as it was, or remove the run's folder to train it again",
                path.display()
            )
        })
}

/// Refuses the text of a table that has a row of a newer version. A damaged table is not refused here.
///
/// # Errors
/// If it has such a row.
pub(crate) fn refuse_newer(text: &str) -> Result<(), Newer> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = rows.headers().ok();
    let Some(column) = header.and_then(|names| names.iter().position(|name| name == "format")) else {
        return Ok(());
    };
    let mut row = csv::StringRecord::new(); // one for all: a table may have ten thousand rows
    while rows.read_record(&mut row).unwrap_or(false) {
        if let Some(Ok(format)) = row.get(column).map(str::parse) {
            check(format)?;
        }
    }
    Ok(())
}

/// Rewrites a table that an older version began with rows of this version, so that a resumed run can append to it. Numbers stay as they
/// are to the last digit; columns that were missing are missing values. Does nothing if there is no file.
///
/// # Errors
/// If the file is damaged, of a newer version or cannot be written; the message names it.
pub(crate) fn upgrade<T: Serialize + DeserializeOwned>(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let rows: Vec<T> = read(path)?;
    let text = csv_text(true, &rows)?;
    files::write(path, &text)
        .with_context(|| format!("cannot write {}; make room or choose another --out", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rows_of_an_older_version_keep_their_numbers_and_get_the_missing_columns() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("metrics.csv");
        let old = "epoch,learning_rate,train_loss,accuracy,images_per_second,seconds\n0,0.1,1.4860614776611327,0.193,473.69352948435625,3.455333465\n";
        fs::write(&path, old).expect("writable");
        upgrade::<MetricsRow>(&path).expect("an older file is sound");
        let rows: Vec<MetricsRow> = read(&path).expect("what was just written");
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].accuracy, rows[0].test_nc4), (Some(0.193), None));
        let text = files::read(&path).expect("readable");
        assert!(
            text.starts_with("epoch,learning_rate,train_loss,accuracy,many,"),
            "{text}"
        );
        assert!(text.contains("\n0,0.1,1.4860614776611327,0.193,,"), "{text}");
        assert!(text.ends_with(",473.69352948435625,3.455333465,2\n"), "{text}");

        fs::write(
            &path,
            old.replace("seconds\n", "seconds,format\n").replace("465\n", "465,3\n"),
        )
        .expect("writable");
        let newer = format!("{:#}", upgrade::<MetricsRow>(&path).expect_err("newer"));
        assert!(
            newer.contains(
                "metrics.csv: it was written by a newer version (format 3), and this one reads formats up to 2"
            ),
            "{newer}"
        );
    }

    #[test]
    fn tables_of_classes_and_of_the_validation_split_state_their_format_too() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let upgraded = |name: &str, old: &str, upgrade: fn(&Path) -> anyhow::Result<()>| {
            let path = folder.path().join(name);
            fs::write(&path, old).expect("writable");
            upgrade(&path).expect("an older file is sound");
            files::read(&path).expect("readable")
        };
        assert_eq!(
            upgraded(
                "per_class.csv",
                "epoch,class,accuracy\n0,0,0.5\n0,1,\n",
                upgrade::<ClassRow>
            ),
            "epoch,class,accuracy,format\n0,0,0.5,2\n0,1,,2\n"
        );
        assert_eq!(
            upgraded("validation.csv", "epoch,accuracy\n0,1.0\n", upgrade::<ValidationRow>),
            "epoch,accuracy,format\n0,1.0,2\n"
        );
    }
}
