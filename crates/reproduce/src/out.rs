//! Output of the program. Results go to standard output, and a result that cannot be written is an error. Progress, warnings
//! and errors go to standard error; if that fails, on a full disk or without a reader, training continues.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes all of `text` to standard output. A reader that has gone, such as `head`, has read what it wanted.
///
/// # Errors
/// If it cannot be written, as on a full disk.
pub(crate) fn result(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output; redirect it to a disk with free space"),
    }
}

/// Writes a line to standard error at once. A failure to do so is ignored.
pub(crate) fn note(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}
