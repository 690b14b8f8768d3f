//! The three large benchmarks of the field: what their official lists are called, what they hold, and where the photographs
//! of a list are on a disk.

mod look_up;

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::photographs::error::PhotographError;
use crate::photographs::index::PhotographIndex;
use crate::photographs::layout;
use crate::photographs::list::read_list;
use crate::{DataError, Normalization};

pub use look_up::{ListedSplit, LookedUp};

/// A large long-tailed data set with official lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LargeSet {
    /// ImageNet-LT (Liu et al. 2019): a part of ImageNet's 1,000 classes; its test split is ImageNet's validation split.
    ImagenetLt,
    /// iNaturalist 2018 (Van Horn et al. 2018), long-tailed as it is; its validation split is the reported test.
    Inaturalist2018,
    /// Places-LT (Liu et al. 2019): a part of Places-365; its test split is from Places' validation split.
    PlacesLt,
}

/// A split of a [`LargeSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LargeSplit {
    /// What is trained on.
    Train,
    /// What settings are chosen on.
    Validation,
    /// What is reported.
    Test,
}

/// What an official list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFacts {
    /// Its file's name.
    pub file: &'static str,
    /// Photographs n.
    pub photographs: i64,
    /// Photographs of the largest class.
    pub largest: i64,
    /// Photographs of the smallest class.
    pub smallest: i64,
}

/// What is known about a [`LargeSet`] without its files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LargeFacts {
    /// Number of classes k.
    pub classes: usize,
    /// The training list.
    pub train: ListFacts,
    /// The validation list; `None` where the set's validation split is the reported test.
    pub validation: Option<ListFacts>,
    /// The list of the split that papers report.
    pub test: ListFacts,
    /// Classes with more than 100, with 20 to 100, and with fewer than 20 training photographs.
    pub groups: [usize; 3],
    /// Means and deviations that published code uses.
    pub normalization: Normalization,
    /// Where the lists are published.
    pub lists_from: &'static str,
}

/// The splits of a [`LargeSet`], with the same classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeSplits {
    /// What is trained on.
    pub train: PhotographIndex,
    /// What settings are chosen on, if the set has such a split beside the reported one.
    pub validation: Option<PhotographIndex>,
    /// What is reported.
    pub test: PhotographIndex,
}

/// As torchvision's pre-trained networks, and the public code of ImageNet-LT and Places-LT, use it.
pub(crate) const IMAGENET: Normalization = Normalization {
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
};

/// In `data/SET`, the lists of ImageNet-LT, iNaturalist 2018 and Places-LT.
const CLASSIFIER_BALANCING: &str = "github.com/facebookresearch/classifier-balancing";

impl LargeSet {
    /// All of them.
    pub const ALL: [LargeSet; 3] = [LargeSet::ImagenetLt, LargeSet::Inaturalist2018, LargeSet::PlacesLt];

