//! Recipe: network, length and learning rate, common to all methods of a grid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use models::Backbone;
use serde::{Deserialize, Serialize};

use crate::range::{OutOfRange, is_not_negative, require, share};
use crate::words::{count, in_words};

/// Settings of a training that do not depend on the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The network below the classifier.
    pub backbone: Backbone,
    /// Passes over the (sampled) training data.
    pub epochs: i64,
    /// Images per step; the last batch of an epoch may be smaller.
    pub batch_size: i64,
    /// Momentum of SGD (no Nesterov, no dampening).
    pub momentum: f64,
    /// L2 coefficient on every parameter, including batch norm and biases, as in the public code.
    pub weight_decay: f64,
    /// Epochs e over which the rate grows as (e + 1) / warmup_epochs.
    pub warmup_epochs: i64,
    /// Learning rate over the epochs.
    pub learning_rate: LearningRate,
}

/// Learning rate by epoch, constant within an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LearningRate {
    /// `initial`, multiplied by `factor` at each of `epochs` (0-based: the first epoch with the lower rate).
    MultiStep {
        /// Rate of the first epochs.
        initial: f64,
        /// Multiplier at each step.
        factor: f64,
        /// Epochs at which the rate drops.
        epochs: Vec<i64>,
    },
    /// `initial · (1 + cos(π e / E)) / 2` for epoch e of E: it would be 0 at e = E.
    Cosine {
        /// Rate of epoch 0.
        initial: f64,
    },
}

/// Why a recipe is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// A number out of its range.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// A step of the learning rate after the end of training.
    #[error(
        "`learning_rate` steps at epoch {step}, but the last of {epochs} epochs is {}; state earlier steps or more epochs \
         (or leave both to the protocol and say `--epochs` on the command line, which scales them)",
        epochs - 1
    )]
    LateStep {
        /// 0-based epoch.
        step: i64,
        /// Length of the training.
        epochs: i64,
    },
}

impl RecipeError {
    /// The keys concerned, the one more likely to be wrong first.
    pub fn keys(&self) -> Vec<&'static str> {
        match self {
            RecipeError::LateStep { .. } => vec!["learning_rate", "epochs"],
            RecipeError::Setting(OutOfRange { name, .. }) if *name == "warmup_epochs" => vec![*name, "epochs"],
            RecipeError::Setting(OutOfRange { name, .. }) => vec![*name],
        }
    }
}

/// More epochs than this are a typing mistake.
const MOST_EPOCHS: i64 = 1_000_000;

/// Refuses a number of epochs, of key `name`, that is 0 or absurdly large.
///
/// # Errors
/// [`OutOfRange`].
pub fn check_epochs(name: &'static str, epochs: i64) -> Result<(), OutOfRange> {
    require(name, epochs as f64, epochs >= 1, "1 or more")?;
    require(name, epochs as f64, epochs <= MOST_EPOCHS, "1000000 or less")
}

/// Refuses an L2 coefficient below 0.
pub(crate) fn check_weight_decay(weight_decay: f64) -> Result<(), OutOfRange> {
    require("weight_decay", weight_decay, is_not_negative(weight_decay), "0 or more")
}

impl LearningRate {
    /// Refuses rates that are not above 0, and steps outside a training of `epochs`.
    pub(crate) fn check(&self, epochs: i64) -> Result<(), RecipeError> {
        let name = "learning_rate";
        let is_positive = |value: f64| value.is_finite() && value > 0.0;
        let (LearningRate::MultiStep { initial, .. } | LearningRate::Cosine { initial }) = *self;
        require(name, initial, is_positive(initial), "an initial rate above 0")?;
        if let LearningRate::MultiStep {
            factor, epochs: steps, ..
        } = self
        {
            require(name, *factor, is_positive(*factor), "a factor above 0")?;
            for &step in steps {
                require(name, step as f64, step >= 0, "steps at epoch 0 or later")?;
            }
            if let Some(&step) = steps.iter().find(|&&step| step >= epochs) {
                return Err(RecipeError::LateStep { step, epochs });
            }
        }
        Ok(())
    }

