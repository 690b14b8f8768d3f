//! How a network is trained on long-tailed data.
//!
//! A [`Method`] is a sum of orthogonal parts: sampler, augmentation, loss, re-weighting, regularizer, contrast, head,
//! experts, distillation, initial network, second stage. Any part may be swapped without touching another, so the
//! neural-collapse regularizer plugs into all of them.
//! [`Recipe`] says for how long and how fast; [`Protocol`] holds the two named readings of the paper's set-up. A batch's
//! whole life is one function, [`Step::take`]; an epoch's is [`Training::run`].

mod augment;
mod check;
mod checkpoint;
mod classifier;
#[cfg(test)]
#[path = "../tests/conformance/comparison.rs"]
mod conformance;
mod contrast;
mod distillation;
mod element;
mod evaluate;
mod experts;
mod head;
mod images;
mod initial;
mod launch;
mod loss;
mod max_norm;
mod method;
mod model;
mod optimizer;
mod posthoc;
mod precision;
mod pretext;
mod protocol;
mod recipe;
mod remedy;
mod reweight;
mod safetensors;
mod sampler;
mod scores;
mod second_stage;
mod step;
mod train;

pub use augment::{Augmentation, Augmenter, Cmo, CutMix, Cutout, Mix, Mixup, Policy, RandAugment, Remix, Target};
pub use check::MethodError;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use classifier::{Classifier, cosine_logits};
pub use contrast::{BalancedContrast, Contrast, KPositiveContrast, ParametricContrast, ProbabilisticContrast};
pub use distillation::Distillation;
pub use element::{Element, ElementError};
pub use evaluate::{Evaluation, ShotSplit, Shots, evaluate, features_of, noisy_features_of, view_features_of};
pub use experts::{Bilateral, Experts, Ncl, Ride, Sade, diversity_temperatures, stable_weights, weighted};
pub use head::Head;
pub use images::{Batch, Images};
pub use initial::{Initial, InitialError};
pub use launch::Launch;
pub use loss::{
    Loss, LossInput, SmoothingShape, class_temperatures, equalized_logits, label_aware_smoothing, ldam_margins,
    prior_adjustment,
};
pub use max_norm::MaxNorm;
pub use method::{Method, Regularizer};
pub use model::{Model, TrainingState};
pub use optimizer::Sgd;
pub use posthoc::{ClassMeans, FeatureTransform, Nearness, logit_adjusted, tau_normalized};
pub use precision::Precision;
pub use pretext::Pretext;
pub use protocol::Protocol;
pub use recipe::{LearningRate, Recipe};
pub use remedy::{remedy_for_reading, remedy_for_writing};
pub use reweight::Reweight;
pub use safetensors::{Safetensors, SafetensorsError};
pub use sampler::{Resample, Sampler, epoch_seed};
pub use scores::{Calibration, CalibrationBin, TestPrior, confusion, top_accuracy};
pub use second_stage::{
    Adjusted, BackboneMode, ExpertAssignment, Gates, InitialClassifier, Retraining, SecondStage, Sweep,
};
pub use step::{Seen, Step};
pub use train::{EpochRow, Observer, Progress, TrainError, Training};
