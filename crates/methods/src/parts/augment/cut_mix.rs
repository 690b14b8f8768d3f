//! Boxes of one image pasted onto another: CutMix and CMO.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::boxes::random_boxes;
use super::draws::{beta_draw, random_partners};
use super::target::Target;
use crate::range::{OutOfRange, is_not_negative, positive, require, zero_to_one};

/// CutMix (Yun et al. 2019): a box of area 1 − λ, λ ~ Beta(α, α), one box per batch. It is clipped at the border, and λ
/// becomes the share of the image that remains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CutMix {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
    /// Probability that a batch is mixed.
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

/// CMO (Park et al. 2022): boxes as in [`CutMix`], taken from foregrounds that are drawn from the whole split, with
/// replacement and weight n_y^−q, and augmented like the batch. Defaults: `opts.py` of its code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cmo {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
    /// Probability that a batch is mixed.
    pub probability: f64,
    /// q: 0 draws foregrounds like the split, 1 every class with equal probability.
    pub power: f64,
    /// First epoch that mixes.
    pub start_epoch: i64,
    /// Epochs at the end that do not mix.
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

impl CutMix {
    /// Pastes boxes of other images of the batch onto images `[b, c, h, w]` with labels `[b]`.
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
    pub(super) fn check(self) -> Result<(), OutOfRange> {
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

    /// Draws indices `[count]` of foregrounds, from the split's labels `[n]` and class counts `[k]`.
    pub(super) fn foregrounds(self, count: i64, labels: &Tensor, class_counts: &Tensor) -> Tensor {
        let class_weights = class_counts.pow_tensor_scalar(-self.power);
        class_weights.index_select(0, labels).multinomial(count, true)
    }

    /// Pastes boxes of as many foregrounds onto images `[b, c, h, w]` with labels `[b]`.
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
