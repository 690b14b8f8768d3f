//! A data set of photographs in files: which it is, and what was found when it was opened.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::photographs::error::PhotographError;
use crate::photographs::folder::read_class_folders;
use crate::photographs::index::PhotographIndex;
use crate::photographs::jitter::ColorJitter;
use crate::photographs::official::{IMAGENET, LargeSet};
use crate::photographs::split::Photographs;
use crate::photographs::view::{EvaluationView, TrainingView};
use crate::records::Loaded;
use crate::split::Pixels;
use crate::{DataError, Facts, Normalization, Split, Validation};

/// A set of photographs that has been opened once: it knows its classes, how many photographs each has, and a digest of the list of their files.
/// Opened again, it is refused if these have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PhotographSet(&'static Opened);

/// Which photographs, and how they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotographSettings {
    /// The large set whose official lists are in the folder; without it, any folder with one folder a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<LargeSet>,
    /// Height and width that the network sees, pixels.
    #[serde(default = "usual_side")]
    pub side: usize,
    /// Photographs of each class that are the test, where the folder has no folder `test` or `val` beside `train`.
    #[serde(default = "usual_hold_out")]
    pub hold_out: Validation,
}

/// As published code has it for all three large sets.
fn usual_side() -> usize {
    224
}

fn usual_hold_out() -> Validation {
    Validation { per_class: 10, seed: 0 }
}

#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    /// That of the large set, else of the folder.
    name: String,
    settings: PhotographSettings,
    /// SHA-256 over the list: see [`Splits::digest`].
    digest: String,
    class_names: Vec<String>,
    /// Training photographs of each class.
    train: Vec<i64>,
    /// Test photographs of each class.
    test: Vec<i64>,
}

struct Splits {
    train: PhotographIndex,
    test: PhotographIndex,
}

impl PhotographSet {
    /// Looks up which photographs are in the folder `root`.
    ///
    /// # Errors
    /// If they are not what the settings say: [`read_class_folders`], [`LargeSet::read`]; or the side is out of range.
    pub fn open(root: &Path, settings: PhotographSettings) -> Result<PhotographSet, DataError> {
        if !(1..=EvaluationView::LARGEST_USUAL).contains(&settings.side) {
            return Err(PhotographError::Side {
                side: settings.side,
                largest: EvaluationView::LARGEST_USUAL,
            }
            .into());
        }
        if settings.hold_out.per_class < 1 {
            return Err(PhotographError::NothingHeldOut {
                per_class: settings.hold_out.per_class,
            }
            .into());
        }
        let splits = Splits::read(root, settings)?;
        let name = match settings.set {
            Some(set) => set.name().to_owned(),
            None => name_of(root),
        };
        Ok(PhotographSet::of(Opened {
            name,
            settings,
            digest: splits.digest(),
            class_names: splits.train.class_names().to_vec(),
            train: splits.train.class_counts(),
            test: splits.test.class_counts(),
        }))
    }

    /// The set's name in tables, such as `imagenet-lt` or that of the folder.
    pub fn name(self) -> &'static str {
        &self.0.name
    }

    /// The official lists that it is read from; `None`: any folder.
    pub fn large_set(self) -> Option<LargeSet> {
        self.0.settings.set
    }

    pub(crate) fn facts(self) -> Facts {
        Facts {
            train: self.0.train.clone(),
            test: self.0.test.clone(),
            class_names: self.0.class_names.iter().map(String::as_str).collect(),
            side: self.0.settings.side as i64,
            normalization: self.normalization(),
        }
    }

    fn normalization(self) -> Normalization {
        self.large_set().map_or(IMAGENET, |set| set.facts().normalization)
    }

    /// Opens both splits in `root`.
    ///
    /// # Errors
    /// If they cannot be opened, or are not those that were opened first.
    pub(crate) fn load(self, root: &Path) -> Result<Loaded, DataError> {
        let splits = Splits::read(root, self.0.settings)?;
        if splits.digest() != self.0.digest {
            return Err(PhotographError::Changed {
                path: root.to_owned(),
                found: [splits.train.len(), splits.test.len()],
                expected: [self.0.train.iter().sum(), self.0.test.iter().sum()],
            }
            .into());
        }
        Ok(Loaded {
            train: self.split(splits.train),
            test: self.split(splits.test),
            digest: self.0.digest.clone(),
            source: root.display().to_string(),
        })
    }

    fn split(self, index: PhotographIndex) -> Split {
        let side = self.0.settings.side;
        let jitters = matches!(self.large_set(), Some(LargeSet::ImagenetLt | LargeSet::PlacesLt));
        let labels = Tensor::from_slice(&index.label_list());
        let classes = index.classes();
        let photographs = Photographs {
            index: Arc::new(index),
            training: TrainingView {
                jitter: jitters.then_some(ColorJitter::IMAGENET_LT),
                ..TrainingView::new(side)
            },
            evaluation: EvaluationView::usual(side),
            workers: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        Split {
            pixels: Pixels::Files(photographs),
            labels,
            classes,
        }
    }

    /// The set that is equal to `opened`. There are a few of them in the life of a program, so that they are kept to its end.
    fn of(opened: Opened) -> PhotographSet {
        static KNOWN: Mutex<Vec<&'static Opened>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(equal) = known.iter().find(|known| ***known == opened) {
            return PhotographSet(equal);
        }
        let kept: &'static Opened = Box::leak(Box::new(opened));
        known.push(kept);
        PhotographSet(kept)
    }
}

impl Serialize for PhotographSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PhotographSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PhotographSet, D::Error> {
        Opened::deserialize(deserializer).map(PhotographSet::of)
    }
}

impl Splits {
    fn read(root: &Path, settings: PhotographSettings) -> Result<Splits, DataError> {
        if !root.is_dir() {
            return Err(PhotographError::NoFolder { path: root.to_owned() }.into());
        }
        match settings.set {
            None => {
                let folders = read_class_folders(root, settings.hold_out)?;
                Ok(Splits {
                    train: folders.train,
                    test: folders.test,
                })
            }
            Some(set) => {
                let own = Some(root.join(set.name())).filter(|folder| folder.is_dir());
                let root = own.as_deref().unwrap_or(root);
                let splits = set.read(root, root)?;
                Ok(Splits {
                    train: splits.train,
                    test: splits.test,
                })
            }
        }
    }

    /// SHA-256 in lowercase hexadecimal over, for the training split and then the test split: the number of photographs, and the label and
    /// the path of each, and the length of its file. The files are not read: they may be many gigabytes.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for index in [&self.train, &self.test] {
            digest.update((index.len() as u64).to_le_bytes());
            for position in 0..index.len() {
                digest.update(index.label(position).to_le_bytes());
                digest.update(index.relative_path(position));
                let length = fs::metadata(index.path(position)).map_or(0, |file| file.len()); // what is missing is said when it is read
                digest.update(length.to_le_bytes());
            }
        }
        format!("{:x}", digest.finalize())
    }
}

fn name_of(root: &Path) -> String {
    let whole: PathBuf = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
