//! Neural collapse for any training loop: regularizers, geometry and metrics.
//!
//! Late in training, the features of a class collapse to their mean, the class means move to the corners of a simplex
//! equiangular tight frame (ETF), and the classifier's rows line up with them (Papyan, Han and Donoho, PNAS 2020). On
//! long-tailed data this does not happen by itself. This crate induces it and measures how far it has come; it depends
//! on `tch` alone.
//!
//! # Inducing it
//! [`Regularizer`] implements Liu et al., "Inducing Neural Collapse in Deep Long-tailed Learning" (AISTATS 2023).
//! Wherever the paper, its code and its followers differ, the choice is a named setting of [`Config`]. Five lines add
//! it to a loop:
//!
//! ```
//! use tch::{nn, nn::Module, nn::OptimizerConfig, Device, Kind, Tensor};
//!
//! let variables = nn::VarStore::new(Device::Cpu);
//! let backbone = nn::linear(variables.root() / "backbone", 8, 5, Default::default());
//! let head = nn::linear(variables.root() / "head", 5, 3, Default::default());
//! let mut optimizer = nn::sgd(0.9, 0.0, 5e-4, false).build(&variables, 0.1)?;
//! let images = Tensor::randn([32, 8], (Kind::Float, Device::Cpu));
//! let labels = Tensor::randint(3, [32], (Kind::Int64, Device::Cpu));
//!
//! let config = nc::Config { lambda_1: 0.01, lambda_2: 0.5, ..nc::Config::default() };
//! let mut regularizer = nc::Regularizer::new(config, 3, 5, Kind::Float, Device::Cpu);
//! for epoch in 0..2 {
//!     let features = backbone.forward(&images);
//!     let loss = head.forward(&features).cross_entropy_for_logits(&labels);
//!     let loss = loss + regularizer.forward(epoch, &features, &labels);
//!     optimizer.backward_step(&loss);
//!     regularizer.step();
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The fixed ETF classifier that the paper compares with is [`simplex_etf`] with [`dot_regression`];
//! [`attraction_repulsion`] and [`classifier_uniformity`] are related losses.
//!
//! # Measuring it
//! [`measure`] reports NC1 to NC4 of features that fit in memory; [`Accumulator`] and [`NearestMean`] do so batch by
//! batch.
//!
//! ```
//! use tch::{Device, Kind, Tensor};
//!
//! let labels = Tensor::arange(60, (Kind::Int64, Device::Cpu)).remainder(3);
//! let means = nc::simplex_etf(3, 5, Kind::Double, Device::Cpu)?;
//! let features = means.index_select(0, &labels) + Tensor::randn([60, 5], (Kind::Double, Device::Cpu)) * 1e-3;
//! let metrics = nc::measure(&features, &labels, 3, None)?;
//! assert!(metrics.nc1 < 1e-4 && metrics.nc2_equiangularity < 1e-2);
//! assert!((metrics.nc2_smallest_angle_degrees - 120.0).abs() < 1.0);
//! # Ok::<(), nc::Error>(())
//! ```
//!
//! # Notation
//! b: samples in a batch; n: samples in all; k: classes; p: classes with at least one sample; d: feature dimension.

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
pub use classifier::LinearClassifier;
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
