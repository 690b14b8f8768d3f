//! Checks of a grid file that do not depend on the protocol.

use std::fmt::Display;

use methods::{ShotSplit, require};
use toml::Spanned;

use super::error::{Fault, Refusal};
use super::file::{GridFile, PublishedEntry};
use super::spelling;
use crate::grid::published;

impl GridFile {
    /// Refuses empty lists, duplicates, invalid names and ratios, and names of published numbers that do not exist.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let lists = [
            ("imbalance", self.imbalance.get_ref().is_empty(), self.imbalance.span()),
            ("seeds", self.seeds.get_ref().is_empty(), self.seeds.span()),
            ("methods", self.method.is_empty(), 0..0),
        ];
        if let Some((what, _, span)) = lists.into_iter().find(|(_, is_empty, _)| *is_empty) {
            return Err(Fault::new(span, Refusal::Empty(what)));
        }
        for entry in self.imbalance.get_ref() {
            if let Some(ratio) = entry.get_ref().ratio() {
                let holds = ratio.is_finite() && ratio >= 1.0;
                require("ratio", ratio, holds, "a finite number, 1 or above")
                    .map_err(|error| Fault::new(entry.span(), error.into()))?;
            }
        }
        if let Some(validation) = &self.validation {
            let per_class = validation.get_ref().per_class;
            require("per_class", per_class as f64, per_class >= 1, "1 or more")
                .map_err(|error| Fault::new(validation.span(), error.into()))?;
        }
        if let Some(shots) = &self.shots
            && let ShotSplit::Thresholds { many, few } = *shots.get_ref()
        {
            let expected = "0 to `many`: the classes between the two thresholds are the medium-shot ones";
            require("few", few as f64, (0..=many).contains(&few), expected)
                .map_err(|error| Fault::new(shots.span(), error.into()))?;
        }
        let names: Vec<Spanned<String>> = self.method.iter().map(|entry| entry.name.clone()).collect();
        if let Some(name) = names.iter().find(|name| !can_name_a_directory(name.get_ref())) {
            return Err(Fault::new(name.span(), Refusal::Name(name.get_ref().clone())));
        }
        check_distinct("method", &names)?;
        check_distinct("imbalance", self.imbalance.get_ref())?;
        check_distinct("seed", self.seeds.get_ref())?;
        self.check_published()
    }

    fn check_published(&self) -> Result<(), Fault> {
        if let Some(source) = &self.published_source {
            check_source(source.get_ref()).map_err(|refusal| Fault::new(source.span(), refusal))?;
        }
        let mut stated = self.method.iter();
        if self.plug_in.is_none()
            && let Some(published) = stated.find_map(|entry| entry.published_with_plug_in.as_ref())
        {
            return Err(Fault::new(published.span(), Refusal::NoTwin));
        }
        let stated = self.method.iter();
        for entry in stated
            .flat_map(|entry| [&entry.published, &entry.published_with_plug_in])
            .flatten()
        {
            self.check_entry(entry.get_ref())
                .map_err(|refusal| Fault::new(entry.span(), refusal))?;
        }
        Ok(())
    }

    fn check_entry(&self, entry: &PublishedEntry) -> Result<(), Refusal> {
        let Some(source) = self.source_of(entry) else {
            return Err(Refusal::NoSource(entry.method.clone()));
        };
        check_source(source)?;
        let known = published::methods(source);
        if known.contains(&entry.method.as_str()) {
            return Ok(());
        }
        Err(Refusal::Unpublished {
            what: "method",
            value: entry.method.clone(),
            known: known.join(", ") + &spelling::hint(&entry.method, &known),
        })
    }

    /// The source in which the number of `entry` is looked up.
    pub(super) fn source_of<'a>(&'a self, entry: &'a PublishedEntry) -> Option<&'a str> {
        let default = self.published_source.as_ref().map(|source| source.get_ref().as_str());
        entry.source.as_deref().or(default)
    }
}

fn check_source(source: &str) -> Result<(), Refusal> {
    let known = published::sources();
    if known.contains(&source) {
        return Ok(());
    }
    Err(Refusal::Unpublished {
        what: "source",
        value: source.to_owned(),
        known: known.join("; ") + &spelling::hint(source, &known),
    })
}

/// `+` and `~` are excluded: they mark plug-in twins and first stages. File systems allow 255 bytes, some of which the rest of an id takes.
fn can_name_a_directory(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

fn check_distinct<T: PartialEq + Display>(what: &'static str, entries: &[Spanned<T>]) -> Result<(), Fault> {
    match first_repeated(entries) {
        None => Ok(()),
        Some(entry) => Err(Fault::new(
            entry.span(),
            Refusal::Repeated {
                what,
                value: entry.to_string(),
            },
        )),
    }
}

/// The first entry that equals an earlier one.
pub(super) fn first_repeated<T: PartialEq>(entries: &[T]) -> Option<&T> {
    (0..entries.len())
        .find(|&index| entries[..index].contains(&entries[index]))
        .map(|index| &entries[index])
}
