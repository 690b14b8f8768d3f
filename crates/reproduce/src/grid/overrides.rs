//! A table that is stated in part; the protocol supplies the rest.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

/// What a grid states of a table. Which table it completes is known only once the protocol is, so the values stay
/// unread until then, with their places.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Overrides(pub(super) BTreeMap<Spanned<String>, Spanned<Value>>);

impl Overrides {
    /// Takes the value of `key` out, if it is stated.
    pub(super) fn take(&mut self, key: &str) -> Option<Spanned<Value>> {
        self.0.remove(key)
    }

    /// Where the first stated one of `keys` is; the file's beginning if none is, which sound defaults never lead to.
    pub(super) fn span(&self, keys: &[&str]) -> Range<usize> {
        let mut stated = keys.iter().filter_map(|&key| self.0.get_key_value(key));
        stated.next().map_or(0..0, |(key, _)| key.span())
    }
}
