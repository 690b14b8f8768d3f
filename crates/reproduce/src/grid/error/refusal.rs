//! The reasons for which a grid or an option is refused.

use std::path::PathBuf;

/// What is wrong, and the remedy.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Not TOML, or not the keys and types of a grid: the parser's message, which lists what it expected.
    #[error("{0}")]
    Toml(String),
    /// A key that overrides a value of the protocol has the wrong type.
    #[error("`{key}`: {message}")]
    Override {
        /// The key as stated.
        key: String,
        /// The parser's message.
        message: String,
    },
    /// An empty list.
    #[error("no {0}; state at least one")]
    Empty(&'static str),
    /// A duplicate in a list.
    #[error("{what} {value} is stated twice; state it once")]
    Repeated {
        /// Kind of entry.
        what: &'static str,
        /// The entry.
        value: String,
    },
    /// A method that neither the catalogue nor the grid has.
    #[error("there is no method `{value}`; `reproduce methods` lists them, and a `[[method]]` table defines one{hint}")]
    UnknownMethod {
        /// As stated.
        value: String,
        /// The name that was probably meant.
        hint: String,
    },
    /// A method that has been renamed.
    #[error("method `{value}` is called `{today}` now; use that name")]
    Renamed {
        /// As stated.
        value: String,
        /// Today's name.
        today: String,
    },
    /// An entry for a method that the grid does not list.
    #[error(
        "`{table}` has a line for `{value}`, which `methods` does not name; add it there, or remove the line{hint}"
    )]
    NotListed {
        /// The line's table.
        table: &'static str,
        /// As stated.
        value: String,
        /// The name that was probably meant.
        hint: String,
    },
    /// A change that would replace a part of the method.
    #[error(
        "`change.{method}` gives it another `{part}`, and a name means the same parts everywhere; change settings of the parts that it \
         has, or define a method of another name in a `[[method]]` table"
    )]
    OtherPart {
        /// Which method.
        method: String,
        /// Which part.
        part: &'static str,
    },
    /// A recipe that the catalogue does not have.
    #[error("there is no recipe `{value}`; there are {known}")]
    UnknownRecipe {
        /// As stated.
        value: String,
        /// The known ones.
        known: String,
    },
    /// A method name that cannot begin a directory's name.
    #[error(
        "method name `{0}` cannot name a directory; use at most 100 letters, digits, `-`, `_` and `.`, and begin with a letter"
    )]
    Name(String),
    /// A number out of range.
    #[error(transparent)]
    Setting(#[from] methods::OutOfRange),
    /// A recipe that no training has.
    #[error(transparent)]
    Recipe(#[from] methods::RecipeError),
    /// A part of a method that would never take effect.
    #[error(
        "`{part}` of `{method}` would start at epoch {start}, but the last of {epochs} epochs is {}; state an earlier \
         start_epoch or train for longer",
        epochs - 1
    )]
    LateStart {
        /// Which part.
        part: &'static str,
        /// Of which method.
        method: String,
        /// 0-based epoch.
        start: i64,
        /// Length of the training.
        epochs: i64,
    },
    /// A training that the command line makes too short for a part of a method.
    #[error(
        "`--epochs {epochs}` leaves no epoch for `{part}` of `{method}`, which starts after the first; give --epochs {smallest} or more, \
         or leave the method out with --methods"
    )]
    TooShort {
        /// Which part.
        part: &'static str,
        /// Of which method.
        method: String,
        /// The requested value.
        epochs: i64,
        /// The smallest number of epochs that suits all methods.
        smallest: i64,
    },
    /// A validation split that leaves no image to train on.
    #[error(
        "`{option}` is {per_class}, but a class of {dataset} has {images} training images and keeps none of them to train on; hold out \
         fewer, such as {}",
        images / 10
    )]
    HeldOut {
        /// Key or option.
        option: &'static str,
        /// As stated.
        per_class: i64,
        /// Data set.
        dataset: &'static str,
        /// Training images of one of its classes.
        images: i64,
    },
    /// Several strengths, and nothing to choose among them with.
    #[error(
        "`{0}` chooses among several `taus`, but no images are held out to choose with, and the test split must not be \
         used; state `validation = {{ per_class = 50 }}` at the top of the grid, or a single value"
    )]
    NeedsValidation(String),
    /// A needed method that the grid does not have.
    #[error("the {role} is to be method `{value}`, which the grid does not have; it has {known}")]
    NoSuchMethod {
        /// The role it is needed in.
        role: &'static str,
        /// As stated.
        value: String,
        /// The known ones.
        known: String,
    },
    /// A needed method that trains nothing.
    #[error(
        "the {role} is to be method `{value}`, which only computes a classifier and has no network of its own; name the \
         method that it starts from"
    )]
    NoNetwork {
        /// The role it is needed in.
        role: &'static str,
        /// As stated.
        value: String,
    },
    /// An initial network with other layers.
    #[error(
        "the initial network is to be method `{value}`, whose `experts` have other layers; name a method with the same `experts`"
    )]
    OtherExperts {
        /// As stated.
        value: String,
    },
    /// A method that depends on itself.
    #[error("`{0}` needs its own finished network, directly or through others; name another method")]
    Circle(String),
    /// A teacher whose outputs give no probabilities.
    #[error(
        "teacher `{0}` answers in cosines, at most 1, which no softmax makes probabilities of; name a method whose head is \
         \"linear\" or scaled-cosine"
    )]
    TeacherOfCosines(String),
    /// A checkpoint to start from that cannot be read.
    #[error("cannot read checkpoint {}: {reason}; name a file, relative to the working directory", path.display())]
    Checkpoint {
        /// As stated.
        path: PathBuf,
        /// The error of the system.
        reason: String,
    },
    /// Weights of the command line that cannot be read.
    #[error("cannot begin with the weights in {}: {reason}", path.display())]
    Weights {
        /// As stated.
        path: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// A file to start from with another digest.
    #[error("checkpoint {} has SHA-256 {found}, not {stated}; name the file that is meant, or \
         leave `sha256` out", path.display())]
    OtherCheckpoint {
        /// As stated.
        path: PathBuf,
        /// As stated.
        stated: String,
        /// Digest of the file.
        found: String,
    },
    /// Experts with a network that does not support them.
    #[error(
        "experts share stages, and no public code has them in the form of {0} for 32×32 images; choose resnet32, or \
         leave the method out with `--methods`"
    )]
    NoExperts(&'static str),
    /// A part that needs more of the images than one view of each.
    #[error(
        "{0} needs more than one view of an image, or other images than those of the batch, and photographs in files are read once for each \
             batch; leave the method out with `--methods`, which names the others"
    )]
    InMemoryOnly(&'static str),
    /// Selecting epochs without a validation split.
    #[error(
        "grid {0} holds no images out, so `--select val` has nothing to select with; hold some out with --validation 50, \
         which trains its runs anew, or leave out --select"
    )]
    NothingToSelectOn(String),
    /// A published number of a twin that is not trained.
    #[error(
        "there is no `<name>+nc` for `published_with_plug_in`; state `plug_in = {{ nc = {{}} }}` at the grid's top, or leave it out"
    )]
    NoTwin,
    /// A method that cannot be trained.
    #[error("{0}")]
    Method(#[from] methods::MethodError),
    /// An imbalance that leaves a class without images.
    #[error("{0}")]
    Imbalance(String),
    /// Batches that the training split does not fill.
    #[error(
        "batch_size {batch_size} is larger than the {samples} training images; set batch_size to {samples} or less"
    )]
    Batch {
        /// As stated.
        batch_size: i64,
        /// Images of the training split.
        samples: i64,
    },
    /// Settings that the regularizer refuses.
    #[error("{0}")]
    Nc(#[from] nc::Error),
    /// A plug-in that fits no method.
    #[error("`plug_in` has no method to plug into, each has a regularizer of its own; remove it or add such a method")]
    PlugInOnNothing,
    /// A published name without a source to look it up in.
    #[error(
        "`{0}` is to be looked up among published numbers, but no source is named; state `published_source`, or a table \
         with `method` and `source`"
    )]
    NoSource(String),
    /// A published name or source that the embedded file does not have.
    #[error("published numbers have no {what} `{value}`; they have {known}")]
    Unpublished {
        /// Source or method.
        what: &'static str,
        /// As stated.
        value: String,
        /// The known ones.
        known: String,
    },
    /// An option that selects what the grid does not have.
    #[error("grid {grid} has no {what} `{value}`; it has {known}")]
    NotInGrid {
        /// The grid's name.
        grid: String,
        /// Kind of thing.
        what: &'static str,
        /// The requested value.
        value: String,
        /// The known ones.
        known: String,
    },
}

impl Refusal {
    /// Whether it is about runs that an option such as `--methods` or `--imbalance` may leave out.
    pub(in crate::grid) fn is_of_some_runs(&self) -> bool {
        matches!(
            self,
            Refusal::InMemoryOnly(_) | Refusal::NoExperts(_) | Refusal::Batch { .. }
        )
    }
}
