//! What happens to the images of a batch, and so to its targets. Whole batches on the device, no per-image loop.

use datasets::{Normalization, Split};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// A split on the training device, and how its pixels become numbers. Indices in, a batch on the device out: the only
/// thing the training loop asks of its data.
#[derive(Debug)]
pub struct Images {
    split: Split,
    mean: Tensor,      // [1, 3, 1, 1], on the scale 0..255
    deviation: Tensor, // [1, 3, 1, 1], on the scale 0..255
}

impl Images {
    /// Moves a split to `device`.
    pub fn new(split: &Split, normalization: &Normalization, device: Device) -> Images {
        let channels = |values: [f64; 3]| {
            (Tensor::from_slice(&values) * 255.0)
                .to_kind(Kind::Float)
                .view([1, 3, 1, 1])
                .to_device(device)
        };
        Images {
            split: split.to_device(device),
            mean: channels(normalization.mean),
            deviation: channels(normalization.deviation),
        }
    }

    /// Raw images `[b, 3, h, w]` u8 and labels `[b]` of the samples `indices [b]`.
    pub fn batch(&self, indices: &Tensor) -> (Tensor, Tensor) {
        (
            self.split.images.index_select(0, indices),
            self.split.labels.index_select(0, indices),
        )
    }

    /// Raw u8 images to normalised f32, (pixel − mean) / deviation per channel.
    pub fn normalize(&self, images: &Tensor) -> Tensor {
        (images.to_kind(Kind::Float) - &self.mean) / &self.deviation
    }

    /// Labels `[n]`.
    pub fn labels(&self) -> &Tensor {
        &self.split.labels
    }

    /// Samples of each class.
    pub fn class_counts(&self) -> Vec<i64> {
        self.split.class_counts()
    }

    /// Number of samples n.
    pub fn samples(&self) -> i64 {
        self.split.labels.size()[0]
    }
}

/// How training images are changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Zero-pad by 4, crop at random, flip half of the images: the CIFAR standard.
    #[serde(default = "enabled")]
    pub crop_and_flip: bool,
    /// Blend pairs of images and their targets.
    pub mixup: Option<Mixup>,
}

fn enabled() -> bool {
    true
}

impl Default for Augmentation {
    fn default() -> Augmentation {
        Augmentation {
            crop_and_flip: enabled(),
            mixup: None,
        }
    }
}

/// mixup (Zhang et al. 2018): x = λ x_i + (1 − λ) x_j, one λ ~ Beta(α, α) a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixup {
    /// Both parameters of the Beta distribution.
    pub alpha: f64,
}

/// What a batch is trained towards. Losses and regularizers see plain labels; mixup is handled here, once.
#[derive(Debug)]
pub enum Target {
    /// Labels `[b]`.
    Labels(Tensor),
    /// Two label sets `[b]` and the share `lambda` (a scalar tensor on the device) of the first.
    Mixed {
        /// Labels of the images as they were drawn.
        first: Tensor,
        /// Labels of their partners.
        second: Tensor,
        /// Share of the first.
        lambda: Tensor,
    },
}

impl Target {
    /// `objective(labels)`, or its λ-weighted sum over both label sets.
    pub fn blend(&self, objective: impl Fn(&Tensor) -> Tensor) -> Tensor {
        match self {
            Target::Labels(labels) => objective(labels),
            Target::Mixed { first, second, lambda } => objective(first) * lambda + objective(second) * (1.0 - lambda),
        }
    }

    /// The labels each image had before mixing, `[b]`.
    pub fn first(&self) -> &Tensor {
        match self {
            Target::Labels(first) | Target::Mixed { first, .. } => first,
        }
    }
}

impl Augmentation {
    /// Raw images `[b, 3, h, w]` u8 and labels `[b]` → normalised f32 images and their target. Draws from libtorch's
    /// generator.
    pub fn apply(&self, images: &Tensor, labels: Tensor, source: &Images) -> (Tensor, Target) {
        let images = if self.crop_and_flip {
            crop_and_flip(images, 4)
        } else {
            images.shallow_clone()
        };
        let images = source.normalize(&images);
        match self.mixup {
            None => (images, Target::Labels(labels)),
            Some(mixup) => mixup.apply(&images, labels),
        }
    }
}

