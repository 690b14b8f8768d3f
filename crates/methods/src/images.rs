//! Where batches come from: a split, and the normalisation of its pixels.

use datasets::{Normalization, Split};
use tch::{Device, Kind, Tensor};

/// A batch of images on the training device, with their labels: b images, b labels.
#[derive(Debug)]
pub struct Batch {
    /// Raw pixels `[b, 3, h, w]` u8.
    pub images: Tensor,
    /// `[b]` i64.
    pub labels: Tensor,
}

impl Batch {
    /// A copy of the batch in its own memory.
    pub(crate) fn copy(&self) -> Batch {
        Batch {
            images: self.images.copy(),
            labels: self.labels.copy(),
        }
    }

    /// Overwrites the batch in place with `other`, which has the same shapes.
    pub(crate) fn overwrite(&mut self, other: &Batch) {
        self.images.copy_(&other.images);
        self.labels.copy_(&other.labels);
    }
}

/// Where the images of a split are kept.
#[derive(Debug)]
enum Source {
    /// All of them on the training device.
    Resident(Split),
}

impl Source {
    /// The samples `indices [b]`.
    fn batch(&self, indices: &Tensor) -> Batch {
        match self {
            Source::Resident(split) => Batch {
                images: split.images.index_select(0, indices),
                labels: split.labels.index_select(0, indices),
            },
        }
    }
}

/// The images of a split and their normalisation. Indices in, batches on the training device out: training and
/// evaluation need nothing else from their data.
#[derive(Debug)]
pub struct Images {
    source: Source,
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
            source: Source::Resident(split.to_device(device)),
            mean: channels(normalization.mean),
            deviation: channels(normalization.deviation),
        }
    }

    /// As many images, changed and relabelled with `classes` classes: `change` maps all raw images `[n, 3, h, w]` to
    /// new images and labels.
    pub(crate) fn relabelled(&self, classes: i64, change: impl FnOnce(&Tensor) -> (Tensor, Tensor)) -> Images {
        let (images, labels) = change(&self.split().images);
        Images {
            source: Source::Resident(Split {
                images,
                labels,
                classes,
            }),
            mean: self.mean.shallow_clone(),
            deviation: self.deviation.shallow_clone(),
        }
    }

    /// The samples `indices [b]`.
    pub fn batch(&self, indices: &Tensor) -> Batch {
        self.source.batch(indices)
    }

    /// A batch for each tensor of indices `[b]` in `order`. A batch is fetched when the iterator reaches it.
    pub fn batches<'a>(&'a self, order: &'a [Tensor]) -> impl Iterator<Item = Batch> + 'a {
        order.iter().map(|indices| self.batch(indices))
    }

    /// Raw u8 images to normalised f32, (pixel − mean) / deviation per channel; f64 images stay f64.
    pub fn normalize(&self, images: &Tensor) -> Tensor {
        (images - &self.mean) / &self.deviation
    }

    /// Labels `[n]`.
    pub fn labels(&self) -> &Tensor {
        &self.split().labels
    }

    /// Samples of each class.
    pub fn class_counts(&self) -> Vec<i64> {
        self.split().class_counts()
    }

    /// Number of samples n.
    pub fn samples(&self) -> i64 {
        self.labels().size()[0]
    }

    fn split(&self) -> &Split {
        match &self.source {
            Source::Resident(split) => split,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four images, each filled with its index, of classes 0 to 3.
    fn images() -> Images {
        let labels = Tensor::arange(4, (Kind::Int64, Device::Cpu));
        let split = Split {
            images: labels.to_kind(Kind::Uint8).view([4, 1, 1, 1]).repeat([1, 3, 2, 2]),
            labels,
            classes: 4,
        };
        let normalization = Normalization {
            mean: [0.0; 3],
            deviation: [1.0; 3],
        };
        Images::new(&split, &normalization, Device::Cpu)
    }

    #[test]
    fn batches_come_in_the_order_of_their_indices() {
        let order = [Tensor::from_slice(&[3_i64, 1]), Tensor::from_slice(&[0_i64])];
        let images = images();
        let mut seen = Vec::new();
        for batch in images.batches(&order) {
            assert_eq!(batch.images.select(1, 0).select(1, 0).select(1, 0), batch.labels);
            seen.push(Vec::<i64>::try_from(batch.labels).unwrap());
        }
        assert_eq!(seen, [vec![3, 1], vec![0]]);
    }

    #[test]
    fn a_batch_is_overwritten_in_place_and_a_copy_has_its_own_memory() {
        let batch = |index: i64| images().batch(&Tensor::from_slice(&[index]));
        let mut recorded = batch(0);
        let (replayed_on, copy) = (recorded.images.shallow_clone(), recorded.copy());
        recorded.overwrite(&batch(2));
        assert_eq!((&replayed_on, &recorded.labels), (&batch(2).images, &batch(2).labels));
        assert_eq!((&copy.images, &copy.labels), (&batch(0).images, &batch(0).labels));
    }
}
