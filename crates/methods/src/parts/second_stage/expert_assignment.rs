//! Expert assignment: how many experts an image passes through.

use serde::{Deserialize, Serialize};

use crate::range::{OutOfRange, not_negative, positive};

/// RIDE's second stage (Wang et al. 2021, §3.3 and `EAResNet` of their code): a gate after each expert but the last
/// decides whether another one is needed. It learns to say yes if the mean logits of the experts so far are wrong and
/// become correct with later ones; an image uses the experts before the first gate that says no.
///
/// As in that code, gates see logits in the scale of the experts' loss, share their output layer, and are trained by
/// the mean of their binary cross-entropies. Defaults: that code's on CIFAR-100-LT, with 16 hidden units per gate.
/// Deviation: images are augmented as in the first stage; that code also rotates them by up to 15°.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpertAssignment {
    /// Passes over the training split, with class-balanced sampling.
    pub epochs: i64,
    /// Initial rate of a cosine schedule.
    pub learning_rate: f64,
    /// L2 coefficient on the gates' parameters.
    pub weight_decay: f64,
    /// Images per step.
    pub batch_size: i64,
    /// How many of the largest mean logits a gate sees; all, if there are fewer classes.
    pub top_choices: i64,
    /// Weight in a gate's loss of an image that needs another expert; others have weight 1.
    pub positive_weight: f64,
}

impl Default for ExpertAssignment {
    fn default() -> ExpertAssignment {
        ExpertAssignment {
            epochs: 5,
            learning_rate: 0.01,
            weight_decay: 5e-4,
            batch_size: 512,
            top_choices: 30,
            positive_weight: 100.0,
        }
    }
}

impl ExpertAssignment {
    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        let ExpertAssignment {
            epochs,
            learning_rate,
            weight_decay,
            batch_size,
            top_choices,
            positive_weight,
        } = self;
        for (name, value) in [
            ("expert-assignment.epochs", epochs as f64),
            ("expert-assignment.learning_rate", learning_rate),
            ("expert-assignment.batch_size", batch_size as f64),
            ("expert-assignment.top_choices", top_choices as f64),
            ("expert-assignment.positive_weight", positive_weight),
        ] {
            positive(name, value)?;
        }
        not_negative("expert-assignment.weight_decay", weight_decay)
    }
}
