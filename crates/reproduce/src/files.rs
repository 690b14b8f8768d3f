//! Reading text files, and writing them so that they survive a power failure. Two flushes bring the bytes and the name of a file to
//! the disk: one of the file, one of the folder around it.

use std::ffi::OsString;
use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use methods::remedy_for_writing_or;
use sha2::{Digest, Sha256};

/// Reads a text file. Pipes and devices are refused: they may have no end, or never begin.
///
/// # Errors
/// If it cannot be read, or is not a plain file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    require_file(fs::metadata(path)?.file_type())?;
    fs::read_to_string(path)
}

/// Refuses folders, pipes and devices.
fn require_file(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        Ok(())
    } else if kind.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is a pipe or a device, not a file",
        ))
    }
}

/// Ending of the names of temporary files, which begin with a dot.
const TEMPORARY: &str = ".tmp";

/// Writes a file whole or not at all: see [`replace`].
///
/// # Errors
/// If it cannot be written; the previous file is then kept.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    replace(path, |temporary| fs::write(temporary, bytes))
}

/// As [`write`], for a file of the folder that `--out` names.
///
/// # Errors
/// As [`unwritable`] words them.
pub(crate) fn write_whole(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    write(path, bytes).map_err(|error| unwritable(path, error, ANOTHER_OUT))
}

/// What else a user can do about a file of the folder that `--out` names.
pub(crate) const ANOTHER_OUT: &str = "choose another --out";

/// The error of a file or folder that cannot be written, with its name and the remedy; `otherwise` is what else a user can do.
pub(crate) fn unwritable(path: &Path, error: io::Error, otherwise: &str) -> anyhow::Error {
    let remedy = remedy_for_writing_or(&error, otherwise);
    anyhow::Error::new(error).context(format!("cannot write {}; {remedy}", path.display()))
}

/// Writes a file whole or not at all: `write` fills a temporary file in the same folder, which is then renamed. Several processes may
/// write the same file at the same moment, on several machines.
///
/// # Errors
/// If it cannot be written, or something stands in its place that is no file, such as `/dev/full`; what was there is then kept.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    if let Ok(existing) = fs::metadata(path) {
        require_file(existing.file_type())?; // a rename would put a file in the place of a pipe or a device
    }
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(TEMPORARY)
        .permissions(Permissions::from_mode(0o666)) // as for other files; the process's mask restricts it
        .tempfile_in(folder_of(path))
        .map_err(as_of_system)?;
    write(file.path())?;
    file.as_file().sync_all()?;
    let temporary = file.into_temp_path(); // removed if the rename fails
    fs::rename(&temporary, path)?; // not `persist`, whose system call is invisible to the test of the order of writes
    let _ = temporary.keep(); // it has been renamed
    flush_folder_of(path)
}

/// Removes the temporary files that killed processes left in `folder` during [`replace`]. No process may be writing there.
///
/// # Errors
/// If one of them cannot be removed.
pub(crate) fn remove_temporary(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_temporary = name
            .to_str()
            .is_some_and(|name| name.starts_with('.') && name.ends_with(TEMPORARY));
        if is_temporary {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

/// The system's error without the path of the temporary file, which tempfile adds: the caller names the file that is written.
fn as_of_system(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|error| error.source());
    let number = cause.and_then(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    number.map_or(error, io::Error::from_raw_os_error)
}

/// Appends to a file in one write. The argument of `text` is whether the file is empty or missing.
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

/// Creates the folder `path` and those around it.
///
/// # Errors
/// If one of them cannot be created.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(path)?;
    missing.into_iter().try_for_each(flush_folder_of)
}

fn flush_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows.csv");
        write(&path, "first").expect("room");
        let broken = replace(&path, |temporary| {
            fs::write(temporary, "half")?;
            Err(io::Error::other("out of room"))
        });
        broken.expect_err("it was not written to its end");
        assert_eq!(read(&path).expect("the previous one"), "first");
        fs::write(folder.path().join(".rows.csv.a1b2c3.tmp"), "half").expect("room");
        fs::write(folder.path().join("checkpoint.tmp"), "somebody else's").expect("room");
        remove_temporary(folder.path()).expect("they can be removed");
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .map(|file| file.file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["checkpoint.tmp", "rows.csv"]);
    }

    #[test]
    fn a_pipe_is_neither_read_nor_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("a program of coreutils").success());
        for error in [
            read(&path).expect_err("it has no end"),
            write(&path, "text").expect_err("it is no file"),
        ] {
            assert_eq!(error.to_string(), "it is a pipe or a device, not a file");
        }
        let kind = fs::metadata(&path).expect("it is kept").file_type();
        assert!(!kind.is_file());
    }
}
