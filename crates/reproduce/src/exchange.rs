//! What goes to other programs and comes from them: the images of a split, and weights under PyTorch's names.

mod card;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod foreign;
pub(crate) mod split;

use std::io;
use std::path::Path;

use methods::remedy_for_writing;

use crate::files;

/// Writes a file whole or not at all.
///
/// # Errors
/// With its name and the remedy.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    files::replace(path, |temporary| std::fs::write(temporary, bytes)).map_err(|error| unwritable(path, error))
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    files::make_folder(path).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> anyhow::Error {
    let remedy = remedy_for_writing(&error);
    anyhow::Error::new(error).context(format!("cannot write {}; {remedy}", path.display()))
}
