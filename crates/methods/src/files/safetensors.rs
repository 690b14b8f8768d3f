//! Safetensors: named arrays in one file, each read on request.
//!
//! tch's own reader makes a tensor of every array in a file: it rejects a file for the kind of an unneeded array, and
//! reads a whole checkpoint for one of its numbers. This reader checks the header against the length of the file, and
//! an array's kind and shape against its bytes, before it allocates memory for them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tch::Tensor;

use crate::files::element::{Element, ElementError};

/// An open safetensors file with a valid header.
#[derive(Debug)]
pub struct Safetensors {
    file: File,
    /// Where the arrays begin, in bytes.
    start: u64,
    metadata: Value,
    entries: BTreeMap<String, Entry>,
}

/// Why a safetensors file, or an array in it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The operating system's error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("it is not a plain file")]
    NotAFile,
    /// A file of `torch.save`.
    #[error(
        "it is a pickle, as torch.save writes, which can run any code as it is read; save it as safetensors in Python: \
         `safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"model.safetensors\")`"
    )]
    Pickle,
    /// The file is too short for the header length in its first bytes.
    #[error("it has {found} bytes, too few for the header that its first eight promise")]
    NoHeader {
        /// Length of the file in bytes.
        found: u64,
    },
    /// The header is not a table of arrays.
    #[error("its header is not one of safetensors: {0}")]
    Header(#[from] serde_json::Error),
    /// The arrays do not end where the file ends.
    #[error("it has {found} bytes, its header promises {expected}")]
    Length {
        /// Length of the file in bytes.
        found: u64,
        /// Length of the header and of all arrays in bytes.
        expected: u64,
    },
    /// An array of a kind that tensors do not have.
    #[error("`{name}` is of kind {dtype}, which is not supported; convert it to F32, labels to I64")]
    Kind {
        /// The array.
        name: String,
        /// Its kind.
        dtype: String,
    },
    /// The bytes of an array are not what its shape says.
    #[error("`{name}` is damaged: {reason}")]
    Array {
        /// The array.
        name: String,
        /// How they differ.
        reason: ElementError,
    },
}

/// How the zip archives begin that `torch.save` writes, and the plain pickles that it wrote before. Either is far beyond any file
/// if it is read as the length of a header; a header of 640 bytes begins as such a pickle, but is there.
const ZIP: &[u8] = b"PK\x03\x04";
const PICKLE: &[u8] = b"\x80\x02";

#[derive(Deserialize)]
struct Header {
    /// Metadata beside the arrays.
    #[serde(rename = "__metadata__", default)]
    metadata: Value,
    #[serde(flatten)]
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    /// As text, since a file may hold kinds that were defined later.
    dtype: String,
    shape: Vec<u64>,
    /// First byte and the one after the last, counted from the end of the header.
    data_offsets: [u64; 2],
}

impl Safetensors {
    /// Opens the file at `path` and reads its header.
    ///
    /// # Errors
    /// If it cannot be read, is not safetensors, or is shorter or longer than its header says.
    pub fn open(path: &Path) -> Result<Safetensors, SafetensorsError> {
        // Checked before opening: opening a pipe waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(SafetensorsError::NotAFile);
        }
        let file = File::open(path)?;
        let found = file.metadata()?.len();
        let mut length = [0; 8];
        let start = if found < 8 {
            None
        } else {
            file.read_exact_at(&mut length, 0)?;
            u64::from_le_bytes(length).checked_add(8)
        };
        let Some(start) = start.filter(|&start| start <= found) else {
            let is_pickle = length.starts_with(ZIP) || length.starts_with(PICKLE);
            return Err(if is_pickle {
                SafetensorsError::Pickle
            } else {
                SafetensorsError::NoHeader { found }
            });
        };
        let mut header = vec![0; start as usize - 8];
        file.read_exact_at(&mut header, 8)?;
        let Header { metadata, entries } = serde_json::from_slice(&header)?;
        let end = entries.values().flat_map(|entry| entry.data_offsets).max().unwrap_or(0);
        let expected = start.saturating_add(end);
        if expected != found {
            return Err(SafetensorsError::Length { found, expected });
        }
        Ok(Safetensors {
            file,
            start,
            metadata,
            entries,
        })
    }

    /// The metadata text `name`, if there is one.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.metadata.get(name)?.as_str()
    }

    /// Names of all arrays, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of the array `name`, if there is one.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        let shape = &self.entries.get(name)?.shape;
        shape.iter().map(|&size| i64::try_from(size).ok()).collect()
    }

    /// Reads the array `name` onto the CPU, `None` if there is none; unsigned numbers become i64.
    ///
    /// # Errors
    /// If it cannot be read, is of a kind that tensors do not have, or its length does not match its shape.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, SafetensorsError> {
        let Some(Entry {
            dtype,
            shape,
            data_offsets: [from, to],
        }) = self.entries.get(name)
        else {
            return Ok(None);
        };
        let name = name.to_owned();
        let Some(element) = element(dtype) else {
            let dtype = dtype.clone();
            return Err(SafetensorsError::Kind { name, dtype });
        };
        let length = to.saturating_sub(*from); // at most the file's length: `open` checked every end
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, self.start + from)?;
        match element.tensor(&bytes, shape) {
            Ok(tensor) => Ok(Some(tensor)),
            Err(reason) => Err(SafetensorsError::Array { name, reason }),
        }
    }
}

