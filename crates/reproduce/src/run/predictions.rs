//! The predictions of a finished run's network for each test image: `predictions.npz`, from which comparisons are made.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use datasets::photographs::PhotographIndex;
use tch::{Kind, Tensor};

use crate::arrays::Arrays;
use crate::arrays::write::{Column, npz};
use crate::files::{self, ANOTHER_OUT, unwritable};

/// Name of the file in a run's directory.
pub(crate) const FILE: &str = "predictions.npz";

const WANTED: [&str; 4] = ["label", "prediction", "probability", "in_top_five"];

/// Predictions for the images of a test split, in its order, each `[n]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Predictions {
    /// The image's class.
    pub(crate) labels: Vec<i64>,
    /// The class with the largest logit.
    pub(crate) predicted: Vec<i64>,
    /// Probability of the prediction; missing if no softmax was trained.
    pub(crate) probabilities: Option<Vec<f32>>,
    /// Whether the label is among the five largest logits.
    pub(crate) in_top_five: Vec<bool>,
}

impl Predictions {
    /// Computes them from logits `[n, k]`, labels `[n]` and, if a softmax was trained, the logits of that softmax.
    ///
    /// # Panics
    /// If the shapes do not agree, which is a bug of the caller.
    pub(crate) fn new(logits: &Tensor, log_odds: Option<&Tensor>, labels: &Tensor) -> Predictions {
        let predicted = logits.argmax(1, false);
        let probabilities = log_odds.map(|log_odds| {
            let chosen = log_odds
                .softmax(1, Kind::Float)
                .gather(1, &predicted.unsqueeze(1), false);
            Vec::try_from(chosen.squeeze_dim(1)).expect("a vector of f32")
        });
        let (_, largest) = logits.topk(logits.size()[1].min(5), 1, true, false);
        let in_top_five = largest.eq_tensor(&labels.unsqueeze(1)).any_dim(1, false);
        Predictions {
            labels: Vec::try_from(labels).expect("a vector of i64"),
            predicted: Vec::try_from(predicted).expect("a vector of i64"),
            probabilities,
            in_top_five: Vec::try_from(in_top_five).expect("a vector of bool"),
        }
    }

    /// For each image whether it is classified correctly.
    pub(crate) fn hits(&self) -> Vec<bool> {
        self.labels
            .iter()
            .zip(&self.predicted)
            .map(|(label, prediction)| label == prediction)
            .collect()
    }

    /// Number of images that are classified correctly.
    pub(crate) fn correct(&self) -> usize {
        self.hits().into_iter().filter(|hit| *hit).count()
    }

    /// Share of them, in 0..1.
    pub(crate) fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.labels.len().max(1) as f64
    }

    /// Writes the file into a run's directory, whole or not at all, and returns its SHA-256.
    ///
    /// # Errors
    /// If it cannot be written; the message names it and the remedy.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<String> {
        let path = directory.join(FILE);
        let small = |classes: &[i64]| classes.iter().map(|&class| class as i32).collect::<Vec<i32>>();
        let (labels, predicted) = (small(&self.labels), small(&self.predicted));
        let in_top_five: Vec<u8> = self.in_top_five.iter().map(|&is| u8::from(is)).collect();
        let mut columns = vec![
            ("label", Column::Integers(&labels)),
            ("prediction", Column::Integers(&predicted)),
            ("in_top_five", Column::Bytes(&in_top_five)),
        ];
        columns.extend(
            self.probabilities
                .as_ref()
                .map(|values| ("probability", Column::Floats(values))),
        );
        files::replace(&path, |temporary| npz(temporary, &columns))
            .map_err(|error| unwritable(&path, error, ANOTHER_OUT))?;
        files::digest(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Reads the file in the run's `directory`, which must have the `digest` in the run's outcome, if there is one.
    ///
    /// # Errors
    /// If it is missing, damaged or has another digest; the message names it and the command that makes it again.
    pub(crate) fn read(directory: &Path, digest: Option<&str>) -> anyhow::Result<Predictions> {
        let path = directory.join(FILE);
        Predictions::checked(&path, digest).with_context(|| {
            format!(
                "cannot use {}; make it again with `reproduce predictions --again {}`",
                path.display(),
                directory.display()
            )
        })
    }

    fn checked(path: &Path, digest: Option<&str>) -> anyhow::Result<Predictions> {
        if let Some(stated) = digest {
            let found = files::digest(path)?;
            ensure!(
                found == stated,
                "its SHA-256 is {found}, and the run's outcome states {stated}"
            );
        }
        let mut arrays = Arrays::read(path, &WANTED, "write it again")?;
        let mut classes = |name: &str| -> anyhow::Result<Vec<i64>> {
            let array = arrays.require(name)?;
            ensure!(array.dim() == 1, "`{name}` has shape {:?}, expected [n]", array.size());
            Ok(Vec::try_from(array.to_kind(Kind::Int64))?)
        };
        let (labels, predicted, in_top_five) = (classes("label")?, classes("prediction")?, classes("in_top_five")?);
        let probabilities = arrays.take("probability");
        let probabilities = probabilities
            .map(|array| Vec::<f32>::try_from(array.to_kind(Kind::Float)))
            .transpose()?;
        let lengths = [
            predicted.len(),
            in_top_five.len(),
            probabilities.as_ref().map_or(labels.len(), Vec::len),
        ];
        ensure!(
            lengths.iter().all(|length| *length == labels.len()),
            "its arrays are of {} labels, {} predictions, {} marks and {} probabilities",
            labels.len(),
            lengths[0],
            lengths[1],
            lengths[2]
        );
        ensure!(
            labels.iter().chain(&predicted).all(|class| *class >= 0),
            "it has classes below 0"
        );
        Ok(Predictions {
            labels,
            predicted,
            probabilities,
            in_top_five: in_top_five.into_iter().map(|mark| mark != 0).collect(),
        })
    }

    /// As CSV, one line per image, numbered from 0 in the order of the official files or of the paths. `names` are the classes'; `files`, of
    /// photographs, the path of each below their folder.
    pub(crate) fn csv(&self, names: &[&str], files: Option<&PhotographIndex>) -> String {
        let mut text = "image,label,prediction,probability,in_top_five,label_name,prediction_name".to_owned();
        text += if files.is_some() { ",file\n" } else { "\n" };
        let name = |class: i64| quoted(names.get(class as usize).copied().unwrap_or_default());
        for (image, (&label, &prediction)) in self.labels.iter().zip(&self.predicted).enumerate() {
            let probability = self
                .probabilities
                .as_ref()
                .map_or(String::new(), |values| values[image].to_string());
            let in_top_five = self.in_top_five[image];
            let (label_name, prediction_name) = (name(label), name(prediction));
            let file = files.map_or(String::new(), |files| {
                format!(",{}", quoted(files.relative_path(image)))
            });
            writeln!(
                text,
                "{image},{label},{prediction},{probability},{in_top_five},{label_name},{prediction_name}{file}"
            )
            .expect("a string takes all");
        }
        text
    }
}

