//! The version of a run's files, which `environment.toml`, `metrics.csv` and `outcome.json` state.
//!
//! 1. Files that state none. Outcomes and rows have the fields that were measured at the time.
//! 2. Files that state their version.

/// The version that this program writes; it reads those before it too.
pub(crate) const FORMAT: u64 = 2;

/// A file is of a version that this program does not know, a newer one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it has format {0}, and this program reads formats 1 to {FORMAT}; use the program that wrote it, or a newer one"
)]
pub(crate) struct Newer(u64);

/// Refuses a newer version than this program's.
pub(crate) fn check(format: u64) -> Result<(), Newer> {
    if (1..=FORMAT).contains(&format) {
        Ok(())
    } else {
        Err(Newer(format))
    }
}
