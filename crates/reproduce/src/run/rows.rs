//! The tables of a run that grow with every epoch.
//!
//! The rows of an epoch are on the disk before the checkpoint that counts the epoch, and numbers such as the best accuracy are computed
//! from all rows. So a resumed run must have the rows of every epoch that its checkpoint counts.

use std::io;
use std::path::{Path, PathBuf};

use methods::remedy_for_writing;
use serde::Serialize;

use crate::files;

/// One of these tables.
#[derive(Clone, Debug)]
pub(crate) struct EpochTable {
    path: PathBuf,
    /// Number of classes, in a table with one row per epoch and class.
    classes: Option<usize>,
}

/// Why a run cannot append to a table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowsError {
    #[error("cannot use {path}: {source}; {}", remedy_for_writing(source))]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} {fault}, and the run's checkpoint counts {next_epoch} epochs; put the file back as it was, or remove the run's \
         folder to train it again, then run the same command again"
    )]
    Incomplete {
        path: PathBuf,
        fault: String,
        next_epoch: i64,
    },
}

/// The text of a table without the rows that were cut.
#[derive(Debug)]
pub(crate) struct Trimmed<'a> {
    path: &'a Path,
    text: String,
}

impl Trimmed<'_> {
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self) -> Result<(), RowsError> {
        files::write(self.path, &self.text).map_err(|source| io_error(self.path, source))
    }
}

fn io_error(path: &Path, source: io::Error) -> RowsError {
    RowsError::Io {
        path: path.to_owned(),
        source,
    }
}

impl EpochTable {
    /// A table with one row per epoch; the first column is the epoch.
    pub(crate) fn by_epoch(path: PathBuf) -> EpochTable {
        EpochTable { path, classes: None }
    }

    /// A table with one row per epoch and class, which are its first two columns.
    pub(crate) fn by_class(path: PathBuf, classes: usize) -> EpochTable {
        EpochTable {
            path,
            classes: Some(classes),
        }
    }

    /// Appends the rows of an epoch and flushes them to the disk. A new file begins with a header.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn append<T: Serialize>(&self, rows: impl IntoIterator<Item = T>) -> io::Result<()> {
        files::append(&self.path, |is_empty| csv_text(is_empty, rows))
    }

    /// The table without the rows of epochs from `next_epoch` on and without a partly written row: their checkpoint was never written, so
    /// these epochs are trained again. `None` if there is nothing to cut.
    ///
    /// # Errors
    /// If the rest is not every row of the earlier epochs, once and in order.
    pub(crate) fn trimmed(&self, next_epoch: i64) -> Result<Option<Trimmed<'_>>, RowsError> {
        let path = self.path.as_path();
        let text = match files::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && next_epoch == 0 => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.incomplete("is not there".to_owned(), next_epoch));
            }
            read => read.map_err(|source| io_error(path, source))?,
        };
        let keeps = |line: &&str| match line.split(',').next().map(str::parse::<i64>) {
            Some(Ok(epoch)) => epoch < next_epoch,
            _ => true, // the header, or damage
        };
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let kept: Vec<&str> = whole.filter(keeps).collect();
        if next_epoch > 0
            && let Some(fault) = self.fault(&kept, next_epoch)
        {
            return Err(self.incomplete(fault, next_epoch));
        }
        let kept = kept.concat();
        Ok((kept != text).then_some(Trimmed { path, text: kept }))
    }

    /// The fault of `lines`, which should be a header and every row of the epochs before `next_epoch`, in order.
    fn fault(&self, lines: &[&str], next_epoch: i64) -> Option<String> {
        let Some((header, rows)) = lines.split_first().filter(|(header, _)| header.starts_with("epoch,")) else {
            return Some("has no header".to_owned());
        };
        let columns = |line: &str| line.split(',').count();
        let mut line = 1;
        let mut rows = rows.iter();
        for (key, name) in (0..next_epoch).flat_map(|epoch| self.keys(epoch)) {
            line += 1;
            match rows.next().filter(|row| begins_with(row, &key)) {
                None => return Some(format!("has no row of {name} in line {line}")),
                Some(row) if columns(row) != columns(header) => {
                    return Some(format!("has half a row of {name} in line {line}"));
                }
                Some(_) => {}
            }
        }
        rows.next().map(|_| format!("has a row too many in line {}", line + 1))
    }

    /// The beginnings of the rows of `epoch`, and their names for people.
    fn keys(&self, epoch: i64) -> Vec<(String, String)> {
        match self.classes {
            None => vec![(format!("{epoch}"), format!("epoch {epoch}"))],
            Some(classes) => (0..classes)
                .map(|class| (format!("{epoch},{class}"), format!("epoch {epoch}, class {class}")))
                .collect(),
        }
    }

    fn incomplete(&self, fault: String, next_epoch: i64) -> RowsError {
        RowsError::Incomplete {
            path: self.path.clone(),
            fault,
            next_epoch,
        }
    }
}

/// Whether a row begins with the fields of `key`.
fn begins_with(row: &str, key: &str) -> bool {
    let rest = row.trim_end().strip_prefix(key);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
}

