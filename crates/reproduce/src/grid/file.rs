//! The structure of a grid file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use datasets::photographs::{PhotographSet, PhotographSettings};
use datasets::{DataError, Dataset, Imbalance, Selection, Validation, data_folder};
use methods::{
    Augmentation, ContrastiveTerm, Distillation, ExpertAssignment, Experts, FeatureTransform, Head, Initial, Loss,
    Nearness, Protocol, Resample, Sampler, ShotSplit,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use super::overrides::Overrides;

/// A grid file, key by key. Keys that it leaves out have the protocol's values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GridFile {
    /// Data set.
    pub(super) dataset: DatasetEntry,
    /// Source of the defaults.
    #[serde(default)]
    pub(super) protocol: Protocol,
    /// How the images of each class are chosen.
    #[serde(default)]
    pub(super) selection: Selection,
    /// The images that are held out before that.
    pub(super) validation: Option<Spanned<Validation>>,
    /// How classes are divided into many-, medium- and few-shot.
    pub(super) shots: Option<Spanned<ShotSplit>>,
    /// Whether the summary has a table of accuracies under Gaussian noise.
    #[serde(default)]
    pub(super) noise_table: bool,
    /// How many images of each class are kept.
    pub(super) imbalance: Spanned<Vec<Spanned<Imbalance>>>,
    /// Seeds, a run each.
    pub(super) seeds: Spanned<Vec<Spanned<i64>>>,
    /// The regularizer with which every method that has none is run again, as `<name>+nc`.
    pub(super) plug_in: Option<Spanned<RegularizerEntry>>,
    /// Source of the published numbers to compare with: the beginning of its name in the embedded file.
    pub(super) published_source: Option<Spanned<String>>,
    /// The augmentation of every method that does not state its own.
    pub(super) augmentation: Option<Augmentation>,
    /// Settings that differ from the protocol's recipe.
    #[serde(default)]
    pub(super) recipe: RecipeEntry,
    /// Methods of the catalogue to train, in the order of the tables.
    #[serde(default)]
    pub(super) methods: Vec<Spanned<String>>,
    /// Changed settings by method name; each changed part is stated in full.
    #[serde(default)]
    pub(super) change: BTreeMap<Spanned<String>, Uses>,
    /// The published number to compare with, by the name of such a method.
    #[serde(default)]
    pub(super) published: BTreeMap<Spanned<String>, Spanned<PublishedEntry>>,
    /// The published number of its `+nc` twin.
    #[serde(default)]
    pub(super) published_with_plug_in: BTreeMap<Spanned<String>, Spanned<PublishedEntry>>,
    /// Methods the grid defines itself, listed after the others. After loading: all methods.
    #[serde(default)]
    pub(super) method: Vec<MethodEntry>,
}

/// As [`Dataset`]; photographs are looked up when the grid is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DatasetEntry {
    Cifar10,
    Cifar100,
    Shapes,
    Photographs(PhotographSettings),
}

impl DatasetEntry {
    /// The data set, whose photographs are in the folder `data`.
    ///
    /// # Errors
    /// If there are no such photographs.
    pub(super) fn open(&self, data: Option<&Path>) -> Result<Dataset, DataError> {
        Ok(match self {
            DatasetEntry::Cifar10 => Dataset::Cifar10,
            DatasetEntry::Cifar100 => Dataset::Cifar100,
            DatasetEntry::Shapes => Dataset::Shapes,
            DatasetEntry::Photographs(settings) => {
                Dataset::Photographs(PhotographSet::open(&data_folder(data), settings)?)
            }
        })
    }
}

/// A `[recipe]`: `like` names a recipe of the catalogue, and the other keys override it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Overrides")]
pub(super) struct RecipeEntry {
    pub(super) like: Option<Spanned<Value>>,
    pub(super) stated: Overrides,
}

impl From<Overrides> for RecipeEntry {
    fn from(mut stated: Overrides) -> RecipeEntry {
        RecipeEntry {
            like: stated.take("like"),
            stated,
        }
    }
}

/// One `[[method]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MethodEntry {
    /// The name, with which the ids of its runs begin.
    pub(super) name: Spanned<String>,
    /// The published number to compare with.
    pub(super) published: Option<Spanned<PublishedEntry>>,
    /// The published number of its `+nc` twin.
    pub(super) published_with_plug_in: Option<Spanned<PublishedEntry>>,
    /// Its parts.
    #[serde(default)]
    pub(super) uses: Uses,
}

/// A published number: its `"name"` in the grid's source, or a table with more.
#[derive(Clone, Debug)]
pub(super) struct PublishedEntry {
    /// The method's name in the source.
    pub(super) method: String,
    /// Instead of the grid's `published_source`.
    pub(super) source: Option<String>,
    /// The data set of the number, if it was published for one only.
    pub(super) dataset: Option<Dataset>,
    /// How the published training differs.
    pub(super) differs: Option<String>,
}

impl<'de> Deserialize<'de> for PublishedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublishedEntry, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// Reads a [`PublishedEntry`]. Written by hand, because serde's untagged enums lose the error inside a table.
struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = PublishedEntry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a method's name in `published_source`, or a table with `method` and what else is known")
    }

    fn visit_str<E>(self, method: &str) -> Result<PublishedEntry, E> {
        Ok(PublishedEntry {
            method: method.to_owned(),
            source: None,
            dataset: None,
            differs: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PublishedEntry, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, remote = "PublishedEntry")]
        struct Table {
            method: String,
            source: Option<String>,
            dataset: Option<Dataset>,
            differs: Option<String>,
        }
        Table::deserialize(MapAccessDeserializer::new(map))
    }
}

/// The parts of a method, as in [`methods::Method`]. A table of its own: serde's flatten would undo
/// `deny_unknown_fields`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uses {
    pub(super) sampler: Option<Sampler>,
    pub(super) resample: Option<Resample>,
    pub(super) augmentation: Option<Augmentation>,
    pub(super) loss: Option<Loss>,
    pub(super) reweight: Option<ReweightEntry>,
    pub(super) regularizer: Option<RegularizerEntry>,
    pub(super) contrast: Option<ContrastiveTerm>,
    pub(super) head: Option<Head>,
    pub(super) experts: Option<Experts>,
    pub(super) distillation: Option<Distillation>,
    pub(super) initial: Option<Initial>,
    pub(super) second_stage: Option<SecondStageEntry>,
}

/// As [`methods::Reweight`]; effective numbers override the protocol's, the others are stated in full.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ReweightEntry {
    ClassBalanced(Overrides),
    InverseFrequency { power: f64, start_epoch: i64 },
    CostSensitive { power: f64, start_epoch: i64 },
}

/// As [`methods::FeatureTerm`], overriding the protocol's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RegularizerEntry {
    Nc(Overrides),
}

/// As [`methods::SecondStage`], overriding the protocol's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum SecondStageEntry {
    Crt(Overrides),
    Lws(Overrides),
    Mislas(Overrides),
    DisAlign(Overrides),
    WeightBalancing(Overrides),
    TauNormalization(Overrides),
    LogitAdjustment(Overrides),
    NearestClassMean {
        #[serde(default)]
        features: FeatureTransform,
        #[serde(default)]
        nearness: Nearness,
    },
    ExpertAssignment(ExpertAssignment),
}
