//! Entry points for the targets of `fuzz/`: each runs a parser on a file of arbitrary bytes.

use std::path::Path;

use crate::analyze::{Analysis, ShownSplit, Source};
use crate::arrays::npy_tensor;
use crate::exchange::foreign::Stated;
use crate::grid::{Grid, Options};
use crate::run::directory::RunDir;
use crate::run::metrics::{self, MetricsRow};
use crate::run::rows::EpochTable;
use crate::run::scores::{ConfusionRow, RobustnessRow};

/// Reads a features file, measures it, and returns the number of classes.
///
/// # Errors
/// If the file is refused.
pub fn features(path: &Path) -> anyhow::Result<usize> {
    let source = Source::parse(&path.to_string_lossy()).map_err(anyhow::Error::msg)?;
    let subject = source.read(ShownSplit::Test, None, &Stated::default())?;
    Ok(Analysis::of(&subject)?.by_class.len())
}

/// Reads an array as NumPy saves it, and returns its shape.
///
/// # Errors
/// If the bytes are refused.
pub fn npy(bytes: Vec<u8>) -> anyhow::Result<Vec<i64>> {
    Ok(npy_tensor(bytes)?.size())
}

/// Reads a grid file and plans its runs, and returns their number.
///
/// # Errors
/// If the file is refused.
pub fn grid(path: &Path) -> anyhow::Result<usize> {
    Ok(Grid::load(path, None)?.runs(&Options::default())?.asked().len())
}

/// Reads a `metrics.csv`, cuts it at `next_epoch` and upgrades it, as a resumed run does, and returns the number of rows
/// that are left.
///
/// # Errors
/// If the file is refused.
pub fn metrics(path: &Path, next_epoch: i64) -> anyhow::Result<usize> {
    let read = metrics::read::<MetricsRow>(path);
    let by_class = EpochTable::by_class(path.to_owned(), 2);
    let _ = by_class.trimmed(next_epoch); // as a `per_class.csv`, which has other columns
    if let Some(trimmed) = EpochTable::by_epoch(path.to_owned()).trimmed(next_epoch)? {
        trimmed.write()?;
    }
    read?;
    metrics::upgrade::<MetricsRow>(path)?;
    Ok(metrics::read::<MetricsRow>(path)?.len())
}

/// Reads a file as the tables that `report` reads, and returns the number of their rows.
///
/// # Errors
/// If the file is refused.
pub fn scores(path: &Path) -> anyhow::Result<usize> {
    match metrics::read::<ConfusionRow>(path) {
        Ok(rows) => Ok(rows.len()),
        Err(_) => Ok(metrics::read::<RobustnessRow>(path)?.len()),
    }
}

/// Reads `config.toml`, `environment.toml` and `outcome.json` of a run's directory.
///
/// # Errors
/// If one of them is refused.
pub fn run_directory(path: &Path) -> anyhow::Result<()> {
    let run_dir = RunDir::at(path);
    let run = run_dir.run().map(|run| run.id());
    let environment = run_dir.environment();
    let outcome = run_dir.outcome();
    run?;
    environment?;
    outcome?;
    Ok(())
}
