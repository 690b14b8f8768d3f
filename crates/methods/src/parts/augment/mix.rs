//! Mixing: two images, or their features, become one with both targets.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::cut_mix::{Cmo, CutMix};
use super::draws::{beta_draw, random_partners};
use super::target::Target;
use crate::range::{OutOfRange, positive, require, zero_to_one};
use crate::recipe::scale_epoch;

/// A mix: which images are mixed, how, and what happens to their labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// Blends images of the batch in pairs.
    Mixup(Mixup),
    /// As mixup, but when a frequent class is mixed with a rare one, the rare one may take the whole label.
    Remix(Remix),
    /// Mixes pooled features (Verma et al. 2019, at the layer that `combiner.py` of the code of Zhang et al. 2021 calls
    /// "pool").
    ManifoldMixup(Mixup),
    /// Pastes a box of each image onto another one of the batch.
    CutMix(CutMix),
    /// Pastes boxes of images of rare classes onto the batch.
    Cmo(Cmo),
}

/// mixup (Zhang et al. 2018): x = λ x_i + (1 − λ) x_j, one λ ~ Beta(α, α) per batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixup {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
}

/// Remix (Chou et al. 2020): images as in [`Mixup`]; the label's λ_y is 0 where n_i / n_j ≥ κ and λ < τ, 1 where
/// n_i / n_j ≤ 1 / κ and 1 − λ < τ, and λ elsewhere (Eq. 7), with n the class sizes.
///
/// λ_y weighs each sample's own loss. (`combiner.py` of Zhang et al. 2021's code weighs the mean over the batch with it.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remix {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
    /// κ, 1 or more: the ratio of class sizes from which on the rare class takes the label.
    pub kappa: f64,
    /// τ in 0..=1: the share of the image below which the frequent class loses its label; 0 is mixup.
    pub tau: f64,
}

impl Default for Remix {
    fn default() -> Remix {
        Remix {
            alpha: 1.0,
            kappa: 3.0,
            tau: 0.5,
        }
    }
}

impl Mix {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        match self {
            Mix::Mixup(mixup) => positive("mixup.alpha", mixup.alpha),
            Mix::ManifoldMixup(mixup) => positive("manifold_mixup.alpha", mixup.alpha),
            Mix::Remix(Remix { alpha, kappa, tau }) => {
                positive("remix.alpha", alpha)?;
                require("remix.kappa", kappa, kappa.is_finite() && kappa >= 1.0, "1 or more")?;
                zero_to_one("remix.tau", tau)
            }
            Mix::CutMix(CutMix { alpha, probability }) => {
                positive("cutmix.alpha", alpha)?;
                zero_to_one("cutmix.probability", probability)
            }
            Mix::Cmo(cmo) => cmo.check(),
        }
    }

    /// Refuses a mix that is active in none of `epochs` epochs.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check_room(self, epochs: i64) -> Result<(), OutOfRange> {
        match self {
            Mix::Mixup(_) | Mix::Remix(_) | Mix::ManifoldMixup(_) | Mix::CutMix(_) => Ok(()),
            Mix::Cmo(cmo) => {
                let has_room = (0..epochs).any(|epoch| self.is_active(epoch, epochs));
                let expected = "fewer than the epochs from `cmo.start_epoch` on, or train for longer";
                require(
                    "cmo.last_plain_epochs",
                    cmo.last_plain_epochs as f64,
                    has_room,
                    expected,
                )
            }
        }
    }

    /// Scales it to a training of `factor` times the length.
    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Mix::Mixup(_) | Mix::Remix(_) | Mix::ManifoldMixup(_) | Mix::CutMix(_) => {}
            Mix::Cmo(cmo) => {
                cmo.start_epoch = scale_epoch(cmo.start_epoch, factor);
                cmo.last_plain_epochs = scale_epoch(cmo.last_plain_epochs, factor);
            }
        }
    }

    /// Whether a training of `epochs` epochs mixes in 0-based `epoch`.
    pub fn is_active(self, epoch: i64, epochs: i64) -> bool {
        match self {
            Mix::Mixup(_) | Mix::Remix(_) | Mix::ManifoldMixup(_) | Mix::CutMix(_) => true,
            Mix::Cmo(cmo) => (cmo.start_epoch..epochs - cmo.last_plain_epochs).contains(&epoch),
        }
    }
}

impl Mixup {
    /// Blends images or features `[b, …]` and their labels `[b]` with others of the batch.
    pub(super) fn apply(self, inputs: &Tensor, labels: Tensor) -> (Tensor, Target) {
        let partners = random_partners(inputs);
        let lambda = beta_draw(self.alpha, inputs.device());
        let mixed = inputs * &lambda + inputs.index_select(0, &partners) * (1.0 - &lambda);
        let second = labels.index_select(0, &partners);
        (
            mixed,
            Target::Mixed {
                first: labels,
                second,
                lambda,
            },
        )
    }
}

impl Remix {
    /// Blends images `[b, …]` and labels `[b]` with others of the batch; class counts `[k]`.
    pub(super) fn apply(self, images: &Tensor, labels: Tensor, class_counts: &Tensor) -> (Tensor, Target) {
        let (images, target) = Mixup { alpha: self.alpha }.apply(images, labels);
        (images, self.relabel(target, class_counts))
    }

    /// Gives samples with λ_y = 0 their second label twice and those with λ_y = 1 their first one. Blended with the
    /// batch's λ, they have the weights of λ_y, and no loss needs a λ per sample.
    fn relabel(self, target: Target, class_counts: &Tensor) -> Target {
        let Target::Mixed { first, second, lambda } = target else {
            return target;
        };
        let ratio = class_counts.index_select(0, &first) / class_counts.index_select(0, &second); // n_i / n_j, [b]
        let all_second = ratio.ge(self.kappa).logical_and(&lambda.lt(self.tau));
        let all_first = ratio
            .le(1.0 / self.kappa)
            .logical_and(&(1.0_f64 - &lambda).lt(self.tau))
            .logical_and(&all_second.logical_not()); // κ = 1 and τ > 0.5 would allow both: the first case of Eq. 7 wins
        Target::Mixed {
            first: second.where_self(&all_second, &first),
            second: first.where_self(&all_first, &second),
            lambda,
        }
    }
}

/// Such as `mixup (α 0.2)`.
impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mix::Mixup(mixup) => write!(formatter, "mixup (α {})", mixup.alpha),
            Mix::Remix(Remix { alpha, kappa, tau }) => write!(formatter, "Remix (α {alpha}, κ {kappa}, τ {tau})"),
            Mix::ManifoldMixup(mixup) => write!(formatter, "manifold mixup of pooled features (α {})", mixup.alpha),
            Mix::CutMix(CutMix { alpha, probability }) => {
                write!(formatter, "CutMix (α {alpha}, probability {probability})")
            }
            Mix::Cmo(Cmo {
                alpha,
                probability,
                power,
                start_epoch,
                last_plain_epochs,
            }) => write!(
                formatter,
                "CMO from epoch {start_epoch}, not in the last {last_plain_epochs} (α {alpha}, probability {probability}, \
                 foregrounds weighted by class size to the −{power})"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
