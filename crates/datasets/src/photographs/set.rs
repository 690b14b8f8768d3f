//! A data set of photographs in files: which it is, and what was found when it was opened.

mod settings;
pub(crate) mod splits;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Tensor;

use crate::photographs::error::PhotographError;
use crate::photographs::index::PhotographIndex;
use crate::photographs::jitter::ColorJitter;
use crate::photographs::official::{IMAGENET, LargeSet};
use crate::photographs::pack::{self, Header, Pack, PackError, PackProgress, Packed, Packing};
use crate::photographs::replaced::Replaced;
pub use crate::photographs::set::settings::{ListFiles, PhotographSettings};
use crate::photographs::set::splits::Splits;
use crate::photographs::split::Photographs;
use crate::photographs::view::{EvaluationView, TrainingView};
use crate::records::Loaded;
use crate::split::Pixels;
use crate::{DataError, Facts, Normalization, Split};

/// A set of photographs that has been opened once: it knows its classes, how many photographs each has, and a digest of the list of their files.
/// Opened again, it is refused if these have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PhotographSet(&'static Opened);

#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    /// That of the large set, else of the folder.
    name: String,
    settings: PhotographSettings,
    /// How they are packed, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    packed: Option<Packing>,
    /// SHA-256 over the list: see [`Splits::digest`]; of packed photographs over their pixels too: see `pack`.
    digest: String,
    class_names: Vec<String>,
    /// Training photographs of each class.
    train: Vec<i64>,
    /// Test photographs of each class.
    test: Vec<i64>,
}

impl PhotographSet {
    /// Looks up which photographs are in the folder `root`.
    ///
    /// # Errors
    /// If they are not what the settings say: [`read_class_folders`](crate::photographs::read_class_folders), [`LargeSet::read`]; or the side is out of range.
    pub fn open(root: &Path, settings: &PhotographSettings) -> Result<PhotographSet, DataError> {
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
        let (opened, _) = Opened::find(root, settings)?;
        Ok(PhotographSet::of(opened))
    }

    /// Packs the photographs in the folder `root` into the folder `out`, with all cores. Shards that are there and intact are kept.
    ///
    /// # Errors
    /// If the photographs cannot be read or are in a pack, the folder cannot be written or holds another pack, or another process packs to it.
    pub fn pack(
        self,
        root: &Path,
        out: &Path,
        packing: Packing,
        progress: &(dyn Fn(PackProgress) + Sync),
    ) -> Result<Packed, DataError> {
        packing.check()?;
        if self.0.packed.is_some() {
            let folder = root.to_owned();
            return Err(PhotographError::from(PackError::AlreadyPacked { folder }).into());
        }
        packing
            .check_side(out, self.0.settings.side)
            .map_err(PhotographError::from)?;
        pack::write(
            Header::new(self, packing),
            &self.splits(root)?,
            out,
            threads(),
            progress,
        )
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
        let splits = self.splits(root)?;
        Ok(Loaded {
            train: self.split(splits.train),
            test: self.split(splits.test),
            digest: self.0.digest.clone(),
            source: root.display().to_string(),
        })
    }

    /// The photographs in `root`, if they are those that were opened first.
    fn splits(self, root: &Path) -> Result<Splits, DataError> {
        let (found, splits) = Opened::find(root, &self.0.settings)?;
        let stored = |packed: Option<Packing>| {
            packed.map_or("photographs in files".to_owned(), |packing| {
                format!("photographs {packing}")
            })
        };
        if found.packed != self.0.packed {
            return Err(PhotographError::OtherPacking {
                path: root.to_owned(),
                found: stored(found.packed),
                expected: stored(self.0.packed),
            }
            .into());
        }
        if found.digest != self.0.digest {
            return Err(PhotographError::Changed {
                path: root.to_owned(),
                found: [splits.train.len(), splits.test.len()],
                expected: self.photographs().map(|photographs| photographs as i64),
            }
            .into());
        }
        Ok(splits)
    }

    /// Training and test photographs.
    pub(crate) fn photographs(self) -> [usize; 2] {
        [&self.0.train, &self.0.test].map(|counts| counts.iter().sum::<i64>() as usize)
    }

    /// See [`Splits::digest`].
    pub(crate) fn digest(self) -> &'static str {
        &self.0.digest
    }

    /// `[k]`
    pub(crate) fn class_names(self) -> &'static [String] {
        &self.0.class_names
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
            workers: threads(),
            replaced: Replaced::default(),
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

impl Opened {
    /// What is in the folder `root`: a pack, or photographs in files.
    fn find(root: &Path, settings: &PhotographSettings) -> Result<(Opened, Splits), DataError> {
        let pack = Pack::open(root)?;
        if let Some(pack) = pack {
            let files = pack.set.0;
            check_packed(root, &files.settings, settings, pack.packing).map_err(PhotographError::from)?;
            let name = format!("{} {}", files.name, pack.packing);
            let opened = Opened::new(name, settings, Some(pack.packing), pack.digest, &pack.splits);
            return Ok((opened, pack.splits));
        }
        let splits = Splits::read(root, settings, threads())?;
        let name = settings.set.map_or_else(|| name_of(root), |set| set.name().to_owned());
        let opened = Opened::new(name, settings, None, splits.digest(), &splits);
        Ok((opened, splits))
    }

    fn new(
        name: String,
        settings: &PhotographSettings,
        packed: Option<Packing>,
        digest: String,
        splits: &Splits,
    ) -> Opened {
        Opened {
            name,
            settings: settings.clone(),
            packed,
            digest,
            class_names: splits.train.class_names().to_vec(),
            train: splits.train.class_counts(),
            test: splits.test.class_counts(),
        }
    }
}

/// Whether a pack with the settings `packed` is what `asked` asks for: the same photographs in the same splits, and large enough.
fn check_packed(
    root: &Path,
    packed: &PhotographSettings,
    asked: &PhotographSettings,
    packing: Packing,
) -> Result<(), PackError> {
    if !packed.are_the_same_photographs(asked) {
        return Err(PackError::OtherSettings {
            folder: root.to_owned(),
            packed: packed.to_string(),
            asked: asked.to_string(),
        });
    }
    packing.check_side(root, asked.side)
}

fn threads() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn name_of(root: &Path) -> String {
    let whole: PathBuf = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
