//! Files: text that is read whole, and written so that it is there after a loss of power. A file's bytes and its name reach the
//! disk by two flushes, of the file and of the folder that it lies in.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Reads a file of text. A pipe or a device is refused: it may have no end, or never begin.
///
/// # Errors
/// If it cannot be read, or is not a file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        fs::read_to_string(path)
    } else if kind.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is a pipe or a device, not a file",
        ))
    }
}

/// Writes a file of a folder that no other process writes into, whole or not at all: a sibling first, then a rename. The sibling
/// of a process that was killed is overwritten by the next.
///
/// # Errors
/// If one of them cannot be written; the file is then the previous one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    write_by_way_of(path.as_os_str().to_owned(), path, text)
}

/// As [`write`], where several processes may write the same file at the same moment, on several machines: each has a sibling of
/// its own. Tasks of a job array start together.
///
/// # Errors
/// If one of them cannot be written; the file is then a previous one.
pub(crate) fn write_beside_others(path: &Path, text: &str) -> io::Result<()> {
    let mut sibling = path.as_os_str().to_owned();
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    sibling.push(format!(".{machine}.{}", std::process::id()));
    write_by_way_of(sibling, path, text)
}

fn write_by_way_of(mut sibling: OsString, path: &Path, text: &str) -> io::Result<()> {
    sibling.push(".tmp");
    let written = File::create(&sibling).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&sibling, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&sibling); // half a file helps nobody, least of all on a full disk
    }
    written?;
    flush_folder_of(path)
}

/// Appends to a file in one write. `text` is told whether the file is empty as yet, or not there.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn append(path: &Path, text: impl FnOnce(bool) -> io::Result<String>) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let is_empty = file.metadata()?.len() == 0;
    file.write_all(text(is_empty)?.as_bytes())?;
    file.sync_all()?;
    if is_empty { flush_folder_of(path) } else { Ok(()) }
}

/// Makes the folder `path` and those around it.
///
/// # Errors
/// If one of them cannot be made.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(path)?;
    missing.into_iter().try_for_each(flush_folder_of)
}

fn flush_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// If it cannot be read or is not a plain file: a device has no end.
pub(crate) fn digest(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(format!("{:x}", digest.finalize()))
}
