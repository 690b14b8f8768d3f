//! What is wrong with a grid file under every protocol.

use std::fmt::Display;

use toml::Spanned;

use super::error::{Fault, Refusal};
use super::file::GridFile;
use crate::grid::published;

impl GridFile {
    /// Refuses empty lists, repetitions, unfit names, impossible ratios and published names that nobody published.
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
            let ratio = entry.get_ref().ratio();
            if !(ratio.is_finite() && ratio >= 1.0) {
                let refusal = Refusal::Setting {
                    name: "ratio",
                    value: ratio,
                    expected: "a finite number, 1 or above",
                };
                return Err(Fault::new(entry.span(), refusal));
            }
        }
        if let Some(validation) = &self.validation
            && validation.get_ref().per_class < 1
        {
            let refusal = Refusal::Setting {
                name: "per_class",
                value: validation.get_ref().per_class as f64,
                expected: "1 or more",
            };
            return Err(Fault::new(validation.span(), refusal));
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
        if let Some(source) = &self.published_source
            && !published::sources().contains(&source.get_ref().as_str())
        {
            let known = published::sources().join("; ");
            let refusal = Refusal::Unpublished {
                what: "source",
                value: source.get_ref().clone(),
                known,
            };
            return Err(Fault::new(source.span(), refusal));
        }
        for name in self
            .method
            .iter()
            .flat_map(|entry| [&entry.published, &entry.published_with_plug_in])
            .flatten()
        {
            let Some(source) = &self.published_source else {
                return Err(Fault::new(name.span(), Refusal::NoSource(name.get_ref().clone())));
            };
            let known = published::methods(source.get_ref());
            if !known.contains(&name.get_ref().as_str()) {
                let (value, known) = (name.get_ref().clone(), known.join(", "));
                return Err(Fault::new(
                    name.span(),
                    Refusal::Unpublished {
                        what: "method",
                        value,
                        known,
                    },
                ));
            }
        }
        Ok(())
    }
}

/// `+` and `~` are left out on purpose: they mark plug-in twins and first stages.
fn can_name_a_directory(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
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

/// The first entry that equals one before it.
pub(super) fn first_repeated<T: PartialEq>(entries: &[T]) -> Option<&T> {
    (0..entries.len())
        .find(|&index| entries[..index].contains(&entries[index]))
        .map(|index| &entries[index])
}
