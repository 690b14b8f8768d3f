//! Neural collapse.

mod angles;
mod attraction_repulsion;
mod between_class;
mod check;
mod classifier;
mod config;
mod dot_regression;
mod error;
mod etf;
mod mean_squared_error;
mod metrics;
mod nearest_mean;
mod regularizer;
mod statistics;
mod uniformity;
mod variability;
mod within_class;

pub use attraction_repulsion::{attraction_repulsion, batch_counts};
pub use between_class::{between_class, largest_cosine};
pub use classifier::Classifier;
pub use config::{
    AbsentClasses, BeforeStart, BetweenClass, Config, InitialCentres, MixedLabels, NormPenalty, WithinClass,
};
pub use dot_regression::{FeatureLength, balanced_lengths, dot_regression};
pub use error::Error;
pub use etf::simplex_etf;
pub use mean_squared_error::{SquaredError, mean_squared_error};
pub use metrics::{ClassMetrics, Metrics, measure};
pub use nearest_mean::{Agreement, NearestMean};
pub use regularizer::{Regularizer, norm_penalty};
pub use statistics::{Accumulator, Statistics};
pub use uniformity::classifier_uniformity;
pub use within_class::within_class;
