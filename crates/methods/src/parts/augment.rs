//! Changes of a batch's images, and so of its targets. Whole batches on the device, no per-image loop.

mod auto_augment;
mod boxes;
mod crop_flip;
mod cut_mix;
mod draws;
mod keys;
mod mix;
mod operation;
mod policy;
mod rand_augment;
mod target;

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::images::{Batch, Images};
use crate::range::OutOfRange;
use keys::Keys;
use policy::PolicyTables;

pub(crate) use crop_flip::crop_and_flip;

pub use boxes::Cutout;
pub use cut_mix::{Cmo, CutMix};
pub use mix::{Mix, Mixup, Remix};
pub use policy::Policy;
pub use rand_augment::RandAugment;
pub use target::Target;

/// How training images are changed, in the order of the fields. In a file, each [`Mix`] is a key of its own, of which
/// at most one may be stated: `augmentation = { cutout = {}, mixup = { alpha = 0.2 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct Augmentation {
    /// Zero-pad by 4, crop at random, flip half of the images: the CIFAR standard.
    pub crop_and_flip: bool,
    /// Change shapes and colours of every image at random.
    pub policy: Option<Policy>,
    /// Blank a square of every image.
    pub cutout: Option<Cutout>,
    /// Mix pairs of images, or of their features, and their targets.
    pub mix: Option<Mix>,
}

impl Default for Augmentation {
    fn default() -> Augmentation {
        Augmentation {
            crop_and_flip: true,
            policy: None,
            cutout: None,
            mix: None,
        }
    }
}

impl Augmentation {
    /// Refuses shares, probabilities and sizes out of range.
    pub(crate) fn check(&self) -> Result<(), OutOfRange> {
        self.cutout.map_or(Ok(()), Cutout::check)?;
        if let Some(Policy::RandAugment(settings)) = self.policy {
            settings.check()?;
        }
        self.mix.map_or(Ok(()), Mix::check)
    }

    /// The augmentation of 0-based `epoch` of `epochs`: a mix may be inactive.
    pub fn in_epoch(&self, epoch: i64, epochs: i64) -> Augmentation {
        Augmentation {
            mix: self.mix.filter(|mix| mix.is_active(epoch, epochs)),
            ..self.clone()
        }
    }
}

/// Such as `crop and flip, mixup (α 0.2)`.
impl fmt::Display for Augmentation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.crop_and_flip.then(|| "crop and flip".to_owned()),
            self.policy.map(|policy| policy.to_string()),
            self.cutout.map(|cutout| cutout.to_string()),
            self.mix.map(|mix| mix.to_string()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.as_slice() {
            [] => formatter.write_str("none"),
            parts => formatter.write_str(&parts.join(", ")),
        }
    }
}

/// An augmentation in use: the settings of an epoch and the data that they need.
#[derive(Debug)]
pub struct Augmenter<'a> {
    settings: Augmentation,
    policy: Option<PolicyTables>,
    train: &'a Images,
    class_counts: &'a Tensor,
}

