//! Writing arrays as npy and npz. Equal numbers make equal files: entries have no timestamp, so a digest identifies a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use zip::write::FileOptions;
use zip::{DateTime, ZipWriter};

/// The numbers of an array `[n]`.
pub(crate) enum Column<'a> {
    /// As NumPy's `uint8`.
    Bytes(&'a [u8]),
    /// As NumPy's `int32`.
    Integers(&'a [i32]),
    /// As NumPy's `int64`.
    LongIntegers(&'a [i64]),
    /// As NumPy's `float32`.
    Floats(&'a [f32]),
}

impl Column<'_> {
    /// NumPy's name of the type, the length, and the numbers in little-endian order.
    fn parts(&self) -> (&'static str, usize, Vec<u8>) {
        match self {
            Column::Bytes(values) => ("|u1", values.len(), values.to_vec()),
            Column::Integers(values) => (
                "<i4",
                values.len(),
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
            Column::LongIntegers(values) => (
                "<i8",
                values.len(),
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
            Column::Floats(values) => (
                "<f4",
                values.len(),
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
        }
    }

    /// The array as a NumPy file, version 1.0: magic, length of the header, header, numbers. The header ends at a multiple of 64 bytes.
    pub(crate) fn npy(&self) -> Vec<u8> {
        let (kind, length, numbers) = self.parts();
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({length},), }}");
        let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
        let header = format!("{header:<width$}\n", width = padded - 1);
        let length = u16::try_from(header.len()).expect("a header of one line").to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &numbers].concat()
    }
}

/// Writes the `columns` by name into the file at `path`.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn npz(path: &Path, columns: &[(&str, Column<'_>)]) -> io::Result<()> {
    let options = FileOptions::default().last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(File::create(path)?);
    for (name, column) in columns {
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&column.npy())?;
    }
    archive.finish()?.flush()
}
