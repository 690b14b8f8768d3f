//! Remedies for files that the operating system does not let a run read or write.

use std::io::{Error, ErrorKind};

/// What to do about a file that cannot be read: the end of the error message, in the imperative.
pub fn remedy_for_reading(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "ask its owner to let you read it",
        ErrorKind::IsADirectory => "move this folder away: a file belongs there",
        ErrorKind::InvalidData => "delete this file: it is not text",
        ErrorKind::InvalidInput => "put a plain file in its place",
        _ => in_the_way(error).unwrap_or("check the disk that it lies on"),
    }
}

/// What to do about a file or folder that cannot be written: the end of the error message, in the imperative.
pub fn remedy_for_writing(error: &Error) -> String {
    remedy_for_writing_or(error, "choose another --out")
}

/// As [`remedy_for_writing`], for a command without `--out`: `otherwise` is what else a user can do.
pub fn remedy_for_writing_or(error: &Error, otherwise: &str) -> String {
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "ask its owner to let you write there",
        ErrorKind::ReadOnlyFilesystem => "make the file system writable",
        ErrorKind::IsADirectory => "move this folder away, since a file belongs there,",
        ErrorKind::InvalidData => "delete this file, which is not text,",
        ErrorKind::InvalidInput => "put a plain file in its place",
        _ => match in_the_way(error) {
            Some(remedy) => return remedy.to_owned(),
            None => "make room",
        },
    };
    format!("{remedy} or {otherwise}")
}

/// What to do about something in the way of the path.
fn in_the_way(error: &Error) -> Option<&'static str> {
    const TOO_MANY_LINKS: i32 = 40; // ELOOP, whose kind is not stable
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            Some("move away the file that is in the place of a folder")
        }
        _ if error.raw_os_error() == Some(TOO_MANY_LINKS) => Some("remove the link, which points back to itself"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_in_the_way_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").expect("writable");
        symlink("link", path("link")).expect("writable");
        let reading = |name: &str| remedy_for_reading(&fs::read_to_string(path(name)).expect_err(name));
        let writing = |name: &str| remedy_for_writing(&fs::write(path(name), "").expect_err(name));
        assert_eq!(reading("."), "move this folder away: a file belongs there");
        assert_eq!(reading("file/x"), "move away the file that is in the place of a folder");
        assert_eq!(reading("link"), "remove the link, which points back to itself");
        assert_eq!(
            writing("."),
            "move this folder away, since a file belongs there, or choose another --out"
        );
        assert_eq!(writing("file/x"), reading("file/x"));
        assert_eq!(writing("link"), reading("link"));
        let full = Error::from(ErrorKind::StorageFull);
        assert_eq!(remedy_for_writing(&full), "make room or choose another --out");
        let read_only = Error::from(ErrorKind::ReadOnlyFilesystem);
        assert_eq!(
            remedy_for_writing_or(&read_only, "choose another --to"),
            "make the file system writable or choose another --to"
        );
    }
}
