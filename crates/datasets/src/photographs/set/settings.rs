//! What a grid states of a set of photographs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Validation;
use crate::photographs::official::LargeSet;

/// Which photographs, and how they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotographSettings {
    /// The large set whose official lists are in the folder; without it, any folder with one folder a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<LargeSet>,
    /// Lists instead of the set's official ones, or of the folders of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<ListFiles>,
    /// Height and width that the network sees, pixels.
    #[serde(default = "usual_side")]
    pub side: usize,
    /// Photographs of each class that are the test, where the folder has no folder `test` or `val` beside `train`.
    #[serde(default = "usual_hold_out")]
    pub hold_out: Validation,
}

/// As published code has it for all three large sets.
fn usual_side() -> usize {
    224
}

fn usual_hold_out() -> Validation {
    Validation { per_class: 10, seed: 0 }
}

/// Two lists, by their paths from the folder of the photographs, which those in the lists are relative to: `.json` as
/// [`read_annotations`](crate::photographs::read_annotations) reads it, else as [`read_list`](crate::photographs::read_list).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFiles {
    /// What is trained on.
    pub train: String,
    /// What is reported.
    pub test: String,
}

impl PhotographSettings {
    /// Whether both are the same photographs in the same splits, however they are shown.
    pub(crate) fn are_the_same_photographs(&self, other: &PhotographSettings) -> bool {
        (self.set, &self.lists, self.hold_out) == (other.set, &other.lists, other.hold_out)
    }
}

/// As a grid states which photographs they are.
impl fmt::Display for PhotographSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(set) = self.set {
            write!(formatter, "`set = \"{set}\"`, ")?;
        }
        if let Some(ListFiles { train, test }) = &self.lists {
            write!(formatter, "`lists = {{ train = {train:?}, test = {test:?} }}`, ")?;
        }
        let Validation { per_class, seed } = self.hold_out;
        write!(formatter, "`hold_out = {{ per_class = {per_class}, seed = {seed} }}`")
    }
}
