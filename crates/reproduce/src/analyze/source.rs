//! The sources that `analyze` accepts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use methods::Checkpoint;

use super::Origin;
use super::features::Features;
use super::trained::{ShownSplit, Trained, features_of_weights};
use crate::arrays::Arrays;
use crate::exchange::foreign::{Stated, is_weights};
use crate::run::metrics::MetricsRow;

/// The arrays of a features file, and those that only a checkpoint has.
const WANTED: [&str; 7] = [
    FEATURES,
    "labels",
    "weight",
    "bias",
    "class_counts",
    Checkpoint::MARKS[0],
    Checkpoint::MARKS[1],
];
const FEATURES: &str = "features";

/// A run's directory, a checkpoint in one, or a features file, optionally with a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    name: Option<String>,
    path: PathBuf,
}

/// The features of a source, and their origin.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) origin: Origin,
    pub(crate) features: Features,
    /// The run's epochs; empty for a features file.
    pub(crate) epochs: Vec<MetricsRow>,
}

impl Source {
    /// `PATH`, or `NAME=PATH`. An existing path is a path even if it contains `=`.
    ///
    /// # Errors
    /// If the name is empty or has control characters.
    pub(crate) fn parse(text: &str) -> Result<Source, String> {
        match text.split_once('=') {
            Some(("", path)) => Err(format!(
                "`{text}` has no name before `=`; write NAME={path}, or {path} alone"
            )),
            Some((name, _)) if name.contains(|letter: char| letter.is_control()) => Err(format!(
                "the name `{}` has a line break or another control character; choose one without",
                name.escape_debug()
            )),
            Some((name, path)) if !Path::new(text).exists() => Ok(Source {
                name: Some(name.to_owned()),
                path: path.into(),
            }),
            _ => Ok(Source {
                name: None,
                path: text.into(),
            }),
        }
    }

    /// The directory or file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the features, or has the source's network compute them on `split` of its data. Of weights, `stated` says what they do
    /// not say themselves.
    ///
    /// # Errors
    /// With what is missing or wrong.
    pub(crate) fn read(&self, split: ShownSplit, data: Option<&Path>, stated: &Stated) -> anyhow::Result<Subject> {
        let found = fs::metadata(&self.path).map_err(|error| {
            anyhow!("{error}; name a run's directory, a checkpoint in one, weights, or a features file")
        })?;
        if found.is_dir() {
            return Ok(self.trained(Trained::in_directory(&self.path, split, data)?, split));
        }
        let arrays = Arrays::read(&self.path, &WANTED, "save `features` [n, d] and `labels` [n]")?;
        if Checkpoint::MARKS.iter().any(|mark| arrays.has(mark)) {
            return Ok(self.trained(Trained::at_checkpoint(&self.path, split, data)?, split));
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        if !arrays.has(FEATURES) && is_weights(&self.path) {
            let (features, precision) = features_of_weights(&self.path, stated, split, data)?;
            return Ok(Subject {
                origin: Origin {
                    split: Some(split.name()),
                    precision: Some(precision),
                    ..self.origin(&stem)
                },
                features,
                epochs: Vec::new(),
            });
        }
        Ok(Subject {
            origin: Origin {
                precision: arrays.precision,
                ..self.origin(&stem)
            },
            features: Features::of(arrays)?,
            epochs: Vec::new(),
        })
    }

    fn trained(&self, trained: Trained, split: ShownSplit) -> Subject {
        Subject {
            origin: Origin {
                split: Some(split.name()),
                epoch: Some(trained.last_epoch),
                precision: Some(trained.precision),
                ..self.origin(&trained.run.name)
            },
            features: trained.features,
            epochs: trained.epochs,
        }
    }

    fn origin(&self, default_name: &str) -> Origin {
        Origin {
            source: self.name.clone().unwrap_or_else(|| default_name.to_owned()),
            path: self.path.display().to_string(),
            split: None,
            epoch: None,
            precision: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_before_the_first_equals_sign_of_what_is_no_path() {
        let source = |name: Option<&str>, path: &str| Source {
            name: name.map(str::to_owned),
            path: path.into(),
        };
        assert_eq!(Source::parse("runs/ce"), Ok(source(None, "runs/ce")));
        assert_eq!(Source::parse("CE=runs/a=b"), Ok(source(Some("CE"), "runs/a=b")));
        assert!(Source::parse("=runs/ce").is_err());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a=b.npz");
        fs::write(&path, "").expect("writable");
        let text = path.to_string_lossy();
        assert_eq!(Source::parse(&text), Ok(source(None, &text)));
    }
}
