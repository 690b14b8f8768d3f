use tch::{Device, Tensor};

use crate::DataError;
use crate::photographs::{PhotographIndex, Photographs, Replaced};

/// Labelled images. Labels are class numbers from 0 to `classes - 1`.
#[derive(Debug)]
pub struct Split {
    /// The images.
    pub pixels: Pixels,
    /// Class of each image, `[n]` i64.
    pub labels: Tensor,
    /// Number of classes k, including those without an image here.
    pub classes: i64,
}

/// Where the images of a split are.
#[derive(Debug)]
pub enum Pixels {
    /// All of them in the memory of one device, `[n, 3, h, w]` u8.
    Memory(Tensor),
    /// In files, from which they are read as they are needed.
    Files(Photographs),
}

impl Split {
    /// Images in memory, `[n, 3, h, w]` u8, with `labels [n]` i64 of `classes` classes.
    pub fn new(images: Tensor, labels: Tensor, classes: i64) -> Split {
        Split {
            pixels: Pixels::Memory(images),
            labels,
            classes,
        }
    }

    /// Number of images n.
    pub fn len(&self) -> usize {
        self.labels.size()[0] as usize
    }

    /// The images `[n, 3, h, w]` u8, if they are in memory.
    pub fn in_memory(&self) -> Option<&Tensor> {
        match &self.pixels {
            Pixels::Memory(images) => Some(images),
            Pixels::Files(_) => None,
        }
    }

    /// The list of the photographs, if the images are in files.
    pub fn photographs(&self) -> Option<&PhotographIndex> {
        match &self.pixels {
            Pixels::Memory(_) => None,
            Pixels::Files(photographs) => Some(&photographs.index),
        }
    }

    /// The image at `index` for people, `[3, h, w]` u8: as it is in memory, of a file at most `largest` pixels high and wide.
    ///
    /// # Errors
    /// If the file cannot be read.
    ///
    /// # Panics
    /// If the index is not below [`Split::len`].
    pub fn thumbnail(&self, index: usize, largest: usize) -> Result<Tensor, DataError> {
        match &self.pixels {
            Pixels::Memory(images) => Ok(images.get(index as i64)),
            Pixels::Files(photographs) => photographs.smaller(largest).one(index),
        }
    }

    /// Replaces up to `at_most` unreadable files in each pass over the images, each by the next readable one of the pass, where otherwise
    /// the first one would be an error. Images in memory are all readable.
    pub fn replace_unreadable(&mut self, at_most: usize) {
        if let Pixels::Files(photographs) = &mut self.pixels {
            photographs.replaced = Replaced::at_most(at_most);
        }
    }

    /// Path and problem of each file that was replaced so far, by this split or a copy of it, in the order of their paths.
    pub fn replaced(&self) -> Vec<String> {
        match &self.pixels {
            Pixels::Memory(_) => Vec::new(),
            Pixels::Files(photographs) => photographs.replaced.list(),
        }
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of images of each class, `[k]`.
    ///
    /// # Panics
    /// If the labels are not class numbers in a vector of i64.
    pub fn class_counts(&self) -> Vec<i64> {
        let counts = self.labels.bincount::<Tensor>(None, self.classes);
        Vec::try_from(counts).expect("bincount of i64 labels gives a vector of i64")
    }

    /// The labels as a list on the host, `[n]`.
    ///
    /// # Panics
    /// If the labels are not a vector of i64.
    pub fn label_list(&self) -> Vec<i64> {
        Vec::try_from(&self.labels).expect("labels are a vector of i64")
    }

    /// A copy of the images at `indices`, in that order, on the same device; of images in files, a list of them.
    ///
    /// # Panics
    /// If an index is not below [`Split::len`].
    #[must_use]
    pub fn select(&self, indices: &[i64]) -> Split {
        let pixels = match &self.pixels {
            Pixels::Memory(images) => {
                Pixels::Memory(images.index_select(0, &Tensor::from_slice(indices).to_device(images.device())))
            }
            Pixels::Files(photographs) => Pixels::Files(photographs.select(indices)),
        };
        let indices = Tensor::from_slice(indices).to_device(self.labels.device());
        Split {
            pixels,
            labels: self.labels.index_select(0, &indices),
            classes: self.classes,
        }
    }

    /// The same split on `device`; without copying if it is there already. Images in files stay where they are.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Split {
        Split {
            pixels: match &self.pixels {
                Pixels::Memory(images) => Pixels::Memory(images.to_device(device)),
                Pixels::Files(photographs) => Pixels::Files(photographs.clone()),
            },
            labels: self.labels.to_device(device),
            classes: self.classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_images() -> Split {
        let pixels: Vec<u8> = (0..3 * 3 * 2 * 2).collect();
        Split::new(
            Tensor::from_slice(&pixels).view([3, 3, 2, 2]),
            Tensor::from_slice(&[2i64, 0, 2]),
            4,
        )
    }

    #[test]
    fn class_counts_include_absent_classes() {
        assert_eq!(three_images().class_counts(), [1, 0, 2, 0]);
    }

    #[test]
    fn select_keeps_the_order_asked_for() {
        let split = three_images().select(&[2, 1]);
        assert_eq!(split.label_list(), [2, 0]);
        assert_eq!(split.len(), 2);
        let images = split.in_memory().expect("they stay there");
        assert_eq!(images.int64_value(&[0, 0, 0, 0]), 24);
        assert_eq!(images.int64_value(&[1, 0, 0, 0]), 12);
        assert_eq!(split.classes, 4);
    }

    #[test]
    fn selecting_nothing_gives_an_empty_split() {
        let split = three_images().select(&[]);
        assert!(split.is_empty());
        assert_eq!(split.class_counts(), [0, 0, 0, 0]);
    }
}