    /// Its name in configurations and tables, such as `imagenet-lt`.
    pub fn name(self) -> &'static str {
        match self {
            LargeSet::ImagenetLt => "imagenet-lt",
            LargeSet::Inaturalist2018 => "inaturalist2018",
            LargeSet::PlacesLt => "places-lt",
        }
    }

    /// What is known about it without its files.
    ///
    /// Totals, and the sizes of classes, are those of Liu et al. (2019) and of the lists. The groups follow from the lists by
    /// the rule of Liu et al.; code that sorts the classes and splits them by index (MiSLAS) has 390, 445 and 165 classes in
    /// ImageNet-LT's groups and 131, 157 and 77 in Places-LT's instead.
    pub fn facts(self) -> LargeFacts {
        let balanced = |file, classes: i64, of_each| ListFacts {
            file,
            photographs: classes * of_each,
            largest: of_each,
            smallest: of_each,
        };
        let train = |file, photographs, largest, smallest| ListFacts {
            file,
            photographs,
            largest,
            smallest,
        };
        match self {
            LargeSet::ImagenetLt => LargeFacts {
                classes: 1000,
                train: train("ImageNet_LT_train.txt", 115_846, 1280, 5),
                validation: Some(balanced("ImageNet_LT_val.txt", 1000, 20)),
                test: balanced("ImageNet_LT_test.txt", 1000, 50),
                groups: [385, 479, 136],
                normalization: IMAGENET,
                lists_from: CLASSIFIER_BALANCING,
            },
            LargeSet::Inaturalist2018 => LargeFacts {
                classes: 8142,
                train: train("iNaturalist18_train.txt", 437_513, 1000, 2),
                validation: None,
                test: balanced("iNaturalist18_val.txt", 8142, 3),
                groups: [842, 3701, 3599],
                normalization: Normalization {
                    mean: [0.466, 0.471, 0.380],
                    deviation: [0.195, 0.194, 0.192],
                },
                lists_from: CLASSIFIER_BALANCING,
            },
            LargeSet::PlacesLt => LargeFacts {
                classes: 365,
                train: train("Places_LT_train.txt", 62_500, 4980, 5),
                validation: Some(balanced("Places_LT_val.txt", 365, 20)),
                test: balanced("Places_LT_test.txt", 365, 100),
                groups: [131, 163, 71],
                normalization: IMAGENET,
                lists_from: CLASSIFIER_BALANCING,
            },
        }
    }

    /// Reads the official lists in the folder `lists`, for photographs below `root`, in whichever of the set's layouts they are
    /// there: see [`read_list`] for the lists. Which layout it is, is found out once for each split by looking for a
    /// few photographs. If none is there, the paths stay as listed, and
    /// [`PhotographIndex::missing`] says what is missing.
    ///
    /// # Errors
    /// If a list is missing, cannot be read, or has not the published number of photographs, in all and in the largest and the
    /// smallest class.
    pub fn read(self, lists: &Path, root: &Path) -> Result<LargeSplits, DataError> {
        let facts = self.facts();
        self.check_lists(&facts, lists)?;
        let listed = |list: ListFacts| self.read_official(&facts, list, lists, root);
        let train = listed(facts.train)?;
        let names = train.class_names().to_vec();
        let found = |mut index: PhotographIndex, split| {
            index.set_class_names(names.clone());
            layout::on_disk(self, split, index)
        };
        let validation = match facts.validation {
            None => None,
            Some(list) => Some(found(listed(list)?, LargeSplit::Validation)),
        };
        Ok(LargeSplits {
            validation,
            test: found(listed(facts.test)?, LargeSplit::Test),
            train: found(train, LargeSplit::Train),
        })
    }

    /// Whether all lists are in the folder.
    fn check_lists(self, facts: &LargeFacts, folder: &Path) -> Result<(), PhotographError> {
        let lists = [Some(facts.train), facts.validation, Some(facts.test)];
        let lists = lists.iter().flatten().map(|list| list.file);
        let absent: Vec<&str> = lists.filter(|file| !folder.join(file).exists()).collect();
        if absent.is_empty() {
            return Ok(());
        }
        Err(PhotographError::NoList {
            folder: folder.to_owned(),
            files: absent.join("`, `"),
            set: self.name(),
            source_of_lists: facts.lists_from,
        })
    }

    /// Whether as many classes as published have many, some and few photographs, which tells lists with the same totals apart.
    pub(crate) fn check_groups(
        self,
        facts: &LargeFacts,
        train: &PhotographIndex,
        path: &Path,
    ) -> Result<(), PhotographError> {
        let counts = train.class_counts();
        let of = |range: RangeInclusive<i64>| counts.iter().filter(|count| range.contains(count)).count();
        let found = [of(101..=i64::MAX), of(20..=100), of(0..=19)];
        let names = [
            "classes of more than 100 photographs",
            "classes of 20 to 100 photographs",
            "classes of fewer than 20 photographs",
        ];
        for ((what, found), expected) in names.into_iter().zip(found).zip(facts.groups) {
            if found != expected {
                return Err(self.wrong_total(path, what, found as i64, expected as i64));
            }
        }
        Ok(())
    }

    fn wrong_total(self, path: &Path, what: &'static str, found: i64, expected: i64) -> PhotographError {
        PhotographError::WrongTotal {
            path: path.to_owned(),
            set: self.name(),
            what,
            found,
            expected,
        }
    }

    fn read_official(
        self,
        facts: &LargeFacts,
        list: ListFacts,
        lists: &Path,
        root: &Path,
    ) -> Result<PhotographIndex, DataError> {
        let path = lists.join(list.file);
        let index = read_list(&path, root, Some(facts.classes))?;
        self.check(list, &index, &path)?;
        Ok(index)
    }

    /// Whether the photographs read from `path` are as many as published, in all and in the largest and the smallest class.
    pub(crate) fn check(self, list: ListFacts, index: &PhotographIndex, path: &Path) -> Result<(), PhotographError> {
        let counts = index.class_counts();
        let largest = counts.iter().copied().max().unwrap_or(0);
        let smallest = counts.iter().copied().min().unwrap_or(0);
        for (what, found, expected) in [
            ("photographs", index.len() as i64, list.photographs),
            ("photographs of the largest class", largest, list.largest),
            ("photographs of the smallest class", smallest, list.smallest),
        ] {
            if found != expected {
                return Err(self.wrong_total(path, what, found, expected));
            }
        }
        Ok(())
    }
}

/// The data set's [`name`](LargeSet::name).
impl fmt::Display for LargeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