fn element(dtype: &str) -> Option<Element> {
    Some(match dtype {
        "BOOL" => Element::Bool,
        "U8" => Element::U8,
        "U16" => Element::U16,
        "U32" => Element::U32,
        "U64" => Element::U64,
        "I8" => Element::I8,
        "I16" => Element::I16,
        "I32" => Element::I32,
        "I64" => Element::I64,
        "F16" => Element::F16,
        "BF16" => Element::Bf16,
        "F32" => Element::F32,
        "F64" => Element::F64,
        _ => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with this header, followed by this many zeros.
    pub(crate) fn file_with(header: &str, zeros: usize) -> Vec<u8> {
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &vec![0; zeros],
        ]
        .concat()
    }

    fn opened(bytes: &[u8]) -> Result<Safetensors, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        Safetensors::open(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn arrays_of_unknown_kinds_are_ignored_until_they_are_requested() {
        let header = r#"{"__metadata__":{"format":"pt"},"f8":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},
            "u16":{"dtype":"U16","shape":[2],"data_offsets":[2,6]},"f4":{"dtype":"F32","shape":[1,2],"data_offsets":[6,14]}}"#;
        let file = opened(&file_with(header, 14)).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["f4", "f8", "u16"]);
        assert_eq!(file.tensor("f4").unwrap().unwrap().size(), [1, 2]);
        assert_eq!(file.tensor("u16").unwrap().unwrap().kind(), tch::Kind::Int64);
        assert!(file.tensor("f16").unwrap().is_none());
        assert_eq!(
            (file.metadata("format"), file.metadata("precision")),
            (Some("pt"), None)
        );
        assert_eq!(
            file.tensor("f8").unwrap_err().to_string(),
            "`f8` is of kind F8_E4M3, which is not supported; convert it to F32, labels to I64"
        );
    }

    #[test]
    fn sizes_beyond_the_file_are_refused_before_memory_is_allocated() {
        let refusal = |bytes: &[u8]| opened(bytes).unwrap_err();
        assert_eq!(
            refusal(b"not safetensors"),
            "it has 15 bytes, too few for the header that its first eight promise"
        );
        assert_eq!(
            refusal(&[255; 8]),
            "it has 8 bytes, too few for the header that its first eight promise"
        );
        let array = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        assert_eq!(refusal(&file_with(array, 7)), "it has 69 bytes, its header promises 70");
        assert_eq!(refusal(&file_with(array, 9)), "it has 71 bytes, its header promises 70");
        let huge = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#;
        assert_eq!(
            refusal(&file_with(huge, 8)),
            "it has 89 bytes, its header promises 18446744073709551615"
        );

        let shape = r#"{"a":{"dtype":"F32","shape":[4611686018427387904,64],"data_offsets":[0,8]}}"#;
        let damaged = opened(&file_with(shape, 8))
            .unwrap()
            .tensor("a")
            .unwrap_err()
            .to_string();
        assert_eq!(
            damaged,
            "`a` is damaged: 8 bytes do not make an array of shape [4611686018427387904, 64] with 4 bytes per number"
        );
        let backwards = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#;
        let damaged = opened(&file_with(backwards, 8))
            .unwrap()
            .tensor("a")
            .unwrap_err()
            .to_string();
        assert_eq!(
            damaged,
            "`a` is damaged: 0 bytes do not make an array of shape [2] with 4 bytes per number"
        );
    }

    #[test]
    fn headers_that_are_not_a_table_of_arrays_are_refused() {
        for header in [
            r#"["a"]"#,
            r#"{"a":1}"#,
            r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#,
            "{",
        ] {
            let message = opened(&file_with(header, 0)).unwrap_err();
            assert!(
                message.starts_with("its header is not one of safetensors: "),
                "{message}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            Safetensors::open(folder.path()).unwrap_err().to_string(),
            "it is not a plain file"
        );
    }
}
