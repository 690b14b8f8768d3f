//! What can be wrong with the caller's settings, features, labels or classifier.

use std::fmt;

/// Why a setting or an input was refused. Each message names the thing, its value and the remedy.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// A setting of [`Config`](crate::Config) is outside its range.
    Setting {
        /// The field, as written in a file.
        name: &'static str,
        /// What it was set to.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// A tensor's shape does not fit the other arguments.
    Shape {
        /// Which tensor.
        what: &'static str,
        /// The expected shape, in letters or numbers.
        expected: String,
        /// The shape it has.
        found: Vec<i64>,
    },
    /// A tensor has the wrong kind of numbers.
    Kind {
        /// Which tensor.
        what: &'static str,
        /// The expected kind.
        expected: &'static str,
        /// The kind it has, by libtorch's name.
        found: String,
    },
    /// A label is negative, or not below the number of classes.
    LabelOutOfRange {
        /// The offending label.
        label: i64,
        /// The number of classes.
        classes: i64,
    },
    /// A tensor holds a NaN or an infinity, or overflows when squared.
    NotFinite {
        /// Which tensor.
        what: &'static str,
    },
    /// Angles between classes need at least two of them.
    TooFewClasses {
        /// How many there are.
        classes: i64,
    },
    /// Features were given for fewer than two of the classes.
    TooFewPresentClasses {
        /// How many classes have at least one sample.
        present: i64,
        /// How many classes there are.
        classes: i64,
    },
    /// Every feature vector is the same, so no angle and no ratio is defined.
    EqualFeatures,
    /// Features differ, but the class means coincide, so the between-class scatter is zero.
    CoincidingMeans,
    /// `classes` unit vectors at equal and largest angles need `classes - 1` dimensions.
    NoSimplex {
        /// The number of vectors requested.
        classes: i64,
        /// The number of dimensions.
        dimension: i64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { name, value, expected } => write!(out, "`{name}` is {value}; set it to {expected}"),
            Error::Shape { what, expected, found } => {
                write!(out, "{what} have shape {found:?}; give them as {expected}")
            }
            Error::Kind { what, expected, found } => {
                write!(out, "{what} are of kind {found}; convert them to {expected}")
            }
            Error::LabelOutOfRange { label, classes } => {
                write!(
                    out,
                    "label {label} is not one of {classes} classes; labels must be 0 to {}",
                    classes - 1
                )
            }
            Error::NotFinite { what } => {
                write!(
                    out,
                    "{what} hold a NaN or an infinity; check the run that produced them, or scale them down"
                )
            }
            Error::TooFewClasses { classes } => {
                write!(
                    out,
                    "neural collapse is about angles between classes, but there are {classes}; give at least 2"
                )
            }
            Error::TooFewPresentClasses { present, classes } => write!(
                out,
                "only {present} of {classes} classes have a sample; give features of at least 2 classes"
            ),
            Error::EqualFeatures => {
                write!(
                    out,
                    "all feature vectors are equal, so no angle is defined; the network has died or the file is wrong"
                )
            }
            Error::CoincidingMeans => {
                write!(
                    out,
                    "all class means coincide, so no angle is defined; check that labels belong to these features"
                )
            }
            Error::NoSimplex { classes, dimension } => write!(
                out,
                "a simplex of {classes} classes does not fit in {dimension} dimensions; use at least {} dimensions",
                classes - 1
            ),
        }
    }
}

impl std::error::Error for Error {}
