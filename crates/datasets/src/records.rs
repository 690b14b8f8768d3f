//! Records: images as plain bytes, and the in-memory data set that they become.

use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::Split;

/// A data set that can be trained on.
#[derive(Debug)]
pub struct Loaded {
    /// The training split, in the order of its files.
    pub train: Split,
    /// The test split.
    pub test: Split,
    /// SHA-256 in lowercase hexadecimal over, for the training split and then the test split: the number of images and
    /// the labels as 64-bit little-endian integers, and the pixels. It does not depend on the layout of the files: the
    /// same images in the same order have the same digest. Of photographs in files: over labels, paths and lengths of files.
    pub digest: String,
    /// Where the images come from, in words.
    pub source: String,
}

/// Images of one size as plain bytes, on their way from a file or a generator to a [`Split`].
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Records {
    /// Class numbers, `[n]`.
    pub(crate) labels: Vec<i64>,
    /// Pixels, `[n, 3, SIDE, SIDE]`.
    pub(crate) pixels: Vec<u8>,
}

/// Height and width of every image so far.
pub(crate) const SIDE: usize = 32;
/// Bytes of an image: a plane of bytes for each colour.
pub(crate) const IMAGE_BYTES: usize = 3 * SIDE * SIDE;

impl Records {
    fn add_to(&self, digest: &mut Sha256) {
        digest.update((self.labels.len() as u64).to_le_bytes());
        digest.update(
            self.labels
                .iter()
                .flat_map(|label| label.to_le_bytes())
                .collect::<Vec<u8>>(),
        );
        digest.update(&self.pixels);
    }

    fn into_split(self, classes: i64) -> Split {
        let side = SIDE as i64;
        Split::new(
            Tensor::from_slice(&self.pixels).view([-1, 3, side, side]),
            Tensor::from_slice(&self.labels),
            classes,
        )
    }
}

impl Loaded {
    pub(crate) fn new(train: Records, test: Records, classes: i64, source: String) -> Self {
        let mut digest = Sha256::new();
        train.add_to(&mut digest);
        test.add_to(&mut digest);
        Loaded {
            train: train.into_split(classes),
            test: test.into_split(classes),
            digest: format!("{:x}", digest.finalize()),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_the_order_of_images_and_splits() {
        let record = |label, pixel| Records {
            labels: vec![label],
            pixels: vec![pixel; IMAGE_BYTES],
        };
        let both = |first: Records, second: Records| Records {
            labels: [first.labels, second.labels].concat(),
            pixels: [first.pixels, second.pixels].concat(),
        };
        let digest = |train, test| Loaded::new(train, test, 2, String::new()).digest;
        let forth = digest(both(record(0, 1), record(0, 2)), record(1, 3));
        let back = digest(both(record(0, 2), record(0, 1)), record(1, 3));
        let elsewhere = digest(record(0, 1), both(record(0, 2), record(1, 3)));
        assert_ne!(forth, back);
        assert_ne!(forth, elsewhere);
    }
}
