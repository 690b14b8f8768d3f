//! Errors of grid files and of the options that override them.

mod refusal;

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use datasets::DataError;

pub(crate) use refusal::Refusal;

/// The refusal of a grid: place, problem and remedy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GridError {
    /// The file cannot be read as text.
    #[error("cannot read grid {}: {source}; {remedy}", path.display())]
    Read {
        /// As given.
        path: PathBuf,
        /// A hint at the grids there are.
        remedy: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is not the text of a grid.
    #[error("grid {} {refusal}", path.display())]
    Text {
        /// As given.
        path: PathBuf,
        /// What the file is, and the remedy.
        refusal: String,
    },
    /// Something in the file is wrong.
    #[error("{place}: {refusal}")]
    File {
        /// File, line and column.
        place: Place,
        /// What is wrong with it.
        refusal: Box<Refusal>,
    },
    /// The photographs that it names are not there.
    #[error("{}: its data set: {error}", path.display())]
    Photographs {
        /// The grid.
        path: PathBuf,
        /// What is wrong with them.
        error: Box<DataError>,
    },
    /// Something on the command line is wrong.
    #[error("{0}")]
    Option(Box<Refusal>),
}

impl GridError {
    /// Refuses something on the command line.
    pub(super) fn option(refusal: Refusal) -> GridError {
        GridError::Option(Box::new(refusal))
    }
}

/// A refusal and the range of the file it is about.
#[derive(Debug)]
pub(super) struct Fault {
    /// Range of bytes in the grid's text.
    pub(super) span: Range<usize>,
    /// What is wrong with them.
    pub(super) refusal: Refusal,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, refusal: Refusal) -> Fault {
        Fault { span, refusal }
    }
}

/// A place in a file, shown as `file:line:column`.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    line: usize,
    column: usize,
}

impl Place {
    /// The place of byte `offset` of `text`; lines and columns (characters) count from 1.
    pub(super) fn new(path: PathBuf, text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            path,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}
