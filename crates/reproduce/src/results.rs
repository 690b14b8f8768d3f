//! Results: the folder of a grid, which belongs to one configuration.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::grid::Planned;
use crate::run::directory::RunDir;
use crate::run::groups::GroupsByIndex;
use crate::run::{Outcome, Run};
use crate::schedule::tasks;

/// Makes `out` and writes down which configuration it belongs to: data set, protocol and recipe. Other methods, seeds and
/// imbalances may join later; another recipe would put numbers into one table that do not belong together.
///
/// # Errors
/// If the folder belongs to another configuration, or cannot be written.
pub(crate) fn claim(out: &Path, run: &Run) -> anyhow::Result<()> {
    let path = out.join("recipe.toml");
    let recipe = toml::to_string(&run.recipe).context("a recipe is numbers and words")?;
    let text = format!(
        "dataset = \"{}\"\nprotocol = \"{}\"\n{recipe}",
        run.dataset,
        run.protocol.name()
    );
    match fs::read_to_string(&path) {
        Ok(found) if found == text => Ok(()),
        Ok(found) => {
            let differs = text
                .lines()
                .find(|line| !found.lines().any(|other| other == *line))
                .unwrap_or("its end");
            bail!(
                "{} holds results of another configuration: {} does not have the line `{differs}`; choose another --out",
                out.display(),
                path.display()
            )
        }
        Err(_) => fs::create_dir_all(out)
            .with_context(|| format!("cannot make folder {}; choose another --out", out.display()))
            .and_then(|()| write_whole(&path, &text)),
    }
}

/// The outcomes of the finished runs among those that `planned` needs.
///
/// # Errors
/// If an outcome or the run's `confusion.csv` is damaged.
pub(crate) fn outcomes(out: &Path, planned: &[Planned]) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for task in tasks(planned) {
        let run_dir = RunDir::of(out, &task.run);
        if let Some(mut outcome) = run_dir.outcome()? {
            if outcome.few_by_index.is_none() {
                let groups = GroupsByIndex::of(&task.run, &run_dir)?; // older versions did not write them down
                outcome.many_by_index = groups.many;
                outcome.medium_by_index = groups.medium;
                outcome.few_by_index = groups.few;
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Writes a sibling first and renames it, so that a reader never sees half a file. The sibling is this process's own: tasks of a
/// job array start together, on several machines.
///
/// # Errors
/// If it cannot be written; the message names it.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let temporary = path.with_extension(format!("{machine}.{}.tmp", std::process::id()));
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}; make room or choose another --out", path.display()))
}
