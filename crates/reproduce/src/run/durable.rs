//! Durable: files that are there after a loss of power too. A file's bytes and its name reach the disk by two flushes, of the
//! file and of the folder that it lies in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file whole or not at all: a sibling first, then a rename.
///
/// # Errors
/// If one of them cannot be written; the file is then the previous one.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
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
