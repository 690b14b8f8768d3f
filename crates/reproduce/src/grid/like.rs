//! A grid file that repeats another one, and states what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use methods::{Augmentation, Protocol};
use serde::Deserialize;
use toml::Spanned;

use super::GridError;
use super::file::{DatasetEntry, GridFile, RecipeEntry, Uses};
use super::read::{Source, parse};

/// The keys of such a file. Those that it leaves out have the other's values.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LikeFile {
    /// The other file, in the same folder.
    pub(super) like: PathBuf,
    /// Data set.
    dataset: Option<DatasetEntry>,
    /// Source of the defaults.
    protocol: Option<Protocol>,
    /// The augmentation of every method that does not state its own.
    augmentation: Option<Augmentation>,
    /// Settings that differ from the other's recipe.
    #[serde(default)]
    recipe: RecipeEntry,
    /// Methods of the catalogue, instead of the other's; its lines for those that are not named here are left out.
    #[serde(default)]
    methods: Vec<Spanned<String>>,
    /// Changed settings by method name, each instead of the other's for that method.
    #[serde(default)]
    change: BTreeMap<Spanned<String>, Uses>,
}

impl LikeFile {
    /// Reads a grid file: the text of its keys, the file of the other one if it is like it, and that one's text.
    ///
    /// # Errors
    /// If one of them cannot be read, or the first one is no such file.
    pub(super) fn read(path: &Path) -> Result<(Source, Option<(LikeFile, Source)>), GridError> {
        let source = Source::read(path)?;
        if !toml::from_str(&source.text).is_ok_and(|table: toml::Table| table.contains_key("like")) {
            return Ok((source, None));
        }
        let like: LikeFile = parse(&source.path, &source.text)?;
        let other = Source::read(&source.path.with_file_name(&like.like))?;
        // Read again after as many lines as the other's text has bytes, so that a place says which of the texts it is in.
        let after = "\n".repeat(other.after()) + &source.text;
        let like = parse(&source.path, &after)?;
        Ok((other, Some((like, source))))
    }

    /// Changes the other one's keys.
    pub(super) fn over(self, file: &mut GridFile) {
        if let Some(dataset) = self.dataset {
            file.dataset = dataset;
        }
        file.protocol = self.protocol.unwrap_or(file.protocol);
        file.augmentation = self.augmentation.or_else(|| file.augmentation.take());
        file.recipe.like = self.recipe.like.or_else(|| file.recipe.like.take());
        file.recipe.stated.update(self.recipe.stated);
        if !self.methods.is_empty() {
            let is_named = |name: &Spanned<String>| self.methods.iter().any(|method| method == name);
            file.change.retain(|name, _| is_named(name));
            file.published.retain(|name, _| is_named(name));
            file.published_with_plug_in.retain(|name, _| is_named(name));
            file.methods = self.methods;
        }
        for (name, change) in self.change {
            file.change.remove(name.get_ref().as_str()); // with its place
            file.change.insert(name, change);
        }
    }
}
