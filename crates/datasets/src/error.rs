use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::photographs::PhotographError;

/// What can be wrong with data, or with a request for data.
#[derive(Debug, Error)]
pub enum DataError {
    /// No file of a data set was found, and its archive could not be downloaded.
    #[error(
        "{dataset}: no files in {} and cannot download {url} ({reason}); fetch that file on a machine with internet access \
         and put it at {}, or name the folder that has the data set with `--data` or LONGTAIL_DATA",
        data_root.display(), data_root.join(archive).display()
    )]
    Unreachable {
        /// The data set.
        dataset: &'static str,
        /// Where it was looked for.
        data_root: PathBuf,
        /// File name of its archive.
        archive: &'static str,
        /// The URL of the archive.
        url: String,
        /// Why it could not be downloaded.
        reason: String,
    },
    /// The folder of the data sets is a file.
    #[error(
        "{}: a file, not a folder; name the folder that has the data set, such as {}, with `--data` or LONGTAIL_DATA",
        path.display(), path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).display()
    )]
    NotAFolder {
        /// The path of that file.
        path: PathBuf,
    },
    /// The folder of a data set has none of its files.
    #[error(
        "{}: {problem}; remove it to have {dataset} downloaded, or put its files there", path.display()
    )]
    NoFiles {
        /// The folder, or what stands in its place.
        path: PathBuf,
        /// Such as a link that leads nowhere.
        problem: &'static str,
        /// The data set.
        dataset: &'static str,
    },
    /// A download ended early.
    #[error(
        "{url}: stopped after {received} of {} bytes ({reason}); run the same command again to go on from there",
        total.map_or("unknown".to_owned(), |total| total.to_string())
    )]
    Interrupted {
        /// What is downloaded.
        url: String,
        /// Bytes received so far.
        received: u64,
        /// Bytes of the whole file, if the server stated them.
        total: Option<u64>,
        /// What happened.
        reason: String,
    },
    /// An archive is not the official one.
    #[error(
        "{}: MD5 is {found}, expected {expected}; the file is damaged or not the official one: delete it if it is still \
         there, and run the same command again to download it anew", path.display()
    )]
    WrongDigest {
        /// The archive.
        path: PathBuf,
        /// Its MD5.
        found: String,
        /// MD5 of the official archive.
        expected: &'static str,
    },
    /// An archive cannot or must not be unpacked.
    #[error("{}: {problem}; nothing was unpacked: fetch the official archive", path.display())]
    BadArchive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder could not be written.
    #[error("{}: cannot be written: {source}; check free space and permissions", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A data set's folder lacks one of its files.
    #[error(
        "{}: no such file, although other files of {dataset} are in its folder; complete the folder, \
         or move it away to have it downloaded again", path.display()
    )]
    MissingFile {
        /// The missing file.
        path: PathBuf,
        /// The data set it belongs to.
        dataset: &'static str,
    },
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file has more or fewer bytes than its records need.
    #[error(
        "{}: {found} bytes, expected {} ({records} records of {record_bytes} bytes); the file is truncated or not of \
         {dataset}: fetch it again", path.display(), records * record_bytes
    )]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// The data set it should belong to.
        dataset: &'static str,
        /// Its size in bytes.
        found: usize,
        /// The number of records of an intact file.
        records: usize,
        /// Bytes of one record.
        record_bytes: usize,
    },
    /// A pickle does not hold a batch of images.
    #[error("{}: not a batch of {dataset}: {problem}; the file is truncated or corrupt: fetch it again", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The data set it should belong to.
        dataset: &'static str,
        /// How it differs from one.
        problem: String,
    },
    /// A label is not a class number.
    #[error(
        "{}: record {record} has label {found}, expected 0 to {}; the file is corrupt: fetch it again",
        path.display(), classes - 1
    )]
    WrongLabel {
        /// The file.
        path: PathBuf,
        /// Number of the record in the file, from 0.
        record: usize,
        /// The label found.
        found: i64,
        /// Number of classes.
        classes: i64,
    },
    /// A class does not have as many images as in the published data set.
    #[error(
        "{}: class {class} has {found} {split} images, expected {expected}; the files are corrupt or not those of \
         {dataset}: fetch them again", folder.display()
    )]
    WrongClassCount {
        /// Where the files are.
        folder: PathBuf,
        /// The data set.
        dataset: &'static str,
        /// `train` or `test`.
        split: &'static str,
        /// The class.
        class: usize,
        /// Images found.
        found: i64,
        /// Images published.
        expected: i64,
    },
    /// An imbalance ratio is not a number of at least 1.
    #[error(
        "imbalance ratio {ratio}: expected a number of at least 1 (images of the largest class / images of the smallest)"
    )]
    Ratio {
        /// The ratio.
        ratio: f64,
    },
    /// An imbalance needs at least two classes.
    #[error("imbalance {imbalance} over {classes} classes: expected at least 2 classes")]
    TooFewClasses {
        /// The imbalance.
        imbalance: String,
        /// The number of classes.
        classes: i64,
    },
    /// An imbalance leaves a class without images.
    #[error(
        "imbalance {imbalance} leaves class {class} without images when the largest class has {largest}; use a ratio of \
         at most {largest}"
    )]
    EmptyClass {
        /// The imbalance.
        imbalance: String,
        /// The first empty class.
        class: usize,
        /// Images of the largest class.
        largest: i64,
    },
    /// The numbers of a Pareto imbalance are impossible.
    #[error(
        "imbalance pareto with alpha {alpha}, max {max} and min {min}: expected an alpha above 0, and 1 or more as `min` and more than that as \
         `max`"
    )]
    Pareto {
        /// The power.
        alpha: f64,
        /// Images of the largest class.
        max: i64,
        /// Images of the smallest class.
        min: i64,
    },
    /// No class is as large as an imbalance needs one.
    #[error(
        "imbalance {imbalance} needs a class of {size} images, and none that is left has as many; use a `max` of at most {largest}"
    )]
    NoClassForSize {
        /// The imbalance.
        imbalance: String,
        /// Images of the class.
        size: i64,
        /// Images of the largest class there is.
        largest: i64,
    },
    /// A class has no images in a data set that is used as it is.
    #[error(
        "class {class} has no training images; leave it out of the data set, or hold out fewer images for validation"
    )]
    AbsentClass {
        /// The first such class.
        class: usize,
    },
    /// A class has fewer images than requested.
    #[error("class {class} has {found} images, {asked} were asked for; ask for at most {found}")]
    TooFewImages {
        /// The class.
        class: usize,
        /// Images requested.
        asked: i64,
        /// Images there are.
        found: i64,
    },
    /// Something is wrong with photographs, their lists or their folders.
    #[error(transparent)]
    Photographs(#[from] PhotographError),
}

impl DataError {
    /// For `map_err` around reading `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> DataError {
        let path = path.to_owned();
        move |source| DataError::Read { path, source }
    }
    /// For `map_err` around writing `path`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> DataError {
        let path = path.to_owned();
        move |source| DataError::Write { path, source }
    }
}
