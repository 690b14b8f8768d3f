//! What can be wrong with photographs, their lists and their folders.

use std::path::PathBuf;

use thiserror::Error;

use crate::photographs::pack::PackError;

/// What can be wrong with photographs, their lists and their folders.
#[derive(Debug, Error)]
pub enum PhotographError {
    /// A line of a list is not a path and a label.
    #[error("{}: line {line} `{text}`: {problem}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The line, shortened.
        text: String,
        /// What is wrong with it, and the remedy.
        problem: LineProblem,
    },
    /// A list has no line.
    #[error("{}: an empty list, expected a path and a label on each line; fetch the list again", path.display())]
    EmptyList {
        /// The list.
        path: PathBuf,
    },
    /// An annotation file is not one that can be read.
    #[error("{}: {problem}; expected `images` and `annotations` as in iNaturalist's files, or `annotations` with `fpath` and \
             `category_id`: fetch the file again", path.display())]
    Annotations {
        /// The file.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// Lists of official splits are not there.
    #[error("{}: not all lists of {set} are there; put `{files}` of {source_of_lists} in that folder", folder.display())]
    NoList {
        /// Where it was looked for.
        folder: PathBuf,
        /// The names of the files.
        files: String,
        /// The data set.
        set: &'static str,
        /// Who publishes it.
        source_of_lists: &'static str,
    },
    /// A list that the settings name is not there.
    #[error("{}: no such list; `lists` names files in the folder of the photographs", path.display())]
    NoStatedList {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// An official list does not have as many photographs as published.
    #[error("{}: {what} {found}, {set} has {expected}; the list is truncated or another version: fetch it again", path.display())]
    WrongTotal {
        /// The list.
        path: PathBuf,
        /// The data set.
        set: &'static str,
        /// What was counted.
        what: &'static str,
        /// The number found.
        found: i64,
        /// The published number.
        expected: i64,
    },
    /// There is no folder of photographs.
    #[error("{}: no such folder; name the folder of the photographs with `--data` or LONGTAIL_DATA", path.display())]
    NoFolder {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No photograph would be the test.
    #[error("`hold_out.per_class` is {per_class}; hold out 1 photograph of each class or more for the test")]
    NothingHeldOut {
        /// As stated.
        per_class: i64,
    },
    /// Photographs are in a pack, or are not, and runs were planned with the other.
    #[error("{}: {found}, the run was planned with {expected}; name their folder with --data, or choose another --out to train on these", path.display())]
    OtherPacking {
        /// Their folder.
        path: PathBuf,
        /// How they are stored.
        found: String,
        /// How those of the plan are.
        expected: String,
    },
    /// The photographs are not those that runs were planned with.
    #[error(
        "{}: has {} training and {} test photographs, the run was planned with {} and {}, and the names or lengths of some files differ; put \
         them back as they were, or choose another --out to train on these",
        path.display(), found[0], found[1], expected[0], expected[1]
    )]
    Changed {
        /// Their folder.
        path: PathBuf,
        /// Training and test photographs found.
        found: [usize; 2],
        /// Those of the plan.
        expected: [i64; 2],
    },
    /// A folder has no folder of a class, or a class no photograph.
    #[error("{}: {problem}; expected a folder for each class with JPEG, PNG or WebP files in it", path.display())]
    NoPhotographs {
        /// The folder.
        path: PathBuf,
        /// What it lacks.
        problem: String,
    },
    /// Two classes' names differ only in case.
    #[error(
        "{}: the classes `{first}` and `{second}` differ only in case, and are one folder on other systems; rename or join them",
        path.display()
    )]
    SameButForCase {
        /// The folder that both are in.
        path: PathBuf,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A test folder's classes are not those of the training folder.
    #[error("{}: {problem}; both folders need a folder for each of the same classes", path.display())]
    OtherClasses {
        /// The test folder.
        path: PathBuf,
        /// The difference.
        problem: String,
    },
    /// The name of a file or folder is not text.
    #[error("{}: the name is not UTF-8; rename it", path.display())]
    NotUtf8 {
        /// The file or folder, with the bytes that are no text replaced.
        path: PathBuf,
    },
    /// A folder is almost called as a split.
    #[error(
        "{}: the folder `{name}` is called almost as a split, and would be none; rename it to `{meant}`, or otherwise if it is a class",
        path.display()
    )]
    SplitMisspelt {
        /// The folder that it is in.
        path: PathBuf,
        /// Its name.
        name: String,
        /// The split.
        meant: &'static str,
    },
    /// A link leads to a folder that it is in.
    #[error(
        "{}: a link to {}, the folder that it is in, so that photographs would be found without end; remove the link",
        path.display(), around.display()
    )]
    LinkAround {
        /// The link.
        path: PathBuf,
        /// The folder.
        around: PathBuf,
    },
    /// A link leads nowhere.
    #[error("{}: a link to what is not there; put it back, or remove the link", path.display())]
    DanglingLink {
        /// The link.
        path: PathBuf,
    },
    /// A folder cannot be walked.
    #[error("{}: cannot be read: {reason}; make it readable, or move it out of the photographs", path.display())]
    Walk {
        /// The folder.
        path: PathBuf,
        /// The operating system's error.
        reason: String,
    },
    /// A class has too few photographs to hold some out.
    #[error(
        "class `{class}` has {found} photographs, and {held_out} are to be held out of each class for the test; hold out fewer, \
         give the folder a `test` folder beside `train`, or add photographs"
    )]
    TooFewToHoldOut {
        /// The class's name.
        class: String,
        /// Its photographs.
        found: i64,
        /// Photographs to hold out of each class.
        held_out: i64,
    },
    /// Photographs cannot be shown at that side.
    #[error(
        "`photographs.side` is {side}; set it to 1 to {largest} pixels: in the test, 8/7 of it are the short side of a photograph, at most \
         32768"
    )]
    Side {
        /// As stated.
        side: usize,
        /// The largest that is possible.
        largest: usize,
    },
    /// A view cannot be made.
    #[error("{name} = {value}: expected {expected}")]
    View {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A photograph cannot be used.
    #[error("{}: {problem}; replace or remove the file{}", path.display(), skipped.hint())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: ImageProblem,
        /// How many others were replaced before.
        skipped: Skipped,
    },
    /// Something is wrong with a pack of photographs.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A worker's thread could not be started.
    #[error("cannot start a thread to read photographs: {reason}; use fewer workers")]
    Thread {
        /// The operating system's error.
        reason: String,
    },
}

