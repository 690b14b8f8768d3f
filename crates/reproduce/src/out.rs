//! Output of the program. Results go to standard output, and a result that cannot be written is an error. Progress, warnings
//! and errors go to standard error, which nothing depends on: a full disk behind it or a reader that has gone stops no training.

use std::io::{self, Write};

use anyhow::Context;

/// Writes `text` to standard output, to its end.
///
/// # Errors
/// If it cannot be written, as on a full disk.
pub(crate) fn result(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output; direct it to where there is room")
}

/// Writes a line to standard error at once. A failure to do so is ignored.
pub(crate) fn note(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}
