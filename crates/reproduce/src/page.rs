//! The page of a grid's results, `report.html`: the tables, charts and every run in one file that opens from disk and asks no network for
//! anything.
//!
//! [`Contents`] is what the page shows, and lies in it as JSON; the files of `page/document/` are the page itself, whose script makes the
//! one into the other.

mod angles;
mod classes;
mod contents;
mod curves;
mod document;
mod images;
mod method;
mod overview;
mod part;
mod run;

use std::path::Path;

use crate::files::write_whole;
use crate::run::Outcome;
use crate::schedule::Failure;
use crate::tables::report::{Kept, Report, Request, write_report};

use contents::Contents;

/// Its name in a folder of results.
pub(crate) const FILE: &str = "report.html";

/// Writes the tables of `outcomes` into `out`, see [`write_report`], and, where they are written, the page beside them, whole or not at all.
///
/// # Errors
/// Those of the tables. Tables and a page that cannot be written are returned, with the reason.
pub(crate) fn write(
    out: &Path,
    request: &Request<'_>,
    outcomes: &[Outcome],
    failures: &[Failure],
) -> anyhow::Result<Report> {
    let mut report = write_report(out, request, outcomes, failures)?;
    if report.kept.is_none() {
        let page = document::page(&Contents::new(out, request, outcomes, &report.summary))?;
        if let Err(error) = write_whole(&out.join(FILE), &page) {
            report.kept = Some(Kept::Unwritable(format!("{error:#}")));
        }
    }
    Ok(report)
}
