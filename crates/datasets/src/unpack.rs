use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::DataError;

/// The official archives hold up to 8 files and 185 MB.
const MOST_ENTRIES: usize = 64;
const MOST_BYTES: u64 = 256 << 20;

/// Unpacks a gzipped tar archive, whose entries all lie in `folder`, to `data_root/folder`: whole, or not at all.
///
/// Only plain files and folders are accepted, only below `folder`, and only so many and so large.
pub(crate) fn unpack(archive: impl Read, path: &Path, data_root: &Path, folder: &str) -> Result<(), DataError> {
    // Beside its final place, so that renaming it is one step of the file system.
    let prefix = format!(".{folder}.");
    let temporary = tempfile::Builder::new().prefix(&prefix).tempdir_in(data_root);
    let temporary = temporary.map_err(DataError::write(data_root))?;
    let refuse = |problem: String| DataError::BadArchive {
        path: path.to_owned(),
        problem,
    };
    let unreadable = |error: io::Error| refuse(format!("cannot be read: {error}"));

    // Headers count as well: a bomb of them must not fill the memory.
    let mut archive = Archive::new(GzDecoder::new(archive).take(MOST_BYTES + (1 << 20)));
    let mut bytes = 0;
    for (number, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.into_owned();
        bytes += entry.size();
        if number >= MOST_ENTRIES || bytes > MOST_BYTES {
            return Err(refuse(format!(
                "has more than {MOST_ENTRIES} entries or {MOST_BYTES} bytes"
            )));
        }
        let Some(inside) = below(&name, folder) else {
            return Err(refuse(format!("entry `{}` lies outside of `{folder}`", name.display())));
        };
        let target = temporary.path().join(inside);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&target).map_err(DataError::write(&target))?,
            EntryType::Regular => {
                let parent = target.parent().expect("a path below the folder has a parent");
                fs::create_dir_all(parent).map_err(DataError::write(parent))?;
                let mut file = File::create_new(&target).map_err(DataError::write(&target))?;
                copy(&mut entry, &mut file, &target, unreadable)?;
            }
            other => {
                return Err(refuse(format!(
                    "entry `{}` is a {other:?}, not a plain file",
                    name.display()
                )));
            }
        }
    }
    let unpacked = temporary.path().join(folder);
    if !unpacked.is_dir() {
        return Err(refuse(format!("has no folder `{folder}`")));
    }
    let place = data_root.join(folder);
    fs::rename(&unpacked, &place).map_err(DataError::write(&place))
}

/// `name` without steps that lead nowhere, if it lies in `folder` or is it.
fn below(name: &Path, folder: &str) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    inside.starts_with(folder).then_some(inside)
}

/// `io::copy`, telling an archive that cannot be read from a disk that cannot be written.
fn copy(
    entry: &mut impl Read,
    file: &mut File,
    target: &Path,
    unreadable: impl Fn(io::Error) -> DataError,
) -> Result<(), DataError> {
    let mut block = vec![0; 1 << 16];
    loop {
        let length = entry.read(&mut block).map_err(&unreadable)?;
        if length == 0 {
            return Ok(());
        }
        io::Write::write_all(file, &block[..length]).map_err(DataError::write(target))?;
    }
}
