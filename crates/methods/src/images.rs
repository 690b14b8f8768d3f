//! Where batches come from: a split on the training device.

use datasets::{Normalization, Split};
use tch::{Device, Kind, Tensor};

use crate::Pretext;

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

    /// The split under a pretext task: posed images with its labels in place of their own.
    #[must_use]
    pub fn posed(&self, pretext: Pretext) -> Images {
        let (images, labels) = pretext.pose(&self.split.images);
        Images {
            split: Split {
                images,
                labels,
                classes: pretext.classes(),
            },
            mean: self.mean.shallow_clone(),
            deviation: self.deviation.shallow_clone(),
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
