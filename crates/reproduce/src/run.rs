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

/// One network to train, with every default written out. Its text is the `config.toml` of a run's directory. Settings that differ from
/// the defaults decide the name of the directory, so changing one makes a new run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Name of the method in its grid, such as `ldam-drw+nc`.
    pub(crate) name: String,
    /// Data set.
    pub(crate) dataset: Dataset,
    /// Source of the defaults.
    pub(crate) protocol: Protocol,
    /// Seed of every random draw.
    pub(crate) seed: i64,
    /// How the images of each class are chosen.
    pub(crate) selection: Selection,
    /// How many images of each class are kept.
    pub(crate) imbalance: Imbalance,
    /// The images of each class that are held out before that; `None` for none.
    pub(crate) validation: Option<Validation>,
    /// How classes are divided into many-, medium- and few-shot.
    #[serde(default, skip_serializing_if = "ShotSplit::is_by_images")]
    pub(crate) shots: ShotSplit,
    /// Network, length and learning rate.
    pub(crate) recipe: Recipe,
    /// Parts of the method.
    pub(crate) method: Method,
}

impl Run {
    /// Cross-entropy under `protocol`, without a name, on all images of `shapes`: what other runs are described relative to.
    pub(crate) fn plain(protocol: Protocol) -> Run {
        Run {
            name: String::new(),
            dataset: Dataset::Shapes,
            protocol,
            seed: 0,
            selection: Selection::default(),
            imbalance: Imbalance::Natural,
            validation: None,
            shots: ShotSplit::default(),
            recipe: protocol.recipe(),
            method: Method {
                augmentation: protocol.augmentation(),
                ..Method::default()
            },
        }
    }

    /// The text of `config.toml`.
    pub(crate) fn config(&self) -> String {
        toml::to_string(self).expect("a run holds only numbers, words and tables of them")
    }

    /// The id, which names its directory.
    pub(crate) fn id(&self) -> RunId {
        RunId::of(self)
    }

    /// The stage that this run trains itself: the second one, if it has one.
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
