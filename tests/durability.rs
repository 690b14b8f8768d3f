//! What a loss of power may not take: seen in the order in which a run's files are written, flushed and renamed.

use std::collections::HashSet;
use std::process::Command;

use crate::sandbox::{Sandbox, TINY, said};

const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/durability/flushes.c");

/// What the program and its workers did to the files of runs: `write`, `flush` or `rename`, and the path below `out/runs`.
fn deeds(sandbox: &Sandbox, options: &[&str]) -> Vec<(String, String)> {
    let library = sandbox.path("flushes.so");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(LIBRARY);
    assert!(
        compiler
            .status()
            .expect("a C compiler, which the build needs too")
            .success()
    );
    let mut command = sandbox.run_command(options);
    command
        .env("LD_PRELOAD", &library)
        .env("FLUSHES", sandbox.path("flushes.txt"));
    said(&command.output().expect("the binary starts")).succeeded();
    let deeds = sandbox.read("flushes.txt");
    let below = |line: &str| {
        let (deed, path) = line.split_once(' ')?;
        let (_, path) = path.split_once("/out/runs/")?;
        Some((deed.to_owned(), path.to_owned()))
    };
    deeds.lines().filter_map(below).collect()
}

#[test]
fn rows_are_on_the_disk_before_the_checkpoint_that_counts_them_and_a_name_is_once_it_is_given() {
    let sandbox = Sandbox::new(TINY);
    let deeds = deeds(&sandbox, &["--methods", "ce", "--validation", "5"]);
    let mut unflushed = HashSet::new(); // files with bytes, and folders with names, that the disk may not have
    let (mut seen, mut renamed) = (HashSet::new(), Vec::new());
    for (deed, path) in deeds.iter().filter(|(_, path)| !path.ends_with("log.txt")) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        match deed.as_str() {
            "write" => {
                unflushed.insert(path.as_str());
                let is_temporary = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "tmp");
                if !is_temporary && seen.insert(path.as_str()) {
                    unflushed.insert(folder);
                }
            }
            "flush" => {
                unflushed.remove(path.as_str());
            }
            _ => {
                assert_eq!(unflushed, HashSet::new(), "before {name} has its name");
                unflushed.insert(folder);
                renamed.push(name);
            }
        }
    }
    assert!(unflushed.is_empty(), "{unflushed:?}");
    let checkpoints = renamed.iter().filter(|name| **name == "checkpoint.safetensors").count();
    assert_eq!((checkpoints, renamed.last()), (2, Some(&"outcome.json")), "{renamed:?}");
    for table in ["metrics.csv", "per_class.csv", "validation.csv"] {
        let flushes = deeds
            .iter()
            .filter(|(deed, path)| deed == "flush" && path.ends_with(table));
        assert_eq!(flushes.count(), 2, "{table}, each epoch");
    }
}
