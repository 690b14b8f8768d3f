//! The named arrays of a safetensors or npz file.

pub(crate) mod metadata;
mod npy;
pub(crate) mod write;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use methods::{Precision, Safetensors, SafetensorsError};
use tch::Tensor;
use zip::ZipArchive;

use metadata::PRECISION;
use npy::Header;

#[cfg(feature = "fuzz")]
pub(crate) use npy::tensor as npy_tensor;

/// Largest factor by which deflate can expand a stream.
const MOST_EXPANSION: u64 = 1032;

/// A file's arrays by name.
#[derive(Debug)]
pub(crate) struct Arrays {
    wanted: HashMap<String, Tensor>,
    /// Names of all arrays, sorted.
    names: Vec<String>,
    /// The remedy if a wanted array is missing.
    remedy: &'static str,
    /// Precision in which the features were computed, which a safetensors file may state; an npz file has no place for it.
    pub(crate) precision: Option<Precision>,
}

impl Arrays {
    /// Reads the arrays `wanted` from a `.safetensors` or `.npz` file; the others may be of any type. `remedy` says what to do if one is
    /// missing.
    ///
    /// # Errors
    /// If the file has another extension, cannot be read or is damaged, or a wanted array has a type that tensors do not have.
    pub(crate) fn read(path: &Path, wanted: &[&str], remedy: &'static str) -> anyhow::Result<Arrays> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => safetensors(path, wanted, remedy),
            Some("npz") => npz(path, wanted, remedy),
            Some("pt" | "pth" | "ckpt" | "bin") => bail!(SafetensorsError::Pickle),
            _ => bail!("it is neither a .safetensors nor a .npz file; {remedy} as one of these"),
        }
    }

    /// Whether the file has a wanted array.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.wanted.contains_key(name)
    }

    /// Removes and returns an array.
    pub(crate) fn take(&mut self, name: &str) -> Option<Tensor> {
        self.wanted.remove(name)
    }

    /// Removes and returns an array that the file must have.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn require(&mut self, name: &str) -> anyhow::Result<Tensor> {
        let found = if self.names.is_empty() {
            "no array".to_owned()
        } else {
            format!("`{}`", self.names.join("`, `"))
        };
        self.take(name)
            .ok_or_else(|| anyhow!("it has no array `{name}`, it has {found}; {}", self.remedy))
    }
}

fn safetensors(path: &Path, names: &[&str], remedy: &'static str) -> anyhow::Result<Arrays> {
    let file = Safetensors::open(path).context("it is not a sound safetensors file; save it again")?;
    let mut wanted = HashMap::new();
    for &name in names {
        wanted.extend(file.tensor(name)?.map(|tensor| (name.to_owned(), tensor)));
    }
    Ok(Arrays {
        wanted,
        names: file.names().map(str::to_owned).collect(),
        remedy,
        precision: file.metadata(PRECISION).and_then(Precision::by_name),
    })
}

fn npz(path: &Path, looked_for: &[&str], remedy: &'static str) -> anyhow::Result<Arrays> {
    // Before opening it: opening a pipe blocks until another process writes to it.
    ensure!(fs::metadata(path)?.is_file(), "it is not a plain file");
    let mut file = BufReader::new(File::open(path)?);
    ensure!(has_end(&mut file)?, "it is not a sound npz file; save it again");
    let mut archive = ZipArchive::new(file).context("it is not a sound npz file; save it again")?;
    let arrays = archive.file_names().filter_map(|name| name.strip_suffix(".npy"));
    let mut names: Vec<String> = arrays.map(str::to_owned).collect();
    names.sort();
    let mut wanted = HashMap::new();
    for &name in looked_for {
        if names.iter().any(|found| found == name) {
            let tensor =
                entry(&mut archive, name).with_context(|| format!("`{name}` cannot be read; save it again"))?;
            wanted.insert(name.to_owned(), tensor);
        }
    }
    Ok(Arrays {
        wanted,
        names,
        remedy,
        precision: None,
    })
}

/// Whether the record that ends a zip archive is where it must be: within its own 22 bytes and the longest comment after them. The `zip`
/// crate searches the whole file for it byte by byte, with a read from the disk for each.
fn has_end(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    const SIGNATURE: &[u8] = b"PK\x05\x06";
    const LONGEST: u64 = 22 + u16::MAX as u64;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(end.windows(SIGNATURE.len()).any(|bytes| bytes == SIGNATURE))
}

