//! The index of archives: one line per archive, generated from its files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use walkdir::WalkDir;

use super::ANOTHER_TO;
use crate::files::{self, unwritable};
use crate::markdown::{aligned, code};
use crate::run::metrics::refuse_newer;

const FILE: &str = "README.md";
const BEGIN: &str = "<!-- archives -->\n";
const END: &str = "<!-- end of archives -->\n";

/// The beginning of a new index.
const HEAD: &str = "\
# Results

Each folder is the archive of a grid's finished runs, written by `reproduce archive`:

- `summary.md`, `summary.csv`: the table, with everything that its numbers depend on, and the command that makes it again;
- `runs.csv`: one line a run: accuracies, neural collapse, seconds, device, precision, threads, commit, digests;
- `epochs.csv`: each run's epochs; `classes.csv`: the accuracy of each class after the last one;
- `configs.jsonl`: each run's resolved config; `robustness.csv`: accuracies under noise and other class frequencies;
- `splits/`: the training images of a run, by the first characters of their digest, which `runs.csv` has.

";

/// The columns of `runs.csv` that the index shows.
#[derive(Deserialize)]
struct RunRow {
    dataset: String,
    seed: i64,
    epochs: i64,
    device: String,
    precision: String,
    commit: String,
}

/// Writes the index of the archives in `folder`, between the markers of an existing index, and returns its name. A file without markers
/// was written by somebody else and is not changed.
///
/// # Errors
/// If an archive is damaged, or the index cannot be written.
pub(super) fn write(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let path = folder.join(FILE);
    let before = if path.exists() {
        files::read(&path).with_context(|| format!("cannot read {}", path.display()))?
    } else {
        format!("{HEAD}{BEGIN}{END}")
    };
    let (Some(begin), Some(end)) = (before.find(BEGIN), before.find(END)) else {
        return Ok(None);
    };
    let text = format!("{}{}{}", &before[..begin + BEGIN.len()], lines(folder)?, &before[end..]);
    files::write(&path, &text).map_err(|error| unwritable(&path, error, ANOTHER_TO))?;
    Ok(Some(FILE.into()))
}

/// The table of the archives in `folder`.
fn lines(folder: &Path) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.path().join("runs.csv").is_file() {
            rows.push(line(entry.path())?);
        }
    }
    let header = [
        "archive",
        "data",
        "runs",
        "seeds",
        "epochs",
        "arithmetic",
        "commit",
        "made by",
    ];
    Ok(aligned(&header, rows, header.len()))
}

fn line(archive: &Path) -> anyhow::Result<Vec<String>> {
    let text = |name: &str| {
        let path = archive.join(name);
        files::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let runs = text("runs.csv")?;
    refuse_newer(&runs).with_context(|| format!("cannot read {}", archive.join("runs.csv").display()))?;
    let runs = csv::Reader::from_reader(runs.as_bytes()).into_deserialize();
    let runs: Vec<RunRow> = runs.collect::<Result<_, _>>().with_context(|| {
        format!(
            "{} is damaged; archive the runs again",
            archive.join("runs.csv").display()
        )
    })?;
    let each = |value: &dyn Fn(&RunRow) -> String| {
        let values: BTreeSet<String> = runs.iter().map(value).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    let seeds: BTreeSet<i64> = runs.iter().map(|run| run.seed).collect();
    let epochs = runs.iter().map(|run| run.epochs).max().unwrap_or(0); // second stages are shorter
    let summary = text("summary.md")?;
    let command = summary
        .split("```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("\n```").next());
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    Ok(vec![
        format!("[{name}]({name}/summary.md)"),
        each(&|run| run.dataset.clone()),
        runs.len().to_string(),
        seeds.len().to_string(),
        epochs.to_string(),
        each(&|run| format!("{} on {}", run.precision, run.device)),
        each(&|run| format!("`{}`", run.commit)),
        command.map_or_else(String::new, code),
    ])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_index_of_this_checkout_is_made_from_its_archives() {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
        let written = fs::read_to_string(results.join(FILE)).expect("an index");
        let between = written.split(BEGIN).nth(1).and_then(|rest| rest.split(END).next());
        assert_eq!(between, Some(lines(&results).expect("sound archives").as_str()));
    }

    #[test]
    fn an_index_of_somebody_elses_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(FILE), "# Mine\n").expect("writable");
        assert_eq!(write(folder.path()).expect("nothing to do"), None);
        let text = fs::read_to_string(folder.path().join(FILE)).expect("readable");
        assert_eq!(text, "# Mine\n");
    }
}
