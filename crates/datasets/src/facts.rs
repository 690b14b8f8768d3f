//! Facts: what is known about a data set before any file is read.

use crate::Normalization;

/// What a plan may know about a data set without its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Training images of each class, `[k]`.
    pub train: Vec<i64>,
    /// Test images of each class, `[k]`.
    pub test: Vec<i64>,
    /// Names of the classes, `[k]`.
    pub class_names: Vec<&'static str>,
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

    /// Number of training images of the smallest class; 0 without classes.
    pub fn smallest_class(&self) -> i64 {
        self.train.iter().copied().min().unwrap_or(0)
    }
}
