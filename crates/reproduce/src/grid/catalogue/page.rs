//! The catalogue as a page of Markdown.

use datasets::Dataset;
use methods::{Augmentation, Protocol};
use serde::Serialize;

use super::{Entry, METHODS};
use crate::grid::describe;

const INTRODUCTION: &str = "# Methods

`reproduce methods` prints this page out of `benchmarks/methods.toml`. A grid names the methods that it trains, `methods = [\"ce\", \"ldam-drw\"]`;
where its numbers are others, `[change.ldam-drw]` states the whole part. Families are those of Zhang et al., \"Deep Long-Tailed Learning: A
Survey\" (TPAMI 2023). Numbers that a method leaves to the protocol are those of `paper` on CIFAR-10 here.
";

/// Every method: a table per family, in the order of the file.
pub(crate) fn page() -> String {
    let families = METHODS.chunk_by(|(_, one), (_, other)| one.family == other.family);
    INTRODUCTION.to_owned() + &families.map(section).collect::<String>()
}

/// A method, for other programs.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    name: &'static str,
    family: &'static str,
    paper: &'static str,
    /// Former names.
    aliases: &'static [String],
    parts: String,
    settings: String,
}

/// Every method, in the order of the file.
pub(crate) fn list() -> Vec<Listed> {
    let listed = |(name, entry): &'static (String, Entry)| {
        let (parts, settings) = entry.words();
        Listed {
            name,
            family: entry.family.title(),
            paper: &entry.paper,
            aliases: &entry.aliases,
            parts,
            settings,
        }
    };
    METHODS.iter().map(listed).collect()
}

/// The methods of one family under its title.
fn section(methods: &[(String, Entry)]) -> String {
    let (_, first) = &methods[0]; // a chunk is not empty
    let lines = methods.iter().map(|(name, entry)| {
        let (parts, settings) = entry.words();
        format!("| {} | {} | {parts} | {settings} |\n", entry.names(name), entry.paper)
    });
    let head = "| method | paper | parts | settings |\n|---|---|---|---|\n";
    format!("\n## {}\n\n{head}{}", first.family.title(), lines.collect::<String>())
}

impl Entry {
    /// The method's name and its former names.
    fn names(&self, name: &str) -> String {
        let aliases: Vec<String> = self.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        match aliases.as_slice() {
            [] => format!("`{name}`"),
            aliases => format!("`{name}`, once {}", aliases.join(", ")),
        }
    }

    /// The method's parts, and their settings.
    fn words(&self) -> (String, String) {
        let usual = Augmentation::default(); // a grid's own may differ
        let method = self.uses.resolve(&usual, Dataset::Cifar10, Protocol::default());
        let method = method.expect("the file is embedded and tested");
        in_and_out_of_brackets(&describe::parts_beside(&method, &usual))
    }
}

/// `LDAM (scale 30), cosine head` → `LDAM, cosine head` and `scale 30`. Parts are described with their settings in brackets.
fn in_and_out_of_brackets(words: &str) -> (String, String) {
    let (mut outside, mut inside, mut depth) = (String::new(), String::new(), 0);
    for letter in words.chars() {
        match letter {
            '(' if depth == 0 => {
                outside.truncate(outside.trim_end().len());
                if !inside.is_empty() {
                    inside += "; ";
                }
            }
            ')' if depth == 1 => {}
            _ if depth == 0 => outside.push(letter),
            _ => inside.push(letter),
        }
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
    }
    (outside, inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_what_stands_in_brackets() {
        let split = in_and_out_of_brackets(
            "LDAM (margin 0.5, scale 30), cosine head, then cRT (class-aware sampling (4 images a turn))",
        );
        let parts = "LDAM, cosine head, then cRT".to_owned();
        assert_eq!(
            split,
            (
                parts,
                "margin 0.5, scale 30; class-aware sampling (4 images a turn)".to_owned()
            )
        );
    }

    #[test]
    fn the_documentation_has_the_page_that_the_program_prints() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/methods.md");
        let documented = std::fs::read_to_string(path).expect(path);
        assert!(
            documented == page(),
            "write it again: reproduce methods > docs/methods.md"
        );
    }
}
