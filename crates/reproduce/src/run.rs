//! A run: one network to train, with every setting resolved.

pub(crate) mod directory;
pub(crate) mod environment;
pub(crate) mod format;
pub(crate) mod groups;
mod id;
pub(crate) mod message;
pub(crate) mod metric;
pub(crate) mod metrics;
mod outcome;
pub(crate) mod predictions;
mod role;
pub(crate) mod rows;
pub(crate) mod scores;
pub(crate) mod settings;

use datasets::{DataError, Dataset, Imbalance, LongTail, Selection, Validation};
use methods::{Method, Protocol, Recipe, ShotSplit};
use serde::{Deserialize, Serialize};

pub(crate) use id::RunId;
pub(crate) use outcome::Outcome;
pub(crate) use role::Role;

/// One network to train: every default written out. Its text is a run directory's `config.toml`, and what of it differs from the
/// defaults names the directory: change a setting and it is a new run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Name of the method in its grid, such as `ldam-drw+nc`.
    pub(crate) name: String,
    /// What is trained on.
    pub(crate) dataset: Dataset,
    /// Which reading of the paper the defaults came from.
    pub(crate) protocol: Protocol,
    /// Every draw follows from it.
    pub(crate) seed: i64,
    /// Which images of each class are kept.
    pub(crate) selection: Selection,
    /// How many images of each class are kept.
    pub(crate) imbalance: Imbalance,
    /// Which images are held out of each class before that; `None`: none.
    pub(crate) validation: Option<Validation>,
    /// Which classes count as many-, medium- and few-shot.
    #[serde(default, skip_serializing_if = "ShotSplit::is_by_images")]
    pub(crate) shots: ShotSplit,
    /// Network, length and speed.
    pub(crate) recipe: Recipe,
    /// What is done with them.
    pub(crate) method: Method,
}

impl Run {
    /// The text of `config.toml`.
    pub(crate) fn config(&self) -> String {
        toml::to_string(self).expect("a run holds only numbers, words and tables of them")
    }

    /// Names its directory.
    pub(crate) fn id(&self) -> RunId {
        RunId::of(self)
    }

    /// What this run trains itself: its second stage, if it has one.
    pub(crate) fn stage(&self) -> (Recipe, Method) {
        match &self.method.second_stage {
            None => (self.recipe.clone(), self.method.clone()),
            Some(second_stage) => second_stage.as_training(&self.recipe, &self.method),
        }
    }

    /// How its training images are chosen.
    pub(crate) fn long_tail(&self) -> LongTail {
        LongTail {
            imbalance: self.imbalance,
            selection: self.selection,
            validation: self.validation,
        }
    }

    /// Training images that each class keeps, `[classes]`.
    ///
    /// # Errors
    /// If a class would keep none.
    pub(crate) fn class_counts(&self) -> Result<Vec<i64>, DataError> {
        self.long_tail().class_counts(&self.dataset.facts().train)
    }

    /// Epochs this run trains itself: those of its second stage, if it has one.
    pub(crate) fn epochs(&self) -> i64 {
        self.method
            .second_stage
            .as_ref()
            .map_or(self.recipe.epochs, methods::SecondStage::epochs)
    }
}
