//! No fixture key goes unchecked without a reason: `coverage.txt` names the crate that checks it.

use std::collections::BTreeSet;

use crate::fixture::{Comparison, Fixture, own_directory};
use crate::{losses, metrics};

/// One line of `coverage.txt`: a pattern with `*` for any text, and the crate that checks the keys that match, or why
/// none does.
struct Line {
    pattern: String,
    owner: String,
}

fn lines() -> Vec<Line> {
    let text = std::fs::read_to_string(own_directory().join("coverage.txt")).expect("coverage.txt is beside the files");
    let line = |line: &str| {
        let (pattern, owner) = line.split_once(' ').expect("a pattern, a space, an owner");
        Line {
            pattern: pattern.to_owned(),
            owner: owner.trim().to_owned(),
        }
    };
    text.lines()
        .filter(|text| !text.is_empty() && !text.starts_with('#'))
        .map(line)
        .collect()
}

/// Whether `key` is `pattern` with some text for every `*`.
fn matches(pattern: &str, key: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == key,
        Some((head, rest)) => key.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|start| tail.is_char_boundary(*start))
                .any(|start| matches(rest, &tail[start..]))
        }),
    }
}

/// The one owner of a key.
fn owner<'a>(lines: &'a [Line], key: &str) -> Result<&'a str, String> {
    let owners: Vec<_> = lines.iter().filter(|line| matches(&line.pattern, key)).collect();
    match owners[..] {
        [line] => Ok(&line.owner),
        [] => Err(format!("{key}: no line of coverage.txt matches")),
        [_, another, ..] => Err(format!(
            "{key}: more than one line matches, the second is {}",
            another.pattern
        )),
    }
}

#[test]
fn golden_keys_are_each_checked_by_some_crate_or_skipped_for_a_reason() {
    let lines = lines();
    let mut problems = Vec::new();
    for (prefix, checks) in [
        ("losses_", losses::all as fn(&mut Comparison)),
        ("metrics_", metrics::all),
    ] {
        for fixture in Fixture::all(prefix) {
            let mut comparison = Comparison::new(&fixture);
            checks(&mut comparison);
            let mut ours = BTreeSet::new();
            for key in fixture.expected_keys() {
                match owner(&lines, key) {
                    Ok("nc") => drop(ours.insert(key.clone())),
                    Ok(_) => {}
                    Err(problem) => problems.push(problem),
                }
            }
            problems.extend(
                ours.difference(&comparison.checked)
                    .map(|key| format!("{key}: ours, but not checked")),
            );
            problems.extend(
                comparison
                    .checked
                    .difference(&ours)
                    .map(|key| format!("{key}: checked, but not ours")),
            );
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn golden_coverage_names_a_crate_or_a_reason_on_every_line() {
    for line in lines() {
        let known = ["nc", "methods", "datasets", "models"].contains(&line.owner.as_str());
        let reason = line
            .owner
            .strip_prefix("skipped:")
            .is_some_and(|reason| !reason.trim().is_empty());
        assert!(
            known || reason,
            "{}: {} is neither a crate nor `skipped: reason`",
            line.pattern,
            line.owner
        );
    }
}

#[test]
fn golden_patterns_match_whole_keys() {
    assert!(matches("nc1.*.loss", "nc1.full.loss"));
    assert!(matches("an.*", "an.LNC1"));
    assert!(!matches("nc1.*", "nc1sq.full.loss"));
    assert!(!matches("nc1.*.loss", "nc1.full.loss2"));
}
