//! The settings of two runs, side by side.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::markdown::MISSING;
use crate::run::Run;

/// The settings that two runs do not share, a line each.
pub(super) fn differing(before: &Run, now: &Run) -> Vec<String> {
    let flat = |run: &Run| {
        let mut settings = BTreeMap::new();
        let table = Table::try_from(run).expect("a run holds only numbers, words and tables of them");
        flatten("", &table.into(), &mut settings);
        settings
    };
    let (before, now) = (flat(before), flat(now));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let value =
        |settings: &BTreeMap<String, String>, name: &String| settings.get(name).cloned().unwrap_or(MISSING.to_owned());
    let lines = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    lines
        .map(|name| {
            format!(
                "  {name}: {} in the baseline, {} now",
                value(&before, name),
                value(&now, name)
            )
        })
        .collect()
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(&name, value, into);
            }
        }
        value => {
            into.insert(name.to_owned(), value.to_string());
        }
    }
}
