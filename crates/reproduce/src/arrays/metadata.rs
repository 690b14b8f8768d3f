//! Metadata in the header of a safetensors file. A file begins with the header's length (8 bytes,
//! little-endian) and the header, JSON padded with spaces. [`methods::Safetensors`] reads it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

/// The key of the precision in which a network computed the features of a file.
pub(crate) const PRECISION: &str = "precision";

/// The key of the metadata in a header.
const WORDS: &str = "__metadata__";
/// Arrays begin at multiples of this number of bytes.
const ALIGNMENT: usize = 8;

/// Copies the safetensors file `from` to `to` with `words` as metadata in its header.
///
/// # Errors
/// If one of them cannot be read or written.
pub(crate) fn add(from: &Path, to: &Path, words: &HashMap<&str, &str>) -> io::Result<()> {
    let mut arrays = File::open(from)?;
    let mut header = header(&mut arrays)?;
    header.insert(WORDS.to_owned(), json!(words));
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    let mut file = File::create(to)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    io::copy(&mut arrays, &mut file)?;
    Ok(())
}

/// Reads the header and leaves `file` at the first array.
fn header(file: &mut File) -> io::Result<Map<String, Value>> {
    let mut length = [0; 8];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > file.metadata()?.len() {
        return Err(io::Error::other("it is not a sound safetensors file; save it again"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    Ok(serde_json::from_slice(&header)?)
}

#[cfg(test)]
mod tests {
    use methods::Safetensors;
    use tch::Tensor;

    use super::*;

    #[test]
    fn words_are_read_back_and_arrays_stay_as_they_are() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [plain, worded] = ["plain", "worded"].map(|name| folder.path().join(format!("{name}.safetensors")));
        let arrays = [
            ("labels", Tensor::from_slice(&[3_i64, 1])),
            ("odd", Tensor::from_slice(&[7_u8])),
        ];
        Tensor::write_safetensors(&arrays, &plain).expect("room");
        add(&plain, &worded, &HashMap::from([("precision", "bf16")])).expect("room");
        let word = |path| {
            Safetensors::open(path)
                .expect("a header")
                .metadata("precision")
                .map(str::to_owned)
        };
        assert_eq!((word(&worded), word(&plain)), (Some("bf16".to_owned()), None));
        for (name, array) in Tensor::read_safetensors(&worded).expect("a sound file") {
            let (_, expected) = arrays.iter().find(|(other, _)| *other == name).expect("one of both");
            assert_eq!(array, *expected);
        }
        std::fs::write(&plain, [0xff; 16]).expect("room");
        let refusal = add(&plain, &worded, &HashMap::new()).expect_err("such a header would be 18 exabytes long");
        assert_eq!(refusal.to_string(), "it is not a sound safetensors file; save it again");
    }
}
