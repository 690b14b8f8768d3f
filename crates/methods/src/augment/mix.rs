//! Mixing: two images, or their features, become one that is trained towards both targets.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::boxes::random_boxes;
use super::target::Target;

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
            .logical_and(&(1.0_f64 - &lambda).lt(self.tau));
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
mod tests {
    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    /// Sixteen images `[16, 1, 8, 8]`, each filled with its own number, of classes 0 to 15.
    fn batch() -> (Tensor, Tensor) {
        let labels = Tensor::arange(16, (Kind::Int64, Device::Cpu));
        let images = labels
            .to_kind(Kind::Float)
            .view([16, 1, 1, 1])
            .expand([16, 1, 8, 8], false);
        (images.contiguous(), labels)
    }

    fn parts(target: Target) -> (Tensor, Tensor, f64) {
        match target {
            Target::Mixed { first, second, lambda } => (first, second, lambda.double_value(&[])),
            Target::Labels(labels) => panic!("not mixed: {labels:?}"),
        }
    }

    #[test]
    fn beta_draws_have_the_mean_and_variance_of_the_distribution() {
        tch::manual_seed(3);
        for alpha in [0.2, 1.0] {
            let draws = Tensor::stack(&(0..4000).map(|_| beta_draw(alpha, Device::Cpu)).collect::<Vec<_>>(), 0);
            let variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((draws.mean(Kind::Double).double_value(&[]) - 0.5).abs() < 0.03);
            assert!((draws.to_kind(Kind::Double).var(true).double_value(&[]) - variance).abs() < 0.02);
        }
    }

    #[test]
    fn mixup_blends_images_as_it_blends_labels_and_at_lambda_1_changes_nothing() {
        let (images, labels) = batch();
        let mut plain = 0;
        for seed in 0..20 {
            tch::manual_seed(seed);
            // α this small makes λ 0 or 1, up to rounding: the identity is reached, not approached.
            let alpha = if seed % 2 == 0 { 1e-4 } else { 1.0 };
            let (mixed, target) = Mixup { alpha }.apply(&images, labels.copy());
            let (first, second, lambda) = parts(target);
            assert_eq!(first, labels);
            let expected = &first * lambda + &second * (1.0 - lambda);
            assert!(mixed.select(2, 0).select(2, 0).squeeze().allclose(
                &expected.to_kind(Kind::Float),
                1e-5,
                1e-5,
                false
            ));
            if lambda.to_bits() == 1.0_f64.to_bits() {
                assert_eq!(mixed, images);
                plain += 1;
            }
        }
        assert!(plain > 0, "λ = 1 occurs");
    }

    #[test]
    fn remix_with_tau_0_or_a_kappa_that_no_ratio_reaches_is_mixup() {
        let class_counts = Tensor::arange(16, CPU) * 50 + 1.0;
        let labels = batch().1;
        let relabelled = |remix: Remix, lambda: f64| {
            let target = Target::Mixed {
                first: labels.copy(),
                second: labels.flip(0),
                lambda: Tensor::from(lambda),
            };
            parts(remix.relabel(target, &class_counts))
        };
        for lambda in [0.0, 0.3, 0.5, 1.0] {
            let mixup = (labels.copy(), labels.flip(0), lambda);
            for (kappa, tau) in [(3.0, 0.0), (1e9, 0.5)] {
                let alpha = 1.0;
                assert_eq!(relabelled(Remix { alpha, kappa, tau }, lambda), mixup);
            }
            let changes = relabelled(Remix::default(), lambda) != mixup;
            assert_eq!(changes, !(0.4..0.6).contains(&lambda), "λ {lambda}");
        }
    }

