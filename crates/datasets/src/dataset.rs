use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cifar::{CIFAR10, CIFAR100, Cifar};
use crate::photographs::PhotographSet;
use crate::records::Loaded;
use crate::{DataError, DownloadProgress, Facts, shapes};

/// A data set with a training and a test split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// CIFAR-10 (Krizhevsky 2009): 5000 + 1000 images of 32×32 in each of 10 classes.
    Cifar10,
    /// CIFAR-100 (Krizhevsky 2009) with its fine labels: 500 + 100 images of 32×32 in each of 100 classes.
    Cifar100,
    /// Procedural images generated in memory: 1000 + 200 images of 32×32 in each of 10 classes.
    Shapes,
    /// Photographs in files: a large benchmark by its official lists, or anybody's folder.
    Photographs(PhotographSet),
}

impl Dataset {
    /// All data sets that have a name of their own.
    pub const ALL: [Dataset; 3] = [Dataset::Cifar10, Dataset::Cifar100, Dataset::Shapes];

    /// Its name in configurations and tables, such as `cifar10`.
    pub fn name(self) -> &'static str {
        match self {
            Dataset::Cifar10 => "cifar10",
            Dataset::Cifar100 => "cifar100",
            Dataset::Shapes => "shapes",
            Dataset::Photographs(set) => set.name(),
        }
    }

    /// What is known about it without reading its files.
    pub fn facts(self) -> Facts {
        match self {
            Dataset::Cifar10 => CIFAR10.facts(),
            Dataset::Cifar100 => CIFAR100.facts(),
            Dataset::Shapes => shapes::facts(),
            Dataset::Photographs(set) => set.facts(),
        }
    }

    /// Makes sure that the data set's files are there, downloading the official archive if they are not.
    ///
    /// They are looked for in `data_root`, else in the folder named by the environment variable `LONGTAIL_DATA`, else in
    /// `data` under the current directory. [`Dataset::Shapes`] needs no files.
    ///
    /// # Errors
    /// If the archive cannot be downloaded, is not the official one, or cannot be unpacked.
    pub fn fetch(self, data_root: Option<&Path>, progress: &mut dyn FnMut(DownloadProgress)) -> Result<(), DataError> {
        match self.cifar() {
            Some(cifar) => cifar.fetch(&data_folder(data_root), progress),
            None => Ok(()),
        }
    }

    /// Loads both splits to the CPU, after [`Dataset::fetch`], whose progress is not reported.
    ///
    /// # Errors
    /// If files are missing and cannot be fetched, cannot be read, or are not those of the data set.
    pub fn load(self, data_root: Option<&Path>) -> Result<Loaded, DataError> {
        let folder = data_folder(data_root);
        match (self, self.cifar()) {
            (_, Some(cifar)) => {
                cifar.fetch(&folder, &mut |_| {})?;
                cifar.read(&folder)
            }
            (Dataset::Photographs(set), None) => set.load(&folder),
            (_, None) => Ok(shapes::load()),
        }
    }

    /// As [`Dataset::load`], without a download; `None` where the files are missing.
    ///
    /// # Errors
    /// If the files cannot be read, or are not those of the data set.
    pub fn load_if_here(self, data_root: Option<&Path>) -> Option<Result<Loaded, DataError>> {
        let folder = data_folder(data_root);
        let is_here = match self {
            Dataset::Shapes => true,
            Dataset::Photographs(_) => folder.is_dir(),
            Dataset::Cifar10 | Dataset::Cifar100 => self.cifar().is_some_and(|cifar| cifar.locate(&folder).is_some()),
        };
        is_here.then(|| self.load(data_root))
    }

    /// The data set's files, if it has any.
    pub(crate) fn cifar(self) -> Option<&'static Cifar> {
        match self {
            Dataset::Cifar10 => Some(&CIFAR10),
            Dataset::Cifar100 => Some(&CIFAR100),
            Dataset::Shapes | Dataset::Photographs(_) => None,
        }
    }
}

/// The data set's [`name`](Dataset::name).
impl fmt::Display for Dataset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The folder of the data sets: the one asked for, else `LONGTAIL_DATA`, else `data`.
pub fn data_folder(asked: Option<&Path>) -> PathBuf {
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
    fn facts_are_those_of_the_loaded_images() {
        let (facts, loaded) = (Dataset::Shapes.facts(), Dataset::Shapes.load(None).unwrap());
        assert_eq!(facts.train, loaded.train.class_counts());
        assert_eq!(facts.test, loaded.test.class_counts());
        let images = loaded.train.in_memory().expect("they are made in memory");
        assert_eq!(images.size()[1..], [3, facts.side, facts.side], "height and width");
    }

    #[test]
    fn facts_of_cifar_are_the_published_ones() {
        for (dataset, classes, train, test) in [(Dataset::Cifar10, 10, 5000, 1000), (Dataset::Cifar100, 100, 500, 100)]
        {
            let facts = dataset.facts();
            assert_eq!(
                (facts.train, facts.test, facts.side),
                (vec![train; classes], vec![test; classes], 32)
            );
        }
    }

    #[test]
    fn every_class_has_a_name_of_its_own() {
        for dataset in Dataset::ALL {
            let facts = dataset.facts();
            let mut names = facts.class_names.clone();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len() as i64, facts.classes(), "{dataset}");
        }
    }

    #[test]
    fn folder_asked_for_comes_first() {
        assert_eq!(data_folder(Some(Path::new("elsewhere"))), Path::new("elsewhere"));
    }
}
