//! A partly stated table, which the protocol completes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

/// The keys of a table that a grid states. The protocol decides which table they complete, so their values are kept unparsed, with their
/// places, until it is known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Overrides(pub(super) BTreeMap<Spanned<String>, Spanned<Value>>);

impl Overrides {
    /// Removes and returns the value of `key`, if it is stated.
    pub(super) fn take(&mut self, key: &str) -> Option<Spanned<Value>> {
        self.0.remove(key)
    }

    /// States what `others` state, instead of what is stated for the same keys.
    pub(super) fn update(&mut self, others: Overrides) {
        for (key, value) in others.0 {
            self.0.remove(key.get_ref().as_str()); // with its place
            self.0.insert(key, value);
        }
    }

    /// The place of the first of `keys` that is stated; the beginning of the file if none is, which sound defaults never cause.
    pub(super) fn span(&self, keys: &[&str]) -> Range<usize> {
        let mut stated = keys.iter().filter_map(|&key| self.0.get_key_value(key));
        stated.next().map_or(0..0, |(key, _)| key.span())
    }
}
