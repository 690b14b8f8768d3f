//! Neural collapse.

mod angles;
mod between_class;
mod check;
mod classifier;
mod config;
mod error;
mod metrics;
mod nearest_mean;
mod regularizer;
mod statistics;
mod variability;
mod within_class;

pub use between_class::{between_class, largest_cosine};
pub use classifier::Classifier;
pub use config::{
    AbsentClasses, BeforeStart, BetweenClass, Config, InitialCentres, MixedLabels, NormPenalty, WithinClass,
};
pub use error::Error;
pub use metrics::{ClassMetrics, Metrics, measure};
pub use nearest_mean::{Agreement, NearestMean};
pub use regularizer::{Regularizer, norm_penalty};
pub use statistics::{Accumulator, Statistics};
pub use within_class::within_class;
