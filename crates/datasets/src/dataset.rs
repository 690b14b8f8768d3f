use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::cifar::{CIFAR10, CIFAR100, Cifar};
use crate::{DataError, Normalization, Progress, Split, download, shapes};

/// A balanced data set with a training and a test split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// CIFAR-10 (Krizhevsky 2009): 5000 + 1000 images of 32×32 in each of 10 classes.
    Cifar10,
    /// CIFAR-100 (Krizhevsky 2009) with its fine labels: 500 + 100 images of 32×32 in each of 100 classes.
    Cifar100,
    /// Procedural images made in the process: 1000 + 200 images of 32×32 in each of 10 classes.
    Shapes,
}

/// A data set in memory.
#[derive(Debug)]
pub struct Loaded {
    /// The balanced training split, in the order of its files.
    pub train: Split,
    /// The test split.
    pub test: Split,
    /// SHA-256 in lowercase hexadecimal over, for the training split and then the test split: the number of images and
    /// the labels as 64-bit little-endian integers, and the pixels. The layout of the files does not enter: the same
    /// images in the same order have the same digest.
    pub digest: String,
    /// Where the images come from, for people to read.
    pub source: String,
}

impl Dataset {
    /// All data sets.
    pub const ALL: [Dataset; 3] = [Dataset::Cifar10, Dataset::Cifar100, Dataset::Shapes];

    /// Its name in configurations and tables, such as `cifar10`.
    pub fn name(self) -> &'static str {
        match self {
            Dataset::Cifar10 => "cifar10",
            Dataset::Cifar100 => "cifar100",
            Dataset::Shapes => "shapes",
        }
    }

    /// Number of classes.
    pub fn classes(self) -> i64 {
        match self {
            Dataset::Cifar10 => 10,
            Dataset::Cifar100 => 100,
            Dataset::Shapes => shapes::CLASSES,
        }
    }

    /// Training images of every class.
    pub fn images_per_class(self) -> i64 {
        match self {
            Dataset::Cifar10 => 5000,
            Dataset::Cifar100 => 500,
            Dataset::Shapes => shapes::TRAIN_IMAGES_PER_CLASS.into(),
        }
    }

    /// The constants its images are normalised with.
    pub fn normalization(self) -> Normalization {
        Normalization::of(self)
    }

    /// Makes sure that the data set's files are there, downloading the official archive if they are not.
    ///
    /// They are looked for in `data_root`, else in the folder named by the environment variable `LONGTAIL_DATA`, else in
    /// `data` under the current directory. [`Dataset::Shapes`] needs no files.
    ///
    /// # Errors
    /// If the archive cannot be downloaded, is not the official one, or cannot be unpacked.
    pub fn fetch(self, data_root: Option<&Path>, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        match self.cifar() {
            Some(cifar) => download::fetch(cifar, download::OFFICIAL, &data_folder(data_root), progress),
            None => Ok(()),
        }
    }

    /// Loads both splits to the CPU, after [`Dataset::fetch`] without a report of its progress.
    ///
    /// # Errors
    /// If files are missing and cannot be fetched, cannot be read, or are not those of the data set.
    pub fn load(self, data_root: Option<&Path>) -> Result<Loaded, DataError> {
        let Some(cifar) = self.cifar() else {
            return Ok(shapes::load());
        };
        self.fetch(data_root, &mut |_| {})?;
        cifar.read(&data_folder(data_root))
    }

    /// The data set's files, if it has any.
    pub(crate) fn cifar(self) -> Option<&'static Cifar> {
        match self {
            Dataset::Cifar10 => Some(&CIFAR10),
            Dataset::Cifar100 => Some(&CIFAR100),
            Dataset::Shapes => None,
        }
    }
}

/// The data set's [`name`](Dataset::name).
impl fmt::Display for Dataset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The folder that data sets lie in: the one asked for, else `LONGTAIL_DATA`, else `data`.
pub(crate) fn data_folder(asked: Option<&Path>) -> PathBuf {
    let from_environment = || {
        std::env::var_os("LONGTAIL_DATA")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    asked
        .map(Path::to_owned)
        .or_else(from_environment)
        .unwrap_or_else(|| PathBuf::from("data"))
}

/// Images of one size as plain bytes, on their way from a file or a generator to a [`Split`].
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Records {
    /// Class numbers, `[n]`.
    pub(crate) labels: Vec<i64>,
    /// Pixels, `[n, 3, SIDE, SIDE]`.
    pub(crate) pixels: Vec<u8>,
}

/// Height and width of every image so far.
pub(crate) const SIDE: usize = 32;
/// Bytes of an image: a plane of bytes for each colour.
pub(crate) const IMAGE_BYTES: usize = 3 * SIDE * SIDE;

impl Records {
    fn add_to(&self, digest: &mut Sha256) {
        digest.update((self.labels.len() as u64).to_le_bytes());
        digest.update(
            self.labels
                .iter()
                .flat_map(|label| label.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
        digest.update(&self.pixels);
    }

    fn into_split(self, classes: i64) -> Split {
        let side = SIDE as i64;
        Split {
            images: Tensor::from_slice(&self.pixels).view([-1, 3, side, side]),
            labels: Tensor::from_slice(&self.labels),
            classes,
        }
    }
}

impl Loaded {
    pub(crate) fn new(train: Records, test: Records, classes: i64, source: String) -> Self {
        let mut digest = Sha256::new();
        train.add_to(&mut digest);
        test.add_to(&mut digest);
        Loaded {
            train: train.into_split(classes),
            test: test.into_split(classes),
            digest: format!("{:x}", digest.finalize()),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_configurations() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Grid {
            dataset: Dataset,
        }
        for dataset in Dataset::ALL {
            let text = format!("dataset = \"{dataset}\"\n");
            assert_eq!(toml::to_string(&Grid { dataset }).unwrap(), text);
            assert_eq!(toml::from_str::<Grid>(&text).unwrap(), Grid { dataset });
        }
        assert!(toml::from_str::<Grid>("dataset = 'cifar-10'").is_err());
    }

    #[test]
    fn order_of_images_and_place_of_the_split_enter_the_digest() {
        let record = |label, pixel| Records {
            labels: vec![label],
            pixels: vec![pixel; IMAGE_BYTES],
        };
        let both = |first: Records, second: Records| Records {
            labels: [first.labels, second.labels].concat(),
            pixels: [first.pixels, second.pixels].concat(),
        };
        let digest = |train, test| Loaded::new(train, test, 2, String::new()).digest;
        let forth = digest(both(record(0, 1), record(0, 2)), record(1, 3));
        let back = digest(both(record(0, 2), record(0, 1)), record(1, 3));
        let elsewhere = digest(record(0, 1), both(record(0, 2), record(1, 3)));
        assert_ne!(forth, back);
        assert_ne!(forth, elsewhere);
    }

    #[test]
    fn folder_asked_for_comes_first() {
        assert_eq!(data_folder(Some(Path::new("elsewhere"))), Path::new("elsewhere"));
    }
}