/// A name as a cell of CSV (RFC 4180).
fn quoted(name: &str) -> Cow<'_, str> {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\"")).into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use datasets::photographs::read_list;

    use super::*;

    fn predictions() -> Predictions {
        let logits = Tensor::from_slice2(&[
            [3.0_f32, 1.0, 0.0, -1.0, -2.0, -3.0],
            [3.0, 1.0, 0.0, -1.0, -2.0, -3.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 9.0],
        ]);
        Predictions::new(&logits, Some(&logits), &Tensor::from_slice(&[0_i64, 5, 5]))
    }

    #[test]
    fn predictions_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written = predictions();
        assert_eq!(written.hits(), [true, false, true]);
        assert_eq!(written.in_top_five, [true, false, true]);
        let digest = written.write(folder.path()).expect("room");
        std::thread::sleep(std::time::Duration::from_secs(2)); // the resolution of times in a zip
        assert_eq!(
            written.write(folder.path()).expect("room"),
            digest,
            "equal numbers, equal files"
        );
        assert_eq!(
            Predictions::read(folder.path(), Some(&digest)).expect("its own file"),
            written
        );
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        let names = ["a", "b", "c", "d", "e", "f, \"g\""];
        let csv = written.csv(&names, None);
        let columns = "image,label,prediction,probability,in_top_five,label_name,prediction_name";
        assert!(csv.starts_with(&format!("{columns}\n0,0,0,0.8")), "{csv}");
        assert!(
            csv.contains("\n1,5,0,") && csv.contains(",false,\"f, \"\"g\"\"\",a\n"),
            "{csv}"
        );
        let list = folder.path().join("list.txt");
        fs::write(&list, "a/1.jpg 0\nf, g/1.jpg 5\nf, g/2.jpg 5\n").expect("a small file");
        let files = read_list(&list, folder.path(), None).expect("a sound list");
        fs::remove_file(list).expect("it is there");
        let csv = written.csv(&names, Some(&files));
        assert!(csv.starts_with(&format!("{columns},file\n0,0,0,")), "{csv}");
        assert!(
            csv.contains(",true,a,a,a/1.jpg\n") && csv.ends_with(",\"f, g/2.jpg\"\n"),
            "{csv}"
        );

        let unsure = Predictions {
            probabilities: None,
            ..written
        };
        unsure.write(folder.path()).expect("room");
        assert_eq!(Predictions::read(folder.path(), None).expect("its own file"), unsure);
        assert!(unsure.csv(&names, None).contains("\n0,0,0,,true,a,a\n"));
    }

    #[test]
    fn missing_damaged_and_other_files_are_named_with_the_command_that_makes_them_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let refusal = |digest| format!("{:#}", Predictions::read(folder.path(), digest).expect_err("unusable"));
        let remedy = format!(
            "make it again with `reproduce predictions --again {}`: ",
            folder.path().display()
        );
        assert!(refusal(None).contains(&remedy), "{}", refusal(None));
        predictions().write(folder.path()).expect("room");
        assert!(
            refusal(Some("00")).contains("and the run's outcome states 00"),
            "{}",
            refusal(Some("00"))
        );
        fs::write(folder.path().join(FILE), b"PK\x03\x04").expect("writable");
        assert!(
            refusal(None).contains("it is not a sound npz file"),
            "{}",
            refusal(None)
        );
    }
}
