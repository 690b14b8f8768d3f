//! The data of a long-tailed experiment: reads files into splits, computes an imbalance's class counts, selects the
//! images to keep.
//!
//! A [`Dataset`] loads into two [`Split`]s; its [`Facts`] are known without loading it. An [`Imbalance`] says how many
//! images of each class a long-tailed training split has, and a [`Selection`] says which ones; a [`LongTail`] is both, with
//! the images that are held out:
//!
//! ```
//! use datasets::{Dataset, Imbalance, LongTail, Selection};
//!
//! let data = Dataset::Shapes.load(None)?;
//! let long_tail = LongTail {
//!     imbalance: Imbalance::Exponential { ratio: 100.0 },
//!     selection: Selection::default(),
//!     validation: None,
//! };
//! let chosen = long_tail.choose(&data.train.label_list(), &data.train.class_counts())?;
//! let train = data.train.select(&chosen.train);
//! assert_eq!(train.class_counts(), [1000, 599, 359, 215, 129, 77, 46, 27, 16, 10]);
//! # Ok::<(), datasets::DataError>(())
//! ```

mod cifar;
mod cifar_pickle;
mod class_names;
mod dataset;
mod download;
mod error;
mod facts;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod imbalance;
mod inventory;
mod long_tail;
mod mersenne_twister;
mod normalize;
pub mod photographs;
mod pickle;
mod records;
mod selection;
mod shapes;
mod split;
mod unpack;
mod validation;

pub use dataset::{Dataset, data_folder};
pub use download::DownloadProgress;
pub use error::DataError;
pub use facts::Facts;
pub use imbalance::Imbalance;
pub use inventory::{Availability, InventoryEntry, inventory};
pub use long_tail::{Chosen, LongTail};
pub use normalize::Normalization;
pub use records::Loaded;
pub use selection::{IndexList, Selection};
pub use split::{Pixels, Split};
pub use validation::Validation;
