//! Photographs in files: from a list or a folder to batches of decoded, augmented images.
//!
//! A [`PhotographIndex`] says which photographs there are. It is read from an official list ([`LargeSet::read`]), from
//! another list of that format ([`read_list`]), from JSON ([`read_annotations`]), or from any folder with one folder a class
//! ([`read_class_folders`]). [`PhotographIndex::missing`] says what of it is not on the disk.
//!
//! A [`View`] says how a photograph becomes a square of pixels, a [`Viewer`] makes one, and a [`PhotographStream`] makes the
//! batches of an epoch with several threads. Every random number follows from the seed, the epoch and the place in the order
//! of the epoch, so that an epoch can be resumed at any batch, with any number of threads:
//!
//! ```no_run
//! use std::num::NonZeroUsize;
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use datasets::Validation;
//! use datasets::photographs::{PhotographStream, StreamSettings, TrainingView, View, read_class_folders};
//!
//! let folders = read_class_folders(Path::new("my-photos"), Validation { per_class: 10, seed: 0 })?;
//! let train = Arc::new(folders.train);
//! let order = (0..train.len() as i64).collect();
//! let settings = StreamSettings {
//!     view: View::Training(TrainingView::new(224)),
//!     seed: 0,
//!     epoch: 0,
//!     batch: NonZeroUsize::new(64).expect("not 0"),
//!     skip_batches: 0,
//!     workers: NonZeroUsize::new(4).expect("not 0"),
//!     skip_bad: 0,
//! };
//! for batch in PhotographStream::new(&train, order, settings)? {
//!     let batch = batch?;
//!     println!("{:?} {:?}", batch.images.size(), batch.labels.size()); // [64, 3, 224, 224] [64]
//! }
//! # Ok::<(), datasets::DataError>(())
//! ```
//!
//! Files are decoded as Pillow does, and resized with its antialiased bilinear filter: see [`decode()`] and [`EvaluationView`]. An
//! EXIF orientation is not applied, as in torchvision's `ImageFolder`.

mod annotations;
mod decode;
mod draws;
mod error;
#[cfg(test)]
mod fixtures;
mod folder;
mod ignored;
mod index;
mod jitter;
mod jpeg;
mod layout;
mod list;
mod missing;
mod official;
mod pack;
mod region;
mod replaced;
mod ring;
mod set;
mod split;
mod stream;
mod view;
mod viewer;
mod worker;

pub use annotations::read_annotations;
pub use decode::{PIXEL_LIMIT, RgbImage, decode};
pub use draws::Showing;
pub use error::{ImageProblem, LineProblem, PhotographError, Skipped};
pub use folder::{ClassFolders, read_class_folders};
pub use ignored::IgnoredFiles;
pub use index::PhotographIndex;
pub use jitter::ColorJitter;
pub use list::read_list;
pub use missing::MissingPhotographs;
pub use official::{LargeFacts, LargeSet, LargeSplits, ListFacts, ListedSplit, LookedUp};
pub use pack::{DamagedShard, PackError, PackFormat, PackProgress, Packed, Packing, check_pack};
pub(crate) use replaced::Replaced;
pub use set::{ListFiles, PhotographSet, PhotographSettings};
pub use split::Photographs;
pub use stream::{PhotographBatch, PhotographStream, StreamSettings};
pub use view::{EvaluationView, TrainingView, View};
pub use viewer::Viewer;
