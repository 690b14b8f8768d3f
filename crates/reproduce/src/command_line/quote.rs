//! Quoting for shells and for Slurm directives.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// A word quoted for a POSIX shell, which reads it back byte for byte.
pub(crate) fn shell(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:=+%@".contains(letter);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => format!("\"$(printf '{}')\"", octal(word)), // a name need not be text
    }
}

/// Each byte as an octal escape of `printf`.
fn octal(word: &OsStr) -> String {
    word.as_bytes().iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:03o}").expect("a string takes all text");
        text
    })
}

/// An option of `sbatch`, such as `--comment=two words`, quoted for a line `#SBATCH …`: its value in quotes if it needs them, with a
/// backslash before each quote and backslash.
pub(crate) fn directive(option: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:=+%@[]*".contains(letter);
    match option.split_once('=') {
        Some((name, value)) if !value.chars().all(plain) => {
            format!("{name}='{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
        }
        _ => option.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_back() {
        let words: [&[u8]; 8] = [
            b"plain-word_1.toml",
            b"my runs 50%_a",
            b"",
            b"it's $HOME `id` \"x\" \\",
            b"two\nlines",
            b"*?[a]~#!&;|<>(){}",
            "näme".as_bytes(),
            b"latin-1 \xe9 '\x01",
        ];
        for word in words {
            let script = format!("printf %s {}", shell(OsStr::from_bytes(word)));
            let read = Command::new("sh").args(["-c", &script]).output().expect("sh starts");
            assert_eq!(read.stdout, word, "{script}");
        }
        assert_eq!(shell("plain/word"), "plain/word");
        assert_eq!(shell("two words"), "'two words'");
    }

    #[test]
    fn values_of_directives_are_quoted_where_they_need_it() {
        assert_eq!(directive("--partition=gpu"), "--partition=gpu");
        assert_eq!(directive("--exclusive"), "--exclusive");
        assert_eq!(directive("--comment=two words"), "--comment='two words'");
        assert_eq!(directive(r"--comment=it's a \ #1"), r"--comment='it\'s a \\ #1'");
    }
}