    /// Whether it is the same in every epoch, before warm-up.
    pub fn is_constant(&self) -> bool {
        matches!(self, LearningRate::MultiStep { epochs, .. } if epochs.is_empty())
    }

    /// The rate of 0-based `epoch` in a training of `epochs`, before warm-up.
    pub fn at(&self, epoch: i64, epochs: i64) -> f64 {
        match self {
            LearningRate::MultiStep {
                initial,
                factor,
                epochs: steps,
            } => initial * factor.powi(steps.iter().filter(|&&step| epoch >= step).count() as i32),
            LearningRate::Cosine { initial } => {
                initial * 0.5 * (1.0 + (std::f64::consts::PI * epoch as f64 / epochs as f64).cos())
            }
        }
    }
}

impl Recipe {
    /// Refuses numbers out of range, and steps after the end of training.
    ///
    /// # Errors
    /// The first thing that is wrong, and its remedy.
    pub fn check(&self) -> Result<(), RecipeError> {
        let Recipe {
            epochs,
            batch_size,
            momentum,
            weight_decay,
            warmup_epochs,
            ..
        } = *self;
        check_epochs("epochs", epochs)?;
        require("batch_size", batch_size as f64, batch_size >= 1, "1 or more")?;
        share("momentum", momentum)?;
        check_weight_decay(weight_decay)?;
        let is_within = (0..=epochs).contains(&warmup_epochs);
        let expected = "0 or more, at most `epochs`";
        require("warmup_epochs", warmup_epochs as f64, is_within, expected)?;
        self.learning_rate.check(epochs)
    }

    /// The rate of 0-based `epoch`, warm-up included.
    pub fn learning_rate_at(&self, epoch: i64) -> f64 {
        let warmup = ((epoch + 1) as f64 / self.warmup_epochs.max(1) as f64).min(1.0);
        warmup * self.learning_rate.at(epoch, self.epochs)
    }

    /// Progress of training in 0-based `epoch`: 0 in the first, 1 in the last.
    pub fn progress(&self, epoch: i64) -> f64 {
        epoch as f64 / (self.epochs - 1).max(1) as f64
    }

    /// The same recipe over `epochs`: steps and warm-up scale with it (a warm-up keeps at least one epoch). In a short
    /// training, each step still comes after the first epoch, within the training and before the next step; the first
    /// steps are left out if there is no room for all.
    pub fn scaled_to(&self, epochs: i64) -> Recipe {
        let factor = epochs as f64 / self.epochs as f64;
        let mut recipe = Recipe { epochs, ..self.clone() };
        if self.warmup_epochs > 0 {
            recipe.warmup_epochs = scale_epoch(self.warmup_epochs, factor).max(1);
        }
        if let LearningRate::MultiStep { epochs: steps, .. } = &mut recipe.learning_rate {
            let planned: BTreeSet<i64> = steps.iter().copied().collect();
            let mut scaled = BTreeMap::new();
            let mut latest = epochs - 1;
            for &step in planned.iter().rev() {
                let earliest = step.min(1); // a step at epoch 0 stays there
                let at = scale_epoch(step, factor).max(earliest).min(latest);
                if at >= earliest {
                    scaled.insert(step, at);
                    latest = at - 1;
                }
            }
            *steps = steps.iter().filter_map(|step| scaled.get(step).copied()).collect();
        }
        recipe
    }
}

/// Such as `learning rate 0.1, times 0.1 at epochs 160 and 180`.
impl fmt::Display for LearningRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LearningRate::MultiStep { initial, .. } if self.is_constant() => {
                write!(formatter, "learning rate {initial}")
            }
            LearningRate::MultiStep {
                initial,
                factor,
                epochs,
            } => {
                let steps: Vec<String> = epochs.iter().map(i64::to_string).collect();
                let steps = in_words(&steps);
                write!(formatter, "learning rate {initial}, times {factor} at epochs {steps}")
            }
            LearningRate::Cosine { initial } => {
                write!(formatter, "learning rate {initial}, falling to 0 along a cosine")
            }
        }
    }
}

