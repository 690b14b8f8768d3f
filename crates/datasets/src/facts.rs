//! What is known about a data set before any of its files is read.

use crate::Normalization;

/// What a plan may know of a data set without its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Training images of each class, `[k]`.
    pub train: Vec<i64>,
    /// Test images of each class, `[k]`.
    pub test: Vec<i64>,
    /// Height and width of every image, in pixels.
    pub side: i64,
    /// The constants that images are normalised with.
    pub normalization: Normalization,
}

impl Facts {
    /// Number of classes k.
    pub fn classes(&self) -> i64 {
        self.train.len() as i64
    }

    /// Training images of the class with the fewest, which every class has; 0 without classes.
    pub fn smallest_class(&self) -> i64 {
        self.train.iter().copied().min().unwrap_or(0)
    }
}
