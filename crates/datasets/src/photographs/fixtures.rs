//! Images for tests: those of `scripts/conformance/photographs.py`, and others that are made here.

use std::path::{Path, PathBuf};

use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

use crate::photographs::{PIXEL_LIMIT, RgbImage, decode};

/// A file that the script wrote.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/fixtures/photographs"]
        .iter()
        .collect();
    std::fs::read(folder.join(name)).unwrap()
}

/// The same, decoded.
pub(crate) fn fixture_image(name: &str) -> RgbImage {
    decode(&fixture(name), PIXEL_LIMIT).unwrap()
}

/// A JPEG file of a pattern that depends on `number`.
pub(crate) fn jpeg(width: usize, height: usize, number: usize) -> Vec<u8> {
    let value = |row: usize, column: usize, channel: usize| {
        (128.0 + 100.0 * ((row * (number + 1) + column * (channel + 2)) as f64 / 20.0).sin()) as u8
    };
    let pixels: Vec<u8> = (0..height)
        .flat_map(|row| (0..width).flat_map(move |column| (0..3).map(move |channel| value(row, column, channel))))
        .collect();
    compress(&pixels, width, height, PixelFormat::Rgb, 90, Subsampling::S420).unwrap()
}

/// Writes such a file.
pub(crate) fn write_jpeg(path: &Path, number: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, jpeg(40 + number, 30, number)).unwrap();
}

/// The largest and the mean difference of two images in levels of 255.
pub(crate) fn difference(one: &[u8], other: &[u8]) -> (u8, f64) {
    assert_eq!(one.len(), other.len());
    let differences = one.iter().zip(other).map(|(one, other)| one.abs_diff(*other));
    let sum: u64 = differences.clone().map(u64::from).sum();
    (differences.max().unwrap(), sum as f64 / one.len() as f64)
}
