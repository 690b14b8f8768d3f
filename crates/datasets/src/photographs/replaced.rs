//! Unreadable photographs that others come in the place of.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::photographs::ring::Bad;

/// How many unreadable photographs of an epoch may be replaced, and which were so far. Copies have one list together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replaced {
    pub(crate) at_most: usize,
    /// Path and problem of each.
    found: Arc<Mutex<BTreeSet<String>>>,
}

impl Replaced {
    pub(crate) fn at_most(at_most: usize) -> Replaced {
        Replaced {
            at_most,
            ..Replaced::default()
        }
    }

    pub(crate) fn add(&self, bad: &Bad) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(format!("{}: {}", bad.path.display(), bad.problem));
    }

    /// In the order of their paths.
    pub(crate) fn list(&self) -> Vec<String> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.iter().cloned().collect()
    }
}