/// What is wrong with a line of a list.
#[derive(Debug, Error)]
pub enum LineProblem {
    /// There is no space in it.
    #[error("no label; expected a path, a space and a class number")]
    NoLabel,
    /// What follows the last space is no whole number.
    #[error("`{0}` is no class number; expected a path, a space and a whole number")]
    NotANumber(String),
    /// The label is not below the number of classes.
    #[error("label {label} is out of range, expected 0 to {}; the list is of another data set, or damaged", classes - 1)]
    OutOfRange {
        /// The label.
        label: i64,
        /// Number of classes.
        classes: i64,
    },
    /// There is no path.
    #[error("no path; expected a path, a space and a class number")]
    NoPath,
    /// An earlier line has the same path.
    #[error("the same path as line {first}; remove one of them")]
    Duplicate {
        /// The earlier line, from 1.
        first: usize,
    },
    /// It is not text.
    #[error("not UTF-8; convert the list, for instance with iconv")]
    NotUtf8,
}

/// What is wrong with the bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(String),
    /// There are no bytes.
    #[error("an empty file")]
    Empty,
    /// It begins as no JPEG, PNG or WebP does.
    #[error("neither JPEG, PNG nor WebP: begins with the bytes {0:02x?}")]
    UnknownFormat(Vec<u8>),
    /// A JPEG file ends before its image does.
    #[error("a truncated JPEG: the marker of its end is missing")]
    Truncated,
    /// Decoding it needs more memory than allowed.
    #[error("{width}x{height} pixels are more than {limit} and cannot be decoded at a smaller scale")]
    TooLarge {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// The most pixels that may be decoded at once.
        limit: usize,
    },
    /// The decoder refuses it.
    #[error("a damaged or unusual {format}: {reason}")]
    Damaged {
        /// JPEG, PNG or WebP.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The decoder failed in a way that it should not.
    #[error("the decoder panicked: {0}")]
    Panicked(String),
}

/// How many unreadable photographs were replaced, of how many that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Replaced before.
    pub replaced: usize,
    /// May be replaced.
    pub allowed: usize,
}

impl Skipped {
    /// Where none may be.
    pub(crate) const NONE: Skipped = Skipped {
        replaced: 0,
        allowed: 0,
    };

    fn hint(self) -> String {
        match self.allowed {
            0 => String::new(),
            allowed => format!(" ({} were skipped before it, {allowed} may be)", self.replaced),
        }
    }
}
