//! The catalogue of methods (family, paper, parts) and recipes that grids share. It is embedded in the binary.

mod page;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::Spanned;

use super::error::Refusal;
use super::file::Uses;
use super::overrides::Overrides;
use super::spelling;

pub(crate) use page::{list, page};

/// A method of `benchmarks/methods.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its family in the survey.
    family: Family,
    /// First author and year.
    paper: String,
    /// Its names in earlier grids.
    #[serde(default)]
    aliases: Vec<String>,
    /// Its parts.
    #[serde(default)]
    pub(super) uses: Uses,
}

/// The families: the nine sub-families of Zhang et al., "Deep Long-Tailed Learning: A Survey" (TPAMI 2023, §3), and the baselines they
/// are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Family {
    Baseline,
    ReSampling,
    ClassSensitiveLearning,
    LogitAdjustment,
    TransferLearning,
    DataAugmentation,
    RepresentationLearning,
    ClassifierDesign,
    DecoupledTraining,
    EnsembleLearning,
}

/// Names and methods, in the order of the file.
static METHODS: LazyLock<Vec<(String, Entry)>> = LazyLock::new(|| {
    let entries: BTreeMap<Spanned<String>, Entry> =
        toml::from_str(include_str!("../../../../benchmarks/methods.toml")).expect("the file is embedded and tested");
    let mut entries: Vec<(Spanned<String>, Entry)> = entries.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
        .into_iter()
        .map(|(name, entry)| (name.into_inner(), entry))
        .collect()
});

static RECIPES: LazyLock<BTreeMap<String, Overrides>> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../../benchmarks/recipes.toml")).expect("the file is embedded and tested")
});

/// The method called `name`.
///
/// # Errors
/// If there is none, or if it has been renamed.
pub(super) fn method(name: &str) -> Result<&'static Entry, Refusal> {
    if let Some((_, entry)) = METHODS.iter().find(|(known, _)| known == name) {
        return Ok(entry);
    }
    let value = name.to_owned();
    if let Some((known, _)) = METHODS
        .iter()
        .find(|(_, entry)| entry.aliases.iter().any(|alias| alias == name))
    {
        let today = known.clone();
        return Err(Refusal::Renamed { value, today });
    }
    let known: Vec<&str> = METHODS.iter().map(|(known, _)| known.as_str()).collect();
    let hint = spelling::hint(name, &known);
    Err(Refusal::UnknownMethod { value, hint })
}

/// The names of the method `name` in earlier grids; none if a grid defines the method itself.
pub(super) fn aliases(name: &str) -> &'static [String] {
    let known = METHODS.iter().find(|(known, _)| known == name);
    known.map_or(&[], |(_, entry)| &entry.aliases)
}

/// The family of the method `name`, or of the one that `name` is the `+nc` twin of; `None` if a grid defines it itself.
pub(crate) fn family(name: &str) -> Option<&'static str> {
    let original = name.strip_suffix("+nc").unwrap_or(name);
    let known = METHODS.iter().find(|(known, _)| known == original);
    known.map(|(_, entry)| entry.family.title())
}

/// The settings in which the recipe called `name` differs from a protocol's.
///
/// # Errors
/// If there is none.
pub(super) fn recipe(name: &str) -> Result<&'static Overrides, Refusal> {
    RECIPES.get(name).ok_or_else(|| {
        let known: Vec<&str> = RECIPES.keys().map(String::as_str).collect();
        Refusal::UnknownRecipe {
            value: name.to_owned(),
            known: known.join(", ") + &spelling::hint(name, &known),
        }
    })
}

/// Whether `text` is a file such as `benchmarks/methods.toml` or `recipes.toml`: only tables, none of which a grid has.
pub(super) fn lists(text: &str) -> bool {
    let of_grids = ["recipe", "change", "augmentation", "shots", "validation"];
    toml::from_str(text).is_ok_and(|table: toml::Table| {
        !table.is_empty()
            && table
                .iter()
                .all(|(key, value)| value.is_table() && !of_grids.contains(&key.as_str()))
    })
}

impl Family {
    fn title(self) -> &'static str {
        match self {
            Family::Baseline => "Baselines",
            Family::ReSampling => "Class re-balancing: re-sampling",
            Family::ClassSensitiveLearning => "Class re-balancing: class-sensitive learning",
            Family::LogitAdjustment => "Class re-balancing: logit adjustment",
            Family::TransferLearning => "Information augmentation: transfer learning",
            Family::DataAugmentation => "Information augmentation: data augmentation",
            Family::RepresentationLearning => "Module improvement: representation learning",
            Family::ClassifierDesign => "Module improvement: classifier design",
            Family::DecoupledTraining => "Module improvement: decoupled training",
            Family::EnsembleLearning => "Module improvement: ensemble learning",
        }
    }
}

#[cfg(test)]
mod tests;