impl Mixup {
    fn apply(self, images: &Tensor, labels: Tensor) -> (Tensor, Target) {
        let partners = Tensor::randperm(images.size()[0], (Kind::Int64, images.device()));
        let lambda = beta_draw(self.alpha, images.device());
        let mixed = images * &lambda + images.index_select(0, &partners) * (1.0 - &lambda);
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

/// One draw from Beta(α, α), a scalar f32 on `device`: g / (g + g') of two Gamma(α) draws, in f64 because they underflow
/// f32 at small α.
fn beta_draw(alpha: f64, device: Device) -> Tensor {
    let gammas = Tensor::full([2], alpha, (Kind::Double, device))
        .internal_standard_gamma()
        .clamp_min(1e-300);
    (gammas.get(0) / gammas.sum(Kind::Double)).to_kind(Kind::Float)
}

/// Zero-pads by `padding`, crops each image back at its own offset, mirrors half of them: `[b, c, h, w]` → the same
/// shape, channels-last in memory. Offsets are uniform over all 2 · `padding` + 1 positions of both axes.
fn crop_and_flip(images: &Tensor, padding: i64) -> Tensor {
    let [batch, _, height, width] = images.size()[..] else {
        panic!("images are [b, c, h, w]: {:?}", images.size())
    };
    let options = (Kind::Int64, images.device());
    let padded = images.constant_pad_nd([padding; 4]).permute([0, 2, 3, 1]).contiguous();
    let offset = || Tensor::randint(2 * padding + 1, [batch, 1], options);
    let rows = offset() + Tensor::arange(height, options); // [b, h]
    let mirrored = Tensor::randint(2, [batch, 1], options);
    let columns = Tensor::arange(width, options);
    let columns = offset() + &columns + &mirrored * (width - 1 - columns * 2); // [b, w], descending where mirrored
    let samples = Tensor::arange(batch, options).view([batch, 1, 1]);
    let index = [Some(samples), Some(rows.unsqueeze(2)), Some(columns.unsqueeze(1))];
    padded.index(&index).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn crops_are_shifts_of_the_zero_padded_image_or_of_its_mirror() {
        tch::manual_seed(1);
        let image = Tensor::arange(36, CPU).view([1, 1, 6, 6]) + 1.0;
        let candidates: Vec<Tensor> = [image.shallow_clone(), image.flip([3])]
            .iter()
            .flat_map(|image| {
                let padded = image.constant_pad_nd([2; 4]);
                (0..5)
                    .flat_map(move |top| {
                        (0..5).map({
                            let padded = padded.shallow_clone();
                            move |left| padded.narrow(2, top, 6).narrow(3, left, 6)
                        })
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let crops = crop_and_flip(&image.repeat([2000, 1, 1, 1]), 2);
        let mut seen = vec![0; candidates.len()];
        for index in 0..2000 {
            let crop = crops.narrow(0, index, 1);
            let found = candidates.iter().position(|candidate| candidate.equal(&crop));
            seen[found.expect("every crop is one of the 50 candidates")] += 1;
        }
        assert!(
            seen.iter().all(|&count| count > 10),
            "every offset and both mirrors occur: {seen:?}"
        );
    }

    #[test]
    fn crops_are_channels_last_in_memory() {
        let crops = crop_and_flip(&Tensor::zeros([4, 3, 8, 8], (Kind::Uint8, Device::Cpu)), 4);
        assert_eq!(crops.stride(), [192, 1, 24, 3]);
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
    fn blend_of_a_mixed_target_is_the_weighted_sum_of_both_objectives() {
        let labels = |label: i64| Tensor::from_slice(&[label]);
        let mixed = Target::Mixed {
            first: labels(2),
            second: labels(5),
            lambda: Tensor::from(0.25_f64),
        };
        let blended = mixed.blend(|labels| labels.to_kind(Kind::Double).sum(Kind::Double));
        assert!((blended.double_value(&[]) - (0.25 * 2.0 + 0.75 * 5.0)).abs() < 1e-12);
        assert_eq!(i64::try_from(mixed.first().get(0)).expect("a label"), 2);
    }
}
