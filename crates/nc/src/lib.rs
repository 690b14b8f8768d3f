//! Neural collapse.

mod between_class;
mod check;
mod config;
mod error;
mod regularizer;
mod within_class;

pub use between_class::{between_class, largest_cosine};
pub use config::{
    AbsentClasses, BeforeStart, BetweenClass, Config, InitialCentres, MixedLabels, NormPenalty, WithinClass,
};
pub use error::Error;
pub use regularizer::{Regularizer, norm_penalty};
pub use within_class::within_class;