impl<'a> Augmenter<'a> {
    /// For batches of `train`, with class counts `[k]` on its device.
    pub fn new(settings: Augmentation, train: &'a Images, class_counts: &'a Tensor) -> Augmenter<'a> {
        Augmenter {
            policy: settings.policy.map(|policy| policy.on(class_counts.device())),
            settings,
            train,
            class_counts,
        }
    }

    /// A batch → normalised f32 images `[b, 3, h, w]` and their target. Draws from libtorch's generator.
    ///
    /// [`Cmo`] fetches its foregrounds here, from the split: they must be drawn after the crops of the batch, so the
    /// batch cannot bring them along.
    ///
    /// # Panics
    /// If they are in files, which a plan refuses.
    pub fn apply(&self, batch: &Batch) -> (Tensor, Target) {
        let (images, labels) = (self.transform(&batch.images), batch.labels.shallow_clone());
        match self.settings.mix {
            None | Some(Mix::ManifoldMixup(_)) => (images, Target::Labels(labels)),
            Some(Mix::Mixup(mixup)) => mixup.apply(&images, labels),
            Some(Mix::Remix(remix)) => remix.apply(&images, labels, self.class_counts),
            Some(Mix::CutMix(cutmix)) => cutmix.apply(&images, labels),
            Some(Mix::Cmo(cmo)) => {
                let drawn = cmo.foregrounds(images.size()[0], self.train.labels(), self.class_counts);
                let foregrounds = self.train.batch(&drawn);
                let foregrounds = foregrounds.expect("a plan refuses CMO for images in files");
                cmo.apply(
                    &images,
                    labels,
                    &self.transform(&foregrounds.images),
                    foregrounds.labels,
                )
            }
        }
    }

    /// Raw images `[b, 3, h, w]` u8 → `count` normalised views of each, unmixed, all first views before all second
    /// ones, `[count · b, 3, h, w]`. Draws from libtorch's generator.
    pub fn views(&self, images: &Tensor, count: usize) -> Tensor {
        let views: Vec<Tensor> = (0..count).map(|_| self.transform(images)).collect();
        Tensor::cat(&views, 0)
    }

    /// Features `[b, …]` and their target → the same or, under manifold mixup, mixed features with a mixed target.
    pub fn mix_features(&self, features: Tensor, target: Target) -> (Tensor, Target) {
        match (self.settings.mix, target) {
            (Some(Mix::ManifoldMixup(mixup)), Target::Labels(labels)) => mixup.apply(&features, labels),
            (_, target) => (features, target),
        }
    }

    /// Changes each image by itself: raw u8 → normalised f32.
    fn transform(&self, images: &Tensor) -> Tensor {
        let mut images = images.shallow_clone();
        if self.settings.crop_and_flip && !self.train.are_in_files() {
            images = crop_and_flip(&images, 4);
        }
        if let Some(policy) = &self.policy {
            images = policy.apply(&images);
        }
        if let Some(cutout) = self.settings.cutout {
            images = cutout.apply(&images);
        }
        self.train.normalize(&images)
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Normalization, Split};
    use tch::{Device, Kind};

    use super::*;

    /// Forty images, the first thirty of class 0, the others of class 1; and their class counts.
    fn train() -> (Images, Tensor) {
        let pixels = (Tensor::arange(40 * 3 * 16 * 16, (Kind::Int64, Device::Cpu)) * 97).remainder(251);
        let split = Split::new(
            pixels.to_kind(Kind::Uint8).view([40, 3, 16, 16]),
            Tensor::arange(40, (Kind::Int64, Device::Cpu))
                .ge(30)
                .to_kind(Kind::Int64),
            2,
        );
        let normalization = Normalization {
            mean: [0.4, 0.5, 0.6],
            deviation: [0.2, 0.25, 0.3],
        };
        let images = Images::new(&split, &normalization, Device::Cpu);
        (images, Tensor::from_slice(&[30.0_f32, 10.0]))
    }

    /// Eight images of each class, augmented.
    fn augmented(settings: &Augmentation) -> (Tensor, Target) {
        let (train, class_counts) = train();
        let batch = train
            .batch(&Tensor::arange_start(22, 38, (Kind::Int64, Device::Cpu)))
            .expect("in memory");
        Augmenter::new(settings.clone(), &train, &class_counts).apply(&batch)
    }

    #[test]
    fn without_any_part_images_are_only_normalised() {
        let (images, target) = augmented(&Augmentation {
            crop_and_flip: false,
            ..Augmentation::default()
        });
        let (train, _) = train();
        let Batch { images: raw, labels } = train
            .batch(&Tensor::arange_start(22, 38, (Kind::Int64, Device::Cpu)))
            .expect("in memory");
        assert_eq!(images, train.normalize(&raw));
        assert!(matches!(target, Target::Labels(found) if found == labels));
    }

    #[test]
    fn manifold_mixup_leaves_images_alone_and_mixes_features() {
        let settings = Augmentation {
            crop_and_flip: false,
            mix: Some(Mix::ManifoldMixup(Mixup { alpha: 1.0 })),
            ..Augmentation::default()
        };
        let (images, target) = augmented(&settings);
        let (train, class_counts) = train();
        let Batch { images: raw, labels } = train
            .batch(&Tensor::arange_start(22, 38, (Kind::Int64, Device::Cpu)))
            .expect("in memory");
        assert_eq!(images, train.normalize(&raw));
        assert!(matches!(&target, Target::Labels(found) if found == &labels));

        let features = Tensor::randn([16, 5], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let augmenter = Augmenter::new(settings, &train, &class_counts);
        let (mixed, target) = augmenter.mix_features(features.shallow_clone(), target);
        assert_ne!(mixed, features);
        assert!(matches!(target, Target::Mixed { first, .. } if first == labels));
        let weights = Tensor::arange(5, (Kind::Float, Device::Cpu));
        (mixed * &weights).sum(Kind::Float).backward();
        let difference = (features.grad() - weights).abs().max().double_value(&[]);
        assert!(
            difference < 1e-5,
            "the shares of a feature, once its own and once a partner's, add up to 1"
        );
    }

    #[test]
    fn other_mixes_leave_features_alone() {
        let (train, class_counts) = train();
        let features = Tensor::randn([16, 5], (Kind::Float, Device::Cpu));
        for mix in [Mix::CutMix(CutMix::default()), Mix::Cmo(Cmo::default())] {
            let settings = Augmentation {
                mix: Some(mix),
                ..Augmentation::default()
            };
            let (_, target) = augmented(&settings);
            let augmenter = Augmenter::new(settings, &train, &class_counts);
            assert_eq!(augmenter.mix_features(features.copy(), target).0, features);
        }
    }

    #[test]
    fn foregrounds_of_cmo_are_augmented_like_the_batch() {
        let (images, _) = augmented(&Augmentation {
            cutout: Some(Cutout { side: 64 }),
            mix: Some(Mix::Cmo(Cmo {
                probability: 1.0,
                ..Cmo::default()
            })),
            ..Augmentation::default()
        });
        let (train, _) = train();
        let black = train.normalize(&Tensor::zeros([16, 3, 16, 16], (Kind::Uint8, Device::Cpu)));
        assert_eq!(
            images, black,
            "a square of twice the image's side leaves nothing of either"
        );
    }

    #[test]
    fn cmo_is_active_only_in_its_epochs() {
        let settings = Augmentation {
            mix: Some(Mix::Cmo(Cmo::default())),
            ..Augmentation::default()
        };
        assert_eq!(settings.in_epoch(3, 10), Augmentation::default());
        assert_eq!(settings.in_epoch(4, 10), settings);
    }
}
