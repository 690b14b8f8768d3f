//! The data of a long-tailed experiment: reads files into splits, computes an imbalance's class counts, selects the
//! images to keep.
//!
//! A [`Dataset`] loads into two [`Split`]s; its [`Facts`] are known without loading it. An [`Imbalance`] says how many
//! images of each class a long-tailed training split has, and a [`Selection`] says which ones:
//!
//! ```
//! use datasets::{Dataset, Imbalance, Selection};
//!
//! let data = Dataset::Shapes.load(None)?;
//! let imbalance = Imbalance::Exponential { ratio: 100.0 };
//! let class_counts = imbalance.class_counts(&data.train.class_counts())?;
//! let kept = Selection::default().select(&data.train.label_list(), &class_counts)?;
//! let train = data.train.select(&kept);
//! assert_eq!(train.class_counts(), class_counts);
//! # Ok::<(), datasets::DataError>(())
//! ```

mod cifar;
mod cifar_pickle;
mod dataset;
mod download;
mod error;
mod facts;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod imbalance;
mod inventory;
mod mersenne_twister;
mod normalize;
mod pickle;
mod records;
mod selection;
mod shapes;
mod split;
mod unpack;
mod validation;

pub use dataset::Dataset;
pub use download::DownloadProgress;
pub use error::DataError;
pub use facts::Facts;
pub use imbalance::Imbalance;
pub use inventory::{Availability, InventoryEntry, inventory};
pub use normalize::Normalization;
pub use records::Loaded;
pub use selection::{IndexList, Selection};
pub use split::Split;
pub use validation::Validation;