/// Such as `30 epochs of batches of 128, SGD with …`.
impl fmt::Display for Recipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recipe {
            epochs,
            batch_size,
            momentum,
            weight_decay,
            warmup_epochs,
            learning_rate,
            ..
        } = self;
        write!(
            formatter,
            "{} of batches of {batch_size}, SGD with momentum {momentum} and weight decay {weight_decay}, \
             {learning_rate}{}, warm-up over {}",
            count(*epochs, "epoch"),
            if learning_rate.is_constant() {
                ""
            } else {
                " (counted from 0)"
            },
            count(*warmup_epochs, "epoch")
        )
    }
}

/// An epoch of a schedule, scaled by `factor` and rounded to the nearest epoch.
pub(crate) fn scale_epoch(epoch: i64, factor: f64) -> i64 {
    (epoch as f64 * factor).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            backbone: Backbone::Resnet32,
            epochs: 200,
            batch_size: 128,
            momentum: 0.9,
            weight_decay: 5e-4,
            warmup_epochs: 5,
            learning_rate: LearningRate::MultiStep {
                initial: 0.1,
                factor: 0.1,
                epochs: vec![160, 180],
            },
        }
    }

    #[test]
    fn rate_warms_up_over_five_epochs_and_drops_at_160_and_180() {
        let recipe = recipe();
        let expected = [
            (0, 0.02),
            (3, 0.08),
            (4, 0.1),
            (159, 0.1),
            (160, 0.01),
            (179, 0.01),
            (180, 0.001),
            (199, 0.001),
        ];
        for (epoch, rate) in expected {
            assert!((recipe.learning_rate_at(epoch) - rate).abs() < 1e-12, "epoch {epoch}");
        }
    }

    #[test]
    fn thirty_epochs_scale_every_schedule() {
        let short = recipe().scaled_to(30);
        assert_eq!((short.epochs, short.warmup_epochs), (30, 1));
        let LearningRate::MultiStep { epochs, .. } = short.learning_rate else {
            panic!("still multi-step")
        };
        assert_eq!(epochs, [24, 27]);
    }

    #[test]
    fn in_a_short_training_steps_are_distinct_and_inside_it() {
        let steps = |planned: &[i64], epochs| {
            let mut recipe = recipe();
            let LearningRate::MultiStep { epochs: steps, .. } = &mut recipe.learning_rate else {
                panic!("it is multi-step")
            };
            *steps = planned.to_vec();
            let LearningRate::MultiStep { epochs, .. } = recipe.scaled_to(epochs).learning_rate else {
                panic!("still multi-step")
            };
            epochs
        };
        let expected: [(i64, &[i64]); 8] = [
            (1, &[]),
            (2, &[1]),
            (3, &[1, 2]),
            (4, &[2, 3]),
            (5, &[3, 4]),
            (6, &[4, 5]),
            (10, &[8, 9]),
            (200, &[160, 180]),
        ];
        for (epochs, expected) in expected {
            assert_eq!(steps(&[160, 180], epochs), expected, "{epochs} epochs");
        }
        assert_eq!(steps(&[180, 160, 180], 4), [3, 2, 3], "in any order, and twice at once");
        assert!(recipe().scaled_to(1).learning_rate.is_constant());
        assert_eq!(steps(&[0, 180], 1), [0]);
        assert_eq!(steps(&[1], 30), [1]);
    }

    #[test]
    fn cosine_starts_at_the_initial_rate_and_would_reach_zero_at_the_end() {
        let cosine = LearningRate::Cosine { initial: 0.05 };
        assert!((cosine.at(0, 10) - 0.05).abs() < 1e-15);
        assert!((cosine.at(5, 10) - 0.025).abs() < 1e-15);
        assert!(cosine.at(10, 10).abs() < 1e-15);
    }
}