    #[test]
    fn remix_gives_the_label_to_the_rare_class_where_its_share_and_the_ratio_allow() {
        let class_counts = Tensor::from_slice(&[900.0_f32, 300.0, 100.0]);
        // Pairs (first, second) at n_i / n_j of 3, 9, 1/3, 1/9, 1 and 3.
        let target = |lambda: f64| Target::Mixed {
            first: Tensor::from_slice(&[0_i64, 0, 1, 2, 1, 1]),
            second: Tensor::from_slice(&[1_i64, 2, 0, 0, 1, 2]),
            lambda: Tensor::from(lambda),
        };
        let remix = Remix::default();
        let (first, second, _) = parts(remix.relabel(target(0.3), &class_counts));
        assert_eq!(
            first,
            Tensor::from_slice(&[1_i64, 2, 1, 2, 1, 2]),
            "a small share of a frequent class is not named"
        );
        assert_eq!(second, Tensor::from_slice(&[1_i64, 2, 0, 0, 1, 2]));
        let (first, second, lambda) = parts(remix.relabel(target(0.7), &class_counts));
        assert_eq!(first, Tensor::from_slice(&[0_i64, 0, 1, 2, 1, 1]));
        assert_eq!(second, Tensor::from_slice(&[1_i64, 2, 1, 2, 1, 2]));
        assert!((lambda - 0.7).abs() < 1e-12);
        let remix = Remix { kappa: 5.0, ..remix };
        let (first, _, _) = parts(remix.relabel(target(0.3), &class_counts));
        assert_eq!(
            first,
            Tensor::from_slice(&[0_i64, 2, 1, 2, 1, 1]),
            "a ratio of 3 is below κ"
        );
    }

    #[test]
    fn cutmix_pastes_a_box_of_the_partner_and_lambda_is_the_share_that_is_left() {
        let (images, labels) = batch();
        let cutmix = CutMix {
            alpha: 1.0,
            probability: 1.0,
        };
        let mut shares = Vec::new();
        for seed in 0..30 {
            tch::manual_seed(seed);
            let (mixed, target) = cutmix.apply(&images, labels.copy());
            let (first, second, lambda) = parts(target);
            assert_eq!(first, labels);
            let partners = second.to_kind(Kind::Float).view([16, 1, 1, 1]);
            let (kept, pasted) = (mixed.eq_tensor(&images), mixed.eq_tensor(&partners));
            assert_eq!(kept.logical_or(&pasted).all().int64_value(&[]), 1);
            let moved = second.ne_tensor(&first); // elsewhere both images are the same
            let kept = kept.index_select(0, &moved.nonzero().squeeze()).to_kind(Kind::Double);
            let share = kept.mean_dim([1, 2, 3].as_slice(), false, Kind::Double);
            assert!((share - lambda).abs().max().double_value(&[]) < 1e-6);
            shares.push(lambda);
        }
        assert!(shares.iter().any(|&share| share < 0.5) && shares.iter().any(|&share| share > 0.8));
    }

    #[test]
    fn cutmix_of_probability_0_changes_nothing() {
        let (images, labels) = batch();
        let cutmix = CutMix {
            alpha: 1.0,
            probability: 0.0,
        };
        let (mixed, target) = cutmix.apply(&images, labels);
        assert_eq!(mixed, images);
        assert!((parts(target).2 - 1.0).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn foregrounds_of_power_1_are_of_all_classes_alike_and_of_power_0_those_of_the_split() {
        tch::manual_seed(5);
        let labels = Tensor::cat(&[Tensor::zeros([900], CPU), Tensor::ones([100], CPU)], 0).to_kind(Kind::Int64);
        let class_counts = Tensor::from_slice(&[900.0_f32, 100.0]);
        let share_of_rare = |power| {
            let cmo = Cmo {
                power,
                ..Cmo::default()
            };
            let drawn = cmo.foregrounds(2000, &labels, &class_counts);
            labels.index_select(0, &drawn).mean(Kind::Double).double_value(&[])
        };
        assert!((share_of_rare(1.0) - 0.5).abs() < 0.05);
        assert!((share_of_rare(0.0) - 0.1).abs() < 0.03);
    }

    #[test]
    fn cmo_leaves_the_first_and_last_epochs_plain() {
        let mixing: Vec<i64> = (0..10)
            .filter(|&epoch| Mix::Cmo(Cmo::default()).is_active(epoch, 10))
            .collect();
        assert_eq!(mixing, [4, 5, 6]);
        assert!(Mix::Mixup(Mixup { alpha: 1.0 }).is_active(0, 1));
    }
}
