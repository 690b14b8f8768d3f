//! Mixing: two images, or their features, become one that is trained towards both targets.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::boxes::random_boxes;
use super::target::Target;
use crate::range::{OutOfRange, is_not_negative, positive, require, zero_to_one};
use crate::recipe::scale_epoch;

/// The closed set of mixings: which images meet, how, and what becomes of their labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// Blends images of the batch in pairs.
    Mixup(Mixup),
    /// As mixup, but where a frequent class meets a rare one the rare one may take the whole label.
    Remix(Remix),
    /// mixup of pooled features (Verma et al. 2019, at the layer that `combiner.py` of the code of Zhang et al. 2021
    /// calls "pool").
    ManifoldMixup(Mixup),
    /// Pastes a box of each image onto another one of the batch.
    CutMix(CutMix),
    /// Pastes boxes of images of rare classes onto the batch.
    Cmo(Cmo),
}

/// mixup (Zhang et al. 2018): x = λ x_i + (1 − λ) x_j, one λ ~ Beta(α, α) a batch.
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
    /// κ, 1 or more: from which ratio of class sizes on the rare class takes the label.
    pub kappa: f64,
    /// τ in 0..=1: below which share of the image the frequent class loses its label; 0 is mixup.
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

/// CutMix (Yun et al. 2019): a box of area 1 − λ, λ ~ Beta(α, α), one box a batch. It is clipped at the border, and λ is
/// then the share of the image that is left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CutMix {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
    /// How often a batch is mixed at all.
    pub probability: f64,
}

impl Default for CutMix {
    fn default() -> CutMix {
        CutMix {
            alpha: 1.0,
            probability: 0.5,
        }
    }
}

/// CMO (Park et al. 2022): boxes as in [`CutMix`], cut out of foregrounds that are drawn from the whole split, with
/// replacement and weight n_y^−q, and augmented like the batch. Defaults: `opts.py` of its code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cmo {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
    /// How often a batch is mixed at all.
    pub probability: f64,
    /// q: 0 draws foregrounds like the split, 1 every class alike.
    pub power: f64,
    /// First epoch that mixes.
    pub start_epoch: i64,
    /// Epochs at the end that do not.
    pub last_plain_epochs: i64,
}

impl Default for Cmo {
    fn default() -> Cmo {
        Cmo {
            alpha: 1.0,
            probability: 0.5,
            power: 1.0,
            start_epoch: 4, // the code mixes where 3 < epoch
            last_plain_epochs: 3,
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

    /// Refuses a mixing that none of `epochs` epochs has room for.
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

    /// The same in a training of `factor` times the length.
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
    /// Images or features `[b, …]` and their labels `[b]`, blended with others of the batch.
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
    /// Images `[b, …]` and labels `[b]`, blended with others of the batch; class counts `[k]`.
    pub(super) fn apply(self, images: &Tensor, labels: Tensor, class_counts: &Tensor) -> (Tensor, Target) {
        let (images, target) = Mixup { alpha: self.alpha }.apply(images, labels);
        (images, self.relabel(target, class_counts))
    }

    /// Gives samples with λ_y = 0 their second label twice and those with λ_y = 1 their first one. Blended with the
    /// batch's λ they then weigh as λ_y says, and no loss needs to know a λ per sample.
    fn relabel(self, target: Target, class_counts: &Tensor) -> Target {
        let Target::Mixed { first, second, lambda } = target else {
            return target;
        };
        let ratio = class_counts.index_select(0, &first) / class_counts.index_select(0, &second); // n_i / n_j, [b]
        let all_second = ratio.ge(self.kappa).logical_and(&lambda.lt(self.tau));
        let all_first = ratio
            .le(1.0 / self.kappa)
            .logical_and(&(1.0_f64 - &lambda).lt(self.tau))
            .logical_and(&all_second.logical_not()); // κ = 1 and τ > 0.5 would allow both: the rule that is written first holds
        Target::Mixed {
            first: second.where_self(&all_second, &first),
            second: first.where_self(&all_first, &second),
            lambda,
        }
    }
}

impl CutMix {
    /// Images `[b, c, h, w]` and labels `[b]`, with boxes of others of the batch.
    pub(super) fn apply(self, images: &Tensor, labels: Tensor) -> (Tensor, Target) {
        let partners = random_partners(images);
        let foregrounds = images.index_select(0, &partners);
        let second = labels.index_select(0, &partners);
        self.paste(images, labels, &foregrounds, second)
    }

    fn paste(self, images: &Tensor, first: Tensor, foregrounds: &Tensor, second: Tensor) -> (Tensor, Target) {
        let lambda = beta_draw(self.alpha, images.device());
        let mixes = Tensor::rand([], (Kind::Float, images.device())).lt(self.probability);
        let ratio = (1.0_f64 - lambda).sqrt() * mixes; // side of the box over side of the image
        let half = |length: i64| {
            (&ratio * length)
                .floor()
                .to_kind(Kind::Int64)
                .divide_scalar_mode(2, "floor")
        };
        let [.., height, width] = images.size()[..] else {
            panic!("images are [b, c, h, w]: {:?}", images.size())
        };
        let inside = random_boxes(images, 1, [&half(height), &half(width)]); // [1, 1, h, w]
        let lambda = 1.0 - inside.to_kind(Kind::Float).mean(Kind::Float);
        (
            foregrounds.where_self(&inside, images),
            Target::Mixed { first, second, lambda },
        )
    }
}

impl Cmo {
    /// Refuses numbers out of range.
    fn check(self) -> Result<(), OutOfRange> {
        positive("cmo.alpha", self.alpha)?;
        zero_to_one("cmo.probability", self.probability)?;
        require("cmo.power", self.power, is_not_negative(self.power), "0 or more")?;
        for (name, epochs) in [
            ("cmo.start_epoch", self.start_epoch),
            ("cmo.last_plain_epochs", self.last_plain_epochs),
        ] {
            require(name, epochs as f64, epochs >= 0, "0 or more")?;
        }
        Ok(())
    }

    /// Indices `[count]` of foregrounds, from the split's labels `[n]` and class counts `[k]`.
    pub(super) fn foregrounds(self, count: i64, labels: &Tensor, class_counts: &Tensor) -> Tensor {
        let class_weights = class_counts.pow_tensor_scalar(-self.power);
        class_weights.index_select(0, labels).multinomial(count, true)
    }

    /// Images `[b, c, h, w]` and labels `[b]` as backgrounds of the boxes of as many foregrounds.
    pub(super) fn apply(
        self,
        images: &Tensor,
        labels: Tensor,
        foregrounds: &Tensor,
        foreground_labels: Tensor,
    ) -> (Tensor, Target) {
        let Cmo { alpha, probability, .. } = self;
        CutMix { alpha, probability }.paste(images, labels, foregrounds, foreground_labels)
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

/// A partner for each input: a permutation of the batch, `[b]`.
fn random_partners(inputs: &Tensor) -> Tensor {
    Tensor::randperm(inputs.size()[0], (Kind::Int64, inputs.device()))
}

/// One draw from Beta(α, α), a scalar f32 on `device`: g / (g + g') of two Gamma(α) draws, in f64 because they underflow
/// f32 at small α.
fn beta_draw(alpha: f64, device: Device) -> Tensor {
    let gammas = Tensor::full([2], alpha, (Kind::Double, device))
        .internal_standard_gamma()
        .clamp_min(1e-300);
    (gammas.get(0) / gammas.sum(Kind::Double)).to_kind(Kind::Float)
}

#[cfg(test)]
mod tests;