/// Rows as CSV, below a header if `has_header`.
///
/// # Errors
/// If a row is not a flat struct.
pub(crate) fn csv_text<T: Serialize>(has_header: bool, rows: impl IntoIterator<Item = T>) -> io::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(has_header)
        .from_writer(Vec::new());
    rows.into_iter()
        .try_for_each(|row| writer.serialize(row))
        .map_err(io::Error::other)?;
    let bytes = writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What a file with this text is after it has been trimmed.
    fn trimmed(text: &str, classes: Option<usize>, next_epoch: i64) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("table.csv");
        fs::write(&path, text).expect("writable");
        let table = EpochTable {
            path: path.clone(),
            classes,
        };
        let trimmed = table
            .trimmed(next_epoch)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "table.csv"))?;
        if let Some(trimmed) = trimmed {
            trimmed.write().expect("room");
        }
        Ok(files::read(&path).expect("readable"))
    }

    #[test]
    fn rows_past_the_checkpoint_and_torn_rows_are_cut() {
        let text = "epoch,loss\n0,2.5\n1,1.5\n2,1.25\n3,0.";
        assert_eq!(trimmed(text, None, 2).expect("whole"), "epoch,loss\n0,2.5\n1,1.5\n");
        assert_eq!(
            trimmed(text, None, 3).expect("whole"),
            "epoch,loss\n0,2.5\n1,1.5\n2,1.25\n"
        );
        assert_eq!(trimmed(text, None, 0).expect("nothing is counted"), "epoch,loss\n");
        assert_eq!(trimmed("epo", None, 0).expect("nothing is counted"), "");
        let text = "epoch,class,accuracy\n0,0,0.5\n0,1,\n1,0,0.5\n1,";
        assert_eq!(
            trimmed(text, Some(2), 1).expect("whole"),
            "epoch,class,accuracy\n0,0,0.5\n0,1,\n"
        );
    }

    #[test]
    fn rows_that_the_checkpoint_counts_must_be_there_once_and_whole() {
        let refusal = |text: &str, classes, next_epoch| trimmed(text, classes, next_epoch).expect_err("incomplete");
        assert_eq!(
            refusal("epoch,loss\n0,2.5\n2,1.25\n", None, 3),
            "table.csv has no row of epoch 1 in line 3, and the run's checkpoint counts 3 epochs; put the file back as it was, \
             or remove the run's folder to train it again, then run the same command again"
        );
        for (text, classes, next_epoch, fault) in [
            ("", None, 1, "has no header"),
            ("0,2.5\n", None, 1, "has no header"),
            ("epoch,loss\n0,2.5\n", None, 2, "has no row of epoch 1 in line 3"),
            ("epoch,loss\n0,2.5\n1,1", None, 2, "has no row of epoch 1 in line 3"),
            (
                "epoch,loss\n0,2.5\n0,2.5\n1,1.5\n",
                None,
                2,
                "has no row of epoch 1 in line 3",
            ),
            (
                "epoch,loss\n0,2.5\n1,1.5\n1,1.5\n",
                None,
                2,
                "has a row too many in line 4",
            ),
            (
                "epoch,loss\n0,2.5\nx,1.5\n1,1.5\n",
                None,
                2,
                "has no row of epoch 1 in line 3",
            ),
            ("epoch,loss\n0\n", None, 1, "has half a row of epoch 0 in line 2"),
            ("epoch,loss\n10,2.5\n", None, 11, "has no row of epoch 0 in line 2"),
            (
                "epoch,loss,seconds\n0,2.5\n",
                None,
                1,
                "has half a row of epoch 0 in line 2",
            ),
            (
                "epoch,class,accuracy\n0,0,1\n",
                Some(2),
                1,
                "has no row of epoch 0, class 1 in line 3",
            ),
            (
                "epoch,class,accuracy\n0,0,1\n0,0,1\n",
                Some(2),
                1,
                "has no row of epoch 0, class 1 in line 3",
            ),
        ] {
            let said = refusal(text, classes, next_epoch);
            assert!(
                said.starts_with(&format!("table.csv {fault}, and the run's")),
                "{text}: {said}"
            );
        }
        let missing = EpochTable::by_epoch("no/table.csv".into());
        assert!(missing.trimmed(0).expect("nothing is counted").is_none());
        let said = missing.trimmed(1).expect_err("it is not there").to_string();
        assert!(
            said.starts_with("no/table.csv is not there, and the run's checkpoint counts 1 epochs"),
            "{said}"
        );
    }

    #[test]
    fn appended_rows_stand_below_one_header() {
        #[derive(Serialize)]
        struct Row {
            epoch: i64,
            loss: f64,
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = EpochTable::by_epoch(folder.path().join("table.csv"));
        for (epoch, loss) in [(0, 2.5), (1, 1.25)] {
            table.append([Row { epoch, loss }]).expect("room");
        }
        assert!(table.trimmed(2).expect("both are there").is_none());
        let text = fs::read_to_string(folder.path().join("table.csv")).expect("readable");
        assert_eq!(text, "epoch,loss\n0,2.5\n1,1.25\n");
    }
}
