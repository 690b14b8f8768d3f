//! `split`: which training images a long-tailed split keeps, as files that NumPy and spreadsheets read.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use datasets::{Dataset, IndexList, Loaded, LongTail};
use methods::{Groups, ShotSplit, Shots};
use serde::Serialize;

use crate::arrays::write::Column;
use crate::files::{self, ANOTHER_OUT, unwritable, write_whole};
use crate::run::environment::COMMIT;

/// `split.json`: what the files beside it are.
#[derive(Debug, Serialize)]
struct Description<'a> {
    dataset: Dataset,
    #[serde(flatten)]
    long_tail: LongTail,
    /// Images of the long-tailed split.
    images: usize,
    /// Images of each class in it.
    class_counts: &'a [i64],
    /// SHA-256 of the list of indices, one a line: the `split_digest` of a run that trains on it.
    split_digest: &'a str,
    /// Of the validation split, if there is one.
    validation_digest: Option<&'a str>,
    /// SHA-256 of all images and labels, as `reproduce data` prints it.
    data_digest: &'a str,
    /// Commit of the program.
    commit: &'static str,
}

/// A long-tailed split that has been chosen.
#[derive(Debug)]
pub(crate) struct ChosenSplit {
    dataset: Dataset,
    long_tail: LongTail,
    data_digest: String,
    class_counts: Vec<i64>,
    train: Part,
    validation: Option<Part>,
}

/// Images of a split, in its order.
#[derive(Debug)]
struct Part {
    /// Places among the training images, in the order of the official files.
    indices: Vec<i64>,
    labels: Vec<i64>,
    digest: String,
}

impl Part {
    fn new(indices: Vec<i64>, all_labels: &[i64]) -> Part {
        Part {
            labels: indices.iter().map(|&index| all_labels[index as usize]).collect(),
            digest: IndexList::new(&indices).sha256,
            indices,
        }
    }

    /// Writes `<name>.csv`, `<name>.npy` and `<name>_labels.npy`, and returns their names.
    fn write(&self, out: &Path, name: &str) -> anyhow::Result<Vec<String>> {
        let mut rows = "index,label\n".to_owned();
        for (index, label) in self.indices.iter().zip(&self.labels) {
            writeln!(rows, "{index},{label}").expect("a string takes all");
        }
        let files = [
            (format!("{name}.csv"), rows.into_bytes()),
            (format!("{name}.npy"), Column::LongIntegers(&self.indices).npy()),
            (format!("{name}_labels.npy"), Column::LongIntegers(&self.labels).npy()),
        ];
        for (file, bytes) in &files {
            write_whole(&out.join(file), bytes)?;
        }
        Ok(files.map(|(file, _)| file).into())
    }
}

impl ChosenSplit {
    /// Chooses the images of `dataset`, loaded as `data`.
    ///
    /// # Errors
    /// If a class has too few images, or would keep none.
    pub(crate) fn new(dataset: Dataset, long_tail: LongTail, data: &Loaded) -> anyhow::Result<ChosenSplit> {
        let available = dataset.facts().train;
        let labels = data.train.label_list();
        let chosen = long_tail.choose(&labels, &available)?;
        Ok(ChosenSplit {
            dataset,
            long_tail,
            data_digest: data.digest.clone(),
            class_counts: long_tail.class_counts(&available)?,
            train: Part::new(chosen.train, &labels),
            validation: (!chosen.validation.is_empty()).then(|| Part::new(chosen.validation, &labels)),
        })
    }

    /// Writes the files into the folder `out` and returns their names.
    ///
    /// # Errors
    /// If one cannot be written; the message names it and the remedy.
    pub(crate) fn write(&self, out: &Path) -> anyhow::Result<Vec<String>> {
        files::make_folder(out).map_err(|error| unwritable(out, error, ANOTHER_OUT))?;
        let mut written = self.train.write(out, "train")?;
        match &self.validation {
            Some(validation) => written.extend(validation.write(out, "validation")?),
            None => remove_validation(out)?,
        }
        let description = serde_json::to_string_pretty(&Description {
            dataset: self.dataset,
            long_tail: self.long_tail,
            images: self.train.indices.len(),
            class_counts: &self.class_counts,
            split_digest: &self.train.digest,
            validation_digest: self.validation.as_ref().map(|part| part.digest.as_str()),
            data_digest: &self.data_digest,
            commit: COMMIT,
        });
        let description = description.context("a description holds only numbers and words")? + "\n";
        for (file, text) in [("classes.csv", self.classes()), ("split.json", description)] {
            write_whole(&out.join(file), text)?;
            written.push(file.to_owned());
        }
        Ok(written)
    }

    /// `classes.csv`: images and group of each class, by images (Liu et al. 2019) and by index (Zhong et al. 2021).
    fn classes(&self) -> String {
        let names = self.dataset.facts().class_names;
        let [by_images, by_index] =
            [ShotSplit::Images, ShotSplit::Index].map(|shots| group_of_each(&shots.shots(&self.class_counts)));
        let mut rows = "class,name,images,group,group_by_index\n".to_owned();
        for (class, (name, images)) in names.iter().zip(&self.class_counts).enumerate() {
            let (group, by_index) = (by_images[class], by_index[class]);
            writeln!(rows, "{class},{name},{images},{group},{by_index}").expect("a string takes all");
        }
        rows
    }

    /// What it is, in two lines.
    pub(crate) fn in_words(&self) -> String {
        let Groups { many, medium, few } = Shots::new(&self.class_counts).map(Vec::len);
        format!(
            "{}, {}: {} training images, {} to {} of a class; {many} many-, {medium} medium- and {few} few-shot classes\n\
             SHA-256 of the list of indices {}\n",
            self.dataset,
            self.long_tail.imbalance,
            self.train.indices.len(),
            self.class_counts.iter().max().unwrap_or(&0),
            self.class_counts.iter().min().unwrap_or(&0),
            self.train.digest
        )
    }
}

/// Removes the validation split that an earlier call wrote into `out`: some of its images may be training images now.
fn remove_validation(out: &Path) -> anyhow::Result<()> {
    for file in ["validation.csv", "validation.npy", "validation_labels.npy"] {
        match fs::remove_file(out.join(file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unwritable(&out.join(file), error, ANOTHER_OUT));
            }
            _ => {}
        }
    }
    Ok(())
}

/// `many`, `medium` or `few` for each class.
fn group_of_each(shots: &Shots) -> Vec<&'static str> {
    let groups = [(&shots.many, "many"), (&shots.medium, "medium"), (&shots.few, "few")];
    let classes = groups.iter().map(|(classes, _)| classes.len()).sum();
    let mut names = vec![""; classes];
    for (classes, name) in groups {
        for &class in classes {
            names[class] = name;
        }
    }
    names
}
