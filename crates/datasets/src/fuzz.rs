//! Entry points for the targets of `fuzz/`: each parser on arbitrary bytes, for a data set of six images.

use std::path::Path;

use crate::cifar::TINY;
use crate::unpack::unpack;
use crate::{DataError, cifar_pickle};

/// Loads both splits from below `data_root`, in either layout, and returns their number of images.
///
/// # Errors
/// If the files are not a valid data set.
pub fn cifar(data_root: &Path) -> Result<i64, DataError> {
    let loaded = TINY.read(data_root)?;
    Ok((loaded.train.len() + loaded.test.len()) as i64)
}

/// Reads a batch of two images in the Python layout and returns the number of its labels.
///
/// # Errors
/// If the bytes are not a valid batch.
pub fn cifar_pickle(bytes: &[u8]) -> Result<usize, String> {
    cifar_pickle::parse(bytes, "fine_labels", 2).map(|records| records.labels.len())
}

/// Unpacks an archive to `data_root/tiny-bin`.
///
/// # Errors
/// If the archive is not a valid one.
pub fn archive(bytes: &[u8], data_root: &Path) -> Result<(), DataError> {
    unpack(bytes, Path::new(TINY.layouts[0].archive.name), data_root, "tiny-bin")
}
