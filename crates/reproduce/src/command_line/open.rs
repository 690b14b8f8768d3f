//! Opening a file for a person, in whatever the system opens such files with.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::out;

/// What systems call it: Linux, macOS, and Linux under Windows.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Opens a page in a browser; says where it is if nothing can.
pub(super) fn open(page: &Path) {
    let opens = |opener: &str| {
        let mut command = Command::new(opener);
        command
            .arg(page)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !OPENERS.into_iter().any(opens) {
        out::note(&format!(
            "none of {} opens {} here; open it in a browser, from this or another machine: it needs no other file",
            OPENERS.join(", "),
            page.display()
        ));
    }
}
