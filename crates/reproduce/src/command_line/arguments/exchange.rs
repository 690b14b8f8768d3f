//! Arguments of the verbs that exchange files with other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use datasets::{Dataset, Imbalance, LongTail, Selection, Validation};
use methods::Head;

use super::values::{long_tailed, precision, three_numbers};
use super::{ListsArguments, grid_file};
use crate::exchange::foreign::Stated;
use crate::exchange::look::SeenSplit;
use crate::grid::Ratio;
use crate::run::settings::PrecisionChoice;

/// A long-tailed split of a data set.
#[derive(Args, Clone, Debug)]
pub(crate) struct LongTailArguments {
    /// Images of the largest class over those of the smallest, such as 100, or natural for all images
    #[arg(long, value_name = "RATIO", allow_hyphen_values = true)]
    imbalance: Option<Ratio>,
    /// How the numbers of images fall from the largest class to the smallest
    #[arg(long, value_enum, default_value_t)]
    shape: Shape,
    /// Which images of a class are kept
    #[arg(long, value_enum, default_value_t)]
    select_by: SelectBy,
    /// Seed of the choice, `rand_number` of the code of Cao et al. 2019
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    split_seed: u32,
    /// Number of images per class to hold out of the training images first [default: none]
    #[arg(long, value_name = "PER_CLASS", value_parser = clap::value_parser!(i64).range(1..))]
    hold_out: Option<i64>,
}

/// See [`Imbalance`].
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Shape {
    /// Geometrically, the usual long tail
    #[default]
    Exponential,
    /// At once, in the middle
    Step,
    /// Not at all: as many images in total as under the exponential one
    Balanced,
}

/// See [`Selection`].
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum SelectBy {
    /// Shuffled by NumPy's generator, as the code of Cao et al. 2019 (LDAM) does
    #[default]
    Ldam,
    /// The first ones of the files
    FileOrder,
}

impl LongTailArguments {
    /// The split that is asked for; `None` without an imbalance.
    pub(crate) fn long_tail(&self) -> Option<LongTail> {
        let imbalance = match self.imbalance? {
            Ratio::Natural => Imbalance::Natural,
            Ratio::Number(ratio) => match self.shape {
                Shape::Exponential => Imbalance::Exponential { ratio },
                Shape::Step => Imbalance::Step { ratio },
                Shape::Balanced => Imbalance::Balanced { ratio },
            },
        };
        let selection = match self.select_by {
            SelectBy::Ldam => Selection::Ldam { seed: self.split_seed },
            SelectBy::FileOrder => Selection::FileOrder,
        };
        let validation = self.hold_out.map(|per_class| Validation { per_class, seed: 0 });
        Some(LongTail {
            imbalance,
            selection,
            validation,
        })
    }
}

#[derive(Args, Debug)]
pub(crate) struct SplitArguments {
    /// The data set, with or without -lt
    #[arg(value_parser = long_tailed())]
    pub(crate) dataset: Dataset,
    #[command(flatten)]
    pub(crate) long_tail: LongTailArguments,
    /// Folder of the files
    #[arg(long, value_name = "DIR", default_value = "split")]
    pub(crate) out: PathBuf,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DataArguments {
    #[command(subcommand)]
    pub(crate) verb: Option<DataVerb>,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataVerb {
    /// Draw the images of a grid as its first network sees them, augmented, and print their classes
    Look(LookArguments),
    /// Read the lists of ImageNet-LT, and print which of its photographs are not on the disk
    ImagenetLt(ListsArguments),
    /// The same of iNaturalist 2018
    #[command(alias = "inat18")]
    Inaturalist2018(ListsArguments),
    /// The same of Places-LT
    PlacesLt(ListsArguments),
}

#[derive(Args, Debug)]
pub(crate) struct LookArguments {
    /// The grid's file, or the name of one in benchmarks/, such as my-photos
    #[arg(value_parser = grid_file())]
    pub(crate) grid: PathBuf,
    /// The method whose augmentation is shown [default: the grid's first]
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// Images of the training or the test split
    #[arg(long, value_enum, default_value_t = SeenSplit::Train)]
    pub(crate) split: SeenSplit,
    /// How many
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) images: u16,
    /// A contact sheet (.png), or arrays `images [n, 3, h, w]` on the scale 0..255 and `labels [n]` (.npz)
    #[arg(long, value_name = "FILE", default_value = "look.png")]
    pub(crate) out: PathBuf,
    /// Folder of the data sets, or of the grid's photographs [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Directory of a run, such as one below out/shapes-lt/runs
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// File of the weights; the description beside it ends in .json
    #[arg(long, value_name = "FILE", default_value = "model.safetensors")]
    pub(crate) out: PathBuf,
}

/// What is said of weights that have no description beside them.
#[derive(Args, Clone, Debug)]
pub(crate) struct WeightsArguments {
    /// Data set that the network classifies [default: of the description beside the weights, or the one with as many classes]
    #[arg(long, value_parser = long_tailed())]
    dataset: Option<Dataset>,
    /// The classifier, where its tensors may be either
    #[arg(long, value_enum)]
    head: Option<HeadKind>,
    #[command(flatten)]
    long_tail: LongTailArguments,
    /// Mean of each channel of pixels in 0..1 that the network was trained with [default: the data set's]
    #[arg(long, value_name = "R,G,B", value_parser = three_numbers)]
    mean: Option<[f64; 3]>,
    /// Their standard deviations
    #[arg(long, value_name = "R,G,B", value_parser = three_numbers)]
    std: Option<[f64; 3]>,
    /// Precision of the network [default: that of its training, else f32]
    #[arg(long, value_parser = precision())]
    precision: Option<PrecisionChoice>,
    /// Threads to compute with [default: those of its training, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

/// See [`Head`].
#[derive(Clone, Copy, Debug, ValueEnum)]
enum HeadKind {
    Linear,
    /// Of features and weights of length 1
    Cosine,
}

impl WeightsArguments {
    pub(crate) fn stated(&self) -> Stated {
        Stated {
            dataset: self.dataset,
            head: self.head.map(|head| match head {
                HeadKind::Linear => Head::Linear,
                HeadKind::Cosine => Head::Cosine,
            }),
            long_tail: self.long_tail.long_tail(),
            mean: self.mean,
            deviation: self.std,
            precision: self.precision,
            threads: self.threads,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct EvaluateArguments {
    /// A state dict of PyTorch saved as safetensors, or weights that `export` wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: PathBuf,
    #[command(flatten)]
    pub(crate) described: WeightsArguments,
    /// Directory of a finished run whose predictions are compared with these
    #[arg(long, value_name = "RUN")]
    pub(crate) against: Option<PathBuf>,
    /// Folder of the files
    #[arg(long, value_name = "DIR", default_value = "evaluation")]
    pub(crate) out: PathBuf,
    /// Folder of the data sets [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}
