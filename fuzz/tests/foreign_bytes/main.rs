//! A target for every parser of foreign bytes. Each has to refuse or read whatever it is given: without a panic, within a second, and
//! within memory that the input is worth.

mod arrays;
mod data;
mod runs;

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use longtail_fuzz::{Case, Parser};

/// Feeds `parse` damaged copies of `files`.
#[macro_export]
macro_rules! fuzz {
    ($name:literal, $files:expr, $words:expr, $parse:expr) => {{
        let (files, words): (Vec<Vec<u8>>, &[&str]) = ($files, $words);
        let (parser, parse) = (longtail_fuzz::Parser::new($name), std::panic::AssertUnwindSafe($parse));
        $crate::sound(&files, &parse);
        bolero::check!()
            .with_type::<longtail_fuzz::Case>()
            .for_each(|case| $crate::damaged(case, &files, words, &parser, &parse));
    }};
}

/// Every file that cases begin with is one that the parser takes: else its damage would hide behind another.
fn sound<T, E: ToString>(files: &[Vec<u8>], parse: &AssertUnwindSafe<impl Fn(&[u8]) -> Result<T, E>>) {
    for (number, file) in files.iter().enumerate() {
        if let Err(error) = parse(file) {
            panic!("file {number}: {}", error.to_string());
        }
    }
}

fn damaged<T, E: ToString>(
    case: &Case,
    files: &[Vec<u8>],
    words: &[&str],
    parser: &Parser,
    parse: &AssertUnwindSafe<impl Fn(&[u8]) -> Result<T, E>>,
) {
    let bytes = case.bytes(files, words);
    parser.run(bytes.len(), || parse(&bytes));
}

/// A folder in memory where there is such a file system: a million files are written.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).expect("room in memory")
    } else {
        tempfile::tempdir().expect("a temporary folder")
    }
}

/// A file of this repository.
fn repository(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