/// Reads an array to its end before parsing it: only then has its checksum been compared. Only its header is parsed first, so that no
/// memory is allocated for numbers that the file does not have.
fn entry(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> anyhow::Result<Tensor> {
    let mut file = archive.by_name(&format!("{name}.npy"))?;
    let (length, compressed) = (file.size(), file.compressed_size());
    ensure!(
        length <= compressed.saturating_mul(MOST_EXPANSION),
        "the archive says that its {compressed} bytes become {length}, more than deflate makes of them"
    );
    let mut bytes = Vec::new();
    file.by_ref().take(Header::PREFIX).read_to_end(&mut bytes)?;
    let missing = Header::length(&bytes)?.saturating_sub(Header::PREFIX);
    file.by_ref().take(missing).read_to_end(&mut bytes)?;
    Header::read(&bytes)?.check(length)?;
    file.take(length + 1).read_to_end(&mut bytes)?;
    npy::tensor(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use tch::Kind;
    use zip::ZipWriter;
    use zip::write::FileOptions;

    use super::*;

    fn npz_of(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, entry) in entries {
            zip.start_file(*name, FileOptions::default()).expect("memory");
            zip.write_all(entry).expect("memory");
        }
        zip.finish().expect("memory").into_inner()
    }

    fn npy(header: &str, numbers: &[u8]) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), numbers].concat()
    }

    fn read(name: &str, bytes: &[u8]) -> Result<Arrays, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writable");
        Arrays::read(
            &path,
            &["features", "labels"],
            "save `features` [n, d] and `labels` [n]",
        )
        .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn arrays_that_are_not_looked_for_may_be_of_any_kind() {
        let header = r#"{"f8":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]},
            "u64":{"dtype":"U64","shape":[1],"data_offsets":[1,9]},
            "labels":{"dtype":"U16","shape":[2],"data_offsets":[9,13]}}"#;
        let numbers = [0, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 2, 1];
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat();
        let labels = read("mine.safetensors", &bytes)
            .expect("sound")
            .require("labels")
            .expect("labels");
        assert_eq!(Vec::<i64>::try_from(&labels).expect("i64"), [1, 258]);
        let missing = read("mine.safetensors", &bytes)
            .expect("sound")
            .require("features")
            .expect_err("none");
        assert_eq!(
            missing.to_string(),
            "it has no array `features`, it has `f8`, `labels`, `u64`; save `features` [n, d] and `labels` [n]"
        );

        let objects = npy(
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            b"\x80\x04N.",
        );
        let labels = npy(
            "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }",
            &[1, 0, 2, 1],
        );
        let zip = npz_of(&[
            ("paths.npy", objects.clone()),
            ("labels.npy", labels),
            ("notes.txt", Vec::new()),
        ]);
        let mut arrays = read("mine.npz", &zip).expect("sound");
        assert_eq!(arrays.names, ["labels", "paths"]);
        assert_eq!(arrays.require("labels").expect("labels").kind(), Kind::Int64);
        assert_eq!(
            read("mine.npz", &npz_of(&[("labels.npy", objects)])).expect_err("objects"),
            "`labels` cannot be read; save it again: it is of kind |O; convert features to float32 and labels to int64"
        );
    }

    #[test]
    fn sizes_that_a_file_only_claims_take_no_memory() {
        let rows = npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 64), }",
            &[0; 8],
        );
        assert_eq!(
            read("mine.npz", &npz_of(&[("features.npy", rows)])).expect_err("no such rows"),
            "`features` cannot be read; save it again: its header says shape [4611686018427387904, 64] and 4 bytes a number, \
             but 8 bytes follow it"
        );
        let labels = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", &[0; 4]);
        let mut claims = npz_of(&[("labels.npy", labels)]);
        let directory = claims
            .windows(4)
            .rposition(|window| window == b"PK\x01\x02")
            .expect("a zip has one");
        claims[directory + 24..directory + 28].copy_from_slice(&u32::MAX.to_le_bytes()[..4]);
        claims[directory + 27] = 0x7f;
        let message = read("mine.npz", &claims).expect_err("no such size");
        assert!(
            message.starts_with("`labels` cannot be read; save it again: the archive says that its ")
                && message.ends_with(" bytes become 2147483647, more than deflate makes of them"),
            "{message}"
        );
        assert_eq!(
            read("mine.safetensors", &[0xff; 16]).expect_err("no such header"),
            "it is not a sound safetensors file; save it again: it has 16 bytes, too few for the header that its first eight \
             promise"
        );
    }
}
