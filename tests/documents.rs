//! Numbers in documents: each stands in the table that it is said to come from.
//!
//! `<!-- numbers: FILE … -->` and `<!-- /numbers -->` enclose lines whose numbers with two decimals stand in one of the files of the
//! checkout. Where a line begins with a method, as `| name |` or with its name in backticks, they stand in the file's row of it or of its twin with NC.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The words of a line that are numbers with two decimals.
fn numbers(line: &str) -> HashSet<&str> {
    let words = line.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let has_two_decimals = |word: &&str| {
        word.split_once('.')
            .is_some_and(|(whole, decimals)| !whole.is_empty() && decimals.len() == 2)
    };
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(has_two_decimals)
        .collect()
}

/// The method that a line begins with.
fn method(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['|', '-', ' ']);
    if let Some(name) = line.strip_prefix('`') {
        return name.split('`').next();
    }
    let name = line.split('|').next()?.trim();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-+".contains(letter);
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// What is wrong with the numbers of `text`, and how many were found right.
fn check(text: &str, read: impl Fn(&str) -> String) -> (Vec<String>, usize) {
    let (mut wrong, mut right) = (Vec::new(), 0);
    for block in text.split("<!-- numbers: ").skip(1) {
        let (files, rest) = block.split_once(" -->\n").expect("a marker ends its line");
        let lines = rest.split("<!-- /numbers -->").next().expect("a block has lines");
        let tables: String = files.split(' ').map(&read).collect();
        for line in lines.lines() {
            let row = method(line).map_or(tables.clone(), |name| {
                let is_its_row = |other: &str| other == name || other.strip_suffix("+nc") == Some(name);
                let of_method = |row: &&str| method(row).is_some_and(is_its_row);
                tables.lines().filter(of_method).collect::<Vec<_>>().join("\n")
            });
            let known = numbers(&row);
            for number in numbers(line) {
                if known.contains(number) {
                    right += 1;
                } else {
                    wrong.push(format!("{number} of `{line}` is not in {files}"));
                }
            }
        }
    }
    (wrong, right)
}

#[test]
fn numbers_in_documents_are_those_of_the_archives() {
    let mut found = 0;
    for document in ["README.md", "docs/running.md", "docs/results.md", "docs/reliability.md"] {
        let text = fs::read_to_string(checkout().join(document)).expect(document);
        let (wrong, right) = check(&text, |file| {
            fs::read_to_string(checkout().join(file)).unwrap_or_else(|error| panic!("{document}: {file}: {error}"))
        });
        assert!(wrong.is_empty(), "{document}: {wrong:#?}");
        found += right;
    }
    assert!(found > 50, "{found} numbers");
}

#[test]
fn a_number_of_another_method_is_found_out() {
    let table = "| ce | 1.25 |\n| nc | 2.50 |\n";
    let text = |line: &str| format!("Before 9.99.\n<!-- numbers: t.md -->\n{line}\n<!-- /numbers -->\nAfter 9.99.\n");
    let check = |line: &str| check(&text(line), |_| table.to_owned());
    assert_eq!(check("| ce | 1.25 | 3 |"), (vec![], 1));
    assert_eq!(check("- `nc` has 2.50 %."), (vec![], 1));
    assert_eq!(check("Both are at 1.25 or 2.50."), (vec![], 2));
    assert_eq!(check("| ce | 2.50 |").0, ["2.50 of `| ce | 2.50 |` is not in t.md"]);
    assert_eq!(check("- `nc` has 2.51 %.").0.len(), 1);
}

#[test]
fn code_in_documents_is_that_of_the_examples() {
    let text = fs::read_to_string(checkout().join("docs/pytorch.md")).expect("docs/pytorch.md");
    let mut blocks = 0;
    for block in text.split("<!-- file: ").skip(1) {
        let (file, rest) = block
            .split_once(" -->\n```python\n")
            .expect("a marker stands before code");
        let code = rest.split("\n```\n").next().expect("the code ends");
        let example = fs::read_to_string(checkout().join(file)).expect(file);
        assert!(example.contains(code), "{file} has no lines\n{code}");
        blocks += 1;
    }
    assert!(blocks > 0);
}

#[test]
fn the_first_page_is_short() {
    let readme = fs::read_to_string(checkout().join("README.md")).expect("README.md");
    assert!(readme.lines().count() <= 150);
}
