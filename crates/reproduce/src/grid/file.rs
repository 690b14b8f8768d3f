//! A grid as a person writes it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use datasets::{Dataset, Imbalance, Selection, Validation};
use methods::{
    Augmentation, ContrastiveTerm, Distillation, ExpertAssignment, Experts, FeatureTransform, Head, Initial, Loss,
    Nearness, Protocol, Resample, Sampler, ShotSplit,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use super::overrides::Overrides;

/// A grid file, key for key. What it leaves out is the protocol's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GridFile {
    /// What is trained on.
    pub(super) dataset: Dataset,
    /// Where defaults come from.
    #[serde(default)]
    pub(super) protocol: Protocol,
    /// Which images of each class are kept.
    #[serde(default)]
    pub(super) selection: Selection,
    /// Which images are held out before that.
    pub(super) validation: Option<Spanned<Validation>>,
    /// Which classes count as many-, medium- and few-shot.
    pub(super) shots: Option<Spanned<ShotSplit>>,
    /// Whether the summary has a table of accuracies under Gaussian noise.
    #[serde(default)]
    pub(super) noise_table: bool,
    /// How many are kept.
    pub(super) imbalance: Spanned<Vec<Spanned<Imbalance>>>,
    /// One run each.
    pub(super) seeds: Spanned<Vec<Spanned<i64>>>,
    /// Runs every method without a regularizer again with this one, as `<name>+nc`.
    pub(super) plug_in: Option<Spanned<RegularizerEntry>>,
    /// Source of the published numbers to compare with, as it begins in the embedded file.
    pub(super) published_source: Option<Spanned<String>>,
    /// What happens to images, in every method that does not say otherwise.
    pub(super) augmentation: Option<Augmentation>,
    /// What differs from the protocol's recipe.
    #[serde(default)]
    pub(super) recipe: RecipeEntry,
    /// Those of the catalogue that are trained, in the order of the tables that come out.
    #[serde(default)]
    pub(super) methods: Vec<Spanned<String>>,
    /// By the name of such a method, its parts whose settings are others here, each stated whole.
    #[serde(default)]
    pub(super) change: BTreeMap<Spanned<String>, Uses>,
    /// By the name of such a method, the published number to compare with.
    #[serde(default)]
    pub(super) published: BTreeMap<Spanned<String>, Spanned<PublishedEntry>>,
    /// That of its `+nc` twin.
    #[serde(default)]
    pub(super) published_with_plug_in: BTreeMap<Spanned<String>, Spanned<PublishedEntry>>,
    /// Methods of its own, after those. Once the grid is loaded, all of them.
    #[serde(default)]
    pub(super) method: Vec<MethodEntry>,
}

/// A grid file that is another one on another data set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LikeFile {
    /// The other one, beside it.
    pub(super) like: PathBuf,
    /// What is trained on instead.
    pub(super) dataset: Dataset,
}

/// A `[recipe]`: `like` names a recipe of the catalogue, and the other keys are laid over it.
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
    /// Begins the names of its runs' directories.
    pub(super) name: Spanned<String>,
    /// The published number to compare with.
    pub(super) published: Option<Spanned<PublishedEntry>>,
    /// That of its `+nc` twin.
    pub(super) published_with_plug_in: Option<Spanned<PublishedEntry>>,
    /// Its parts.
    #[serde(default)]
    pub(super) uses: Uses,
}

/// A published number: `"name"` in the grid's source, or a table that says more.
#[derive(Clone, Debug)]
pub(super) struct PublishedEntry {
    /// The method's name in the source.
    pub(super) method: String,
    /// Instead of the grid's `published_source`.
    pub(super) source: Option<String>,
    /// Where the number is of this method on one data set only, that one.
    pub(super) dataset: Option<Dataset>,
    /// What is different in the published training.
    pub(super) differs: Option<String>,
}

impl<'de> Deserialize<'de> for PublishedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublishedEntry, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// Reads a [`PublishedEntry`]. By hand, because serde's untagged enums lose what is wrong with a table.
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

/// As [`methods::Reweight`]; effective numbers are laid over the protocol's, the others stated in full.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ReweightEntry {
    ClassBalanced(Overrides),
    InverseFrequency { power: f64, start_epoch: i64 },
    CostSensitive { power: f64, start_epoch: i64 },
}

/// As [`methods::FeatureTerm`], laid over the protocol's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RegularizerEntry {
    Nc(Overrides),
}

/// As [`methods::SecondStage`], laid over the protocol's.
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
