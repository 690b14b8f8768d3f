//! What happens to the images of a batch, and so to its targets. Whole batches on the device, no per-image loop.

mod boxes;
mod crop_flip;
mod keys;
mod mix;
mod target;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::Images;
use crop_flip::crop_and_flip;
use keys::Keys;

pub use boxes::Cutout;
pub use mix::{Cmo, CutMix, Mix, Mixup, Remix};
pub use target::Target;

/// How training images are changed, in the order of the fields. In a file each [`Mix`] is a key of its own, and one of
/// them at most is stated: `augmentation = { cutout = {}, mixup = { alpha = 0.2 } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct Augmentation {
    /// Zero-pad by 4, crop at random, flip half of the images: the CIFAR standard.
    pub crop_and_flip: bool,
    /// Blank a square of every image.
    pub cutout: Option<Cutout>,
    /// Mix pairs of images, or of their features, and their targets.
    pub mix: Option<Mix>,
}

impl Default for Augmentation {
    fn default() -> Augmentation {
        Augmentation {
            crop_and_flip: true,
            cutout: None,
            mix: None,
        }
    }
}

impl Augmentation {
    /// What is left of it in 0-based `epoch` of `epochs`.
    pub fn in_epoch(&self, epoch: i64, epochs: i64) -> Augmentation {
        Augmentation {
            mix: self.mix.filter(|mix| mix.is_active(epoch, epochs)),
            ..self.clone()
        }
    }
}

/// An augmentation at work: the settings of an epoch beside the data that they need.
#[derive(Debug)]
pub struct Augmenter<'a> {
    settings: Augmentation,
    train: &'a Images,
    class_counts: &'a Tensor,
}

impl<'a> Augmenter<'a> {
    /// For batches of `train`, whose class counts `[k]` are on its device.
    pub fn new(settings: Augmentation, train: &'a Images, class_counts: &'a Tensor) -> Augmenter<'a> {
        Augmenter {
            settings,
            train,
            class_counts,
        }
    }

    /// Raw images `[b, 3, h, w]` u8 and labels `[b]` → normalised f32 images and their target. Draws from libtorch's
    /// generator.
    pub fn apply(&self, images: &Tensor, labels: Tensor) -> (Tensor, Target) {
        let images = self.transform(images);
        match self.settings.mix {
            None | Some(Mix::ManifoldMixup(_)) => (images, Target::Labels(labels)),
            Some(Mix::Mixup(mixup)) => mixup.apply(&images, labels),
            Some(Mix::Remix(remix)) => remix.apply(&images, labels, self.class_counts),
            Some(Mix::CutMix(cutmix)) => cutmix.apply(&images, labels),
            Some(Mix::Cmo(cmo)) => {
                let drawn = cmo.foregrounds(images.size()[0], self.train.labels(), self.class_counts);
                let (foregrounds, foreground_labels) = self.train.batch(&drawn);
                cmo.apply(&images, labels, &self.transform(&foregrounds), foreground_labels)
            }
        }
    }

    /// Features `[b, …]` and the target of their images → the same, or, under manifold mixup, mixed features and their
    /// target.
    pub fn mix_features(&self, features: Tensor, target: Target) -> (Tensor, Target) {
        match (self.settings.mix, target) {
            (Some(Mix::ManifoldMixup(mixup)), Target::Labels(labels)) => mixup.apply(&features, labels),
            (_, target) => (features, target),
        }
    }

    /// What happens to each image by itself: raw u8 → normalised f32.
    fn transform(&self, images: &Tensor) -> Tensor {
        let mut images = images.shallow_clone();
        if self.settings.crop_and_flip {
            images = crop_and_flip(&images, 4);
        }
        if let Some(cutout) = self.settings.cutout {
            images = cutout.apply(&images);
        }
        self.train.normalize(&images)
    }
}
