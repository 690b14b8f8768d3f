//! The version of a run's files, which `environment.toml`, `outcome.json` and every table that the program reads again state.
//!
//! 1. Files that state none. Outcomes and rows have the fields that were measured at the time.
//! 2. Files that state their version.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The version that this program writes; it reads those before it too.
pub(crate) const FORMAT: u64 = 2;

/// The last column of a table, which states the version of a row. Reading a row upgrades it, so it is always written as [`FORMAT`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        check(u64::deserialize(deserializer)?).map_err(de::Error::custom)?;
        Ok(Format)
    }
}

/// The version of a file that this program cannot read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it was written by a newer version (format {0}), and this one reads formats up to {FORMAT}; use the version that wrote it, or a \
     newer one"
)]
pub(crate) struct Newer(pub(crate) u64);

/// Refuses a newer version than this program's.
pub(crate) fn check(format: u64) -> Result<(), Newer> {
    if format <= FORMAT { Ok(()) } else { Err(Newer(format)) }
}
