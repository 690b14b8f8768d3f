//! Where batches come from: a split, and the normalisation of its pixels.

use std::num::NonZeroUsize;

use datasets::photographs::{PhotographStream, Photographs};
use datasets::{DataError, Normalization, Pixels, Split};
use tch::{Device, Kind, Tensor};

use crate::parts::augment::Augmentation;

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

/// How the images of a batch are shown to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Always alike.
    AsTheyAre,
    /// Photographs in files: cropped and flipped at random as they are read, by draws that follow from the epoch's seed and the place in its
    /// order. Images in memory: as they are; [`Augmenter`](crate::Augmenter) crops and flips them on the device.
    Cropped {
        /// Seed of the epoch: [`epoch_seed`](crate::epoch_seed).
        seed: i64,
    },
}

impl Shown {
    /// In an epoch of training with this seed.
    pub(crate) fn in_training(augmentation: &Augmentation, seed: i64) -> Shown {
        if augmentation.crop_and_flip {
            Shown::Cropped { seed }
        } else {
            Shown::AsTheyAre
        }
    }
}

/// The images of a split and their normalisation. Indices in, batches on the training device out: training and
/// evaluation need nothing else from their data, and do not know where it is kept.
#[derive(Debug)]
pub struct Images {
    /// In memory on the training device, or in files.
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

    /// As many images, changed and relabelled with `classes` classes: `change` maps all raw images `[n, 3, h, w]` to
    /// new images and labels.
    ///
    /// # Panics
    /// If the images are in files, which a plan refuses.
    pub(crate) fn relabelled(&self, classes: i64, change: impl FnOnce(&Tensor) -> (Tensor, Tensor)) -> Images {
        let (images, labels) = change(self.split.in_memory().expect("a plan refuses this for images in files"));
        Images {
            split: Split::new(images, labels, classes),
            mean: self.mean.shallow_clone(),
            deviation: self.deviation.shallow_clone(),
        }
    }

    /// The samples `indices [b]` as they are.
    ///
    /// # Errors
    /// If a file cannot be read.
    ///
    /// # Panics
    /// If the indices are not a vector of i64, a bug in the caller.
    pub fn batch(&self, indices: &Tensor) -> Result<Batch, DataError> {
        let order = [indices.shallow_clone()];
        let mut batches = self.batches(&order, Shown::AsTheyAre)?;
        batches.next().expect("one is asked for")
    }

    /// A batch for each tensor of indices `[b]` in `order`, all of them of one size but the last, which may be smaller. Images in memory are
    /// fetched when the iterator reaches them; files are read ahead by threads, a few batches at most.
    ///
    /// # Errors
    /// If a thread cannot be started. The iterator's: if a file cannot be read.
    ///
    /// # Panics
    /// If the indices are not vectors of i64, or their sizes differ in the middle, a bug in the caller.
    pub fn batches<'a>(&'a self, order: &'a [Tensor], shown: Shown) -> Result<Batches<'a>, DataError> {
        self.batches_after(0, order, shown)
    }

    /// As [`Images::batches`], without the `first` ones, which are not read: those that follow are the same as if they had been.
    pub(crate) fn batches_after<'a>(
        &'a self,
        first: usize,
        order: &'a [Tensor],
        shown: Shown,
    ) -> Result<Batches<'a>, DataError> {
        let source = match &self.split.pixels {
            Pixels::Memory(images) => Source::Memory(images, order[first..].iter()),
            Pixels::Files(photographs) => Source::Files(stream(photographs, first, order, shown)?),
        };
        Ok(Batches {
            labels: &self.split.labels,
            source,
        })
    }

    /// Whether the images are cropped and flipped as they are read, if at all.
    pub(crate) fn are_in_files(&self) -> bool {
        self.split.in_memory().is_none()
    }

    /// Raw u8 images to normalised f32, (pixel − mean) / deviation per channel; f64 images stay f64.
    pub fn normalize(&self, images: &Tensor) -> Tensor {
        (images - &self.mean) / &self.deviation
    }

    /// What [`Images::normalize`] makes of images, back on the scale 0..255.
    pub fn pixels(&self, images: &Tensor) -> Tensor {
        images * &self.deviation + &self.mean
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
        self.labels().size()[0]
    }
}

/// The batches of an order of images.
pub struct Batches<'a> {
    /// Of all images, `[n]` on the training device.
    labels: &'a Tensor,
    source: Source<'a>,
}

enum Source<'a> {
    /// All images, and the indices of the batches that are still to come.
    Memory(&'a Tensor, std::slice::Iter<'a, Tensor>),
    Files(PhotographStream),
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Memory(images, order) => {
                let indices = order.next()?;
                Some(Ok(Batch {
                    images: images.index_select(0, indices),
                    labels: self.labels.index_select(0, indices),
                }))
            }
            Source::Files(stream) => {
                let device = self.labels.device();
                let batch = stream.next()?;
                Some(batch.map(|batch| Batch {
                    images: batch.images.to_device(device),
                    labels: batch.labels.to_device(device),
                }))
            }
        }
    }
}

/// Threads that read the photographs of `order`.
fn stream(
    photographs: &Photographs,
    first: usize,
    order: &[Tensor],
    shown: Shown,
) -> Result<PhotographStream, DataError> {
    let sizes: Vec<i64> = order.iter().map(|indices| indices.size()[0]).collect();
    let is_sound = sizes.iter().rev().skip(1).all(|size| *size == sizes[0]) && sizes.last() <= sizes.first();
    assert!(is_sound, "batches have one size: {sizes:?}");
    let batch = sizes.first().map_or(1, |&size| size as usize);
    let batch = NonZeroUsize::new(batch).unwrap_or(NonZeroUsize::MIN);
    let positions = match order {
        [] => Vec::new(),
        // Read from the device once an epoch, before its first step.
        order => Vec::try_from(Tensor::cat(order, 0)).expect("indices are a vector of i64"),
    };
    match shown {
        Shown::AsTheyAre => photographs.evaluation_batches(positions, batch, first),
        Shown::Cropped { seed } => photographs.training_batches(positions, batch, first, seed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four images, each filled with its index, of classes 0 to 3.
    fn images() -> Images {
        let labels = Tensor::arange(4, (Kind::Int64, Device::Cpu));
        let split = Split::new(
            labels.to_kind(Kind::Uint8).view([4, 1, 1, 1]).repeat([1, 3, 2, 2]),
            labels,
            4,
        );
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
        for batch in images.batches(&order, Shown::AsTheyAre).expect("they are in memory") {
            let batch = batch.expect("they are in memory");
            assert_eq!(batch.images.select(1, 0).select(1, 0).select(1, 0), batch.labels);
            seen.push(Vec::<i64>::try_from(batch.labels).unwrap());
        }
        assert_eq!(seen, [vec![3, 1], vec![0]]);
    }

    #[test]
    fn a_batch_is_overwritten_in_place_and_a_copy_has_its_own_memory() {
        let batch = |index: i64| images().batch(&Tensor::from_slice(&[index])).expect("in memory");
        let mut recorded = batch(0);
        let (replayed_on, copy) = (recorded.images.shallow_clone(), recorded.copy());
        recorded.overwrite(&batch(2));
        assert_eq!((&replayed_on, &recorded.labels), (&batch(2).images, &batch(2).labels));
        assert_eq!((&copy.images, &copy.labels), (&batch(0).images, &batch(0).labels));
    }
}
