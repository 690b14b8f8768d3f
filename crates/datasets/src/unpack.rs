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
    // Next to its final place, so that renaming it is atomic.
    let prefix = format!(".{folder}.");
    let temporary = tempfile::Builder::new().prefix(&prefix).tempdir_in(data_root);
    let temporary = temporary.map_err(DataError::write(data_root))?;
    let refuse = |problem: String| DataError::BadArchive {
        path: path.to_owned(),
        problem,
    };
    let unreadable = |error: io::Error| refuse(format!("cannot be read: {error}"));

    // Headers count as well: a bomb made of headers must not fill the memory.
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

/// `name` without `.` components, if it is `folder` or inside it.
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

/// `io::copy` that distinguishes an archive that cannot be read from a disk that cannot be written.
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

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    /// A gzipped tar archive of these entries, however unsafe.
    pub(crate) fn archive_of(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind, contents) in entries {
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
            header.set_entry_type(*kind);
            header.set_size(contents.len() as u64);
            header.set_cksum();
            builder.append(&header, *contents).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    /// Unpacks into a fresh `<root>/data`.
    fn unpacked(archive: &[u8]) -> (tempfile::TempDir, Result<(), String>) {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir(&data).unwrap();
        let result = unpack(archive, Path::new("x.tar.gz"), &data, "set").map_err(|error| error.to_string());
        (root, result)
    }

    /// Paths below `folder`, without folders.
    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                found.extend(files_below(&path));
            } else {
                found.push(path);
            }
        }
        found
    }

    #[test]
    fn plain_files_and_folders_are_unpacked() {
        let archive = archive_of(&[
            ("set/", EntryType::Directory, b""),
            ("./set/a.bin", EntryType::Regular, b"abc"),
            ("set/deeper/b.bin", EntryType::Regular, b""),
        ]);
        let (root, result) = unpacked(&archive);
        assert_eq!(result, Ok(()));
        assert_eq!(fs::read(root.path().join("data/set/a.bin")).unwrap(), b"abc");
        assert_eq!(files_below(root.path()).len(), 2, "no temporary file is left");
        assert!(root.path().join("data/set/deeper/b.bin").is_file());
    }

    #[test]
    fn entries_outside_of_the_folder_are_refused() {
        for name in [
            "../escaped",
            "set/../../escaped",
            "/escaped-from-archive",
            "other/escaped",
            "settle/escaped",
        ] {
            let archive = archive_of(&[
                ("set/a.bin", EntryType::Regular, b"abc"),
                (name, EntryType::Regular, b"x"),
            ]);
            let (root, result) = unpacked(&archive);
            let wanted = format!(
                "x.tar.gz: entry `{name}` lies outside of `set`; nothing was unpacked: fetch the official archive"
            );
            assert_eq!(result, Err(wanted));
            assert_eq!(files_below(root.path()), Vec::<PathBuf>::new(), "{name}");
        }
        assert!(!Path::new("/escaped-from-archive").exists());
    }

    #[test]
    fn links_and_devices_are_refused() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo] {
            let (root, result) = unpacked(&archive_of(&[("set/a", kind, b"")]));
            let wanted = format!("x.tar.gz: entry `set/a` is a {kind:?}, not a plain file");
            assert!(result.unwrap_err().starts_with(&wanted));
            assert_eq!(files_below(root.path()), Vec::<PathBuf>::new());
        }
    }

    #[test]
    fn entry_that_occurs_twice_is_refused() {
        let entry = ("set/a", EntryType::Regular, &b"x"[..]);
        let (root, result) = unpacked(&archive_of(&[entry, entry]));
        assert!(result.unwrap_err().contains("/set/a: cannot be written: File exists"));
        assert_eq!(files_below(root.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn bombs_are_refused() {
        let names: Vec<String> = (0..=MOST_ENTRIES).map(|number| format!("set/{number}")).collect();
        let entries: Vec<_> = names
            .iter()
            .map(|name| (&name[..], EntryType::Regular, &b"x"[..]))
            .collect();
        let (_, many) = unpacked(&archive_of(&entries));
        assert!(
            many.unwrap_err()
                .starts_with("x.tar.gz: has more than 64 entries or 268435456 bytes")
        );

        // A header that promises more than it holds is refused before anything is written.
        let mut header = Header::new_gnu();
        header.set_path("set/large").unwrap();
        header.set_size(MOST_BYTES + 1);
        header.set_cksum();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(header.as_bytes()).unwrap();
        let (_, large) = unpacked(&encoder.finish().unwrap());
        assert!(
            large
                .unwrap_err()
                .starts_with("x.tar.gz: has more than 64 entries or 268435456 bytes")
        );
    }

    #[test]
    fn truncated_archive_leaves_nothing() {
        let archive = archive_of(&[("set/a", EntryType::Regular, &[7; 5000])]);
        let (root, result) = unpacked(&archive[..archive.len() / 2]);
        assert!(result.unwrap_err().starts_with("x.tar.gz: cannot be read: "));
        assert_eq!(files_below(root.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn archive_without_the_folder_is_refused() {
        let (_, result) = unpacked(&archive_of(&[]));
        assert_eq!(
            result,
            Err("x.tar.gz: has no folder `set`; nothing was unpacked: fetch the official archive".to_owned())
        );
    }
}
