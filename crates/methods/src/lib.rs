//! How a network is trained on long-tailed data.
//!
//! A [`Method`] is a sum of orthogonal parts: sampler, augmentation, loss, re-weighting, regularizer, contrast, head,
//! experts, distillation, initial network, second stage. Any part may be swapped without touching another, so the
//! neural-collapse regularizer plugs into all of them. [`Recipe`] sets length and learning rate; [`Protocol`] holds the
//! two named readings of the paper's set-up. [`Step::take`] is one training step from top to bottom; [`Training::run`]
//! is the loop over epochs.

#[cfg(test)]
#[path = "../tests/conformance/comparison.rs"]
mod conformance;
mod files;
mod images;
mod measures;
mod method;
mod network;
mod parts;
mod protocol;
mod range;
mod recipe;
mod training;
mod unit;
mod words;

pub use files::element::{Element, ElementError};
pub use files::remedy::{remedy_for_reading, remedy_for_writing, remedy_for_writing_or};
pub use files::safetensors::{Safetensors, SafetensorsError};
pub use images::{Batch, Batches, Images, Shown};
pub use measures::evaluate::{Evaluation, evaluate, features_of, noisy_features_of, view_features_of};
pub use measures::groups::{FEW_BELOW, Groups, MANY_ABOVE, ShotSplit, Shots};
pub use measures::scores::{Calibration, CalibrationBin, TestPrior, confusion, top_accuracy};
pub use method::{Method, MethodError};
pub use network::class_means::ClassMeans;
pub use network::classifier::{Classifier, cosine_logits};
pub use network::gates::Gates;
pub use network::max_norm::MaxNorm;
pub use network::model::{Model, TrainingState};
pub use network::posthoc::{logit_adjusted, tau_normalized};
pub use network::precision::Precision;
pub use network::start::InitialError;
pub use network::state_dict::{StateDict, WeightsError, WeightsProblem};
pub use parts::augment::{
    Augmentation, Augmenter, Cmo, CutMix, Cutout, Mix, Mixup, Policy, RandAugment, Remix, Target,
};
pub use parts::contrast::{
    BalancedContrast, ContrastiveTerm, KPositiveContrast, ParametricContrast, ProbabilisticContrast,
};
pub use parts::distillation::Distillation;
pub use parts::experts::{Bilateral, Experts, Ncl, Ride, Sade, diversity_temperatures, stable_weights, weighted};
pub use parts::head::Head;
pub use parts::initial::Initial;
pub use parts::loss::{
    Loss, LossInput, SmoothingShape, class_temperatures, equalized_logits, label_aware_smoothing, ldam_margins,
    prior_adjustment,
};
pub use parts::pretext::Pretext;
pub use parts::regularizer::FeatureTerm;
pub use parts::reweight::Reweight;
pub use parts::sampler::{Resample, Sampler, epoch_seed};
pub use parts::second_stage::{
    BackboneMode, ExpertAssignment, FeatureTransform, InitialClassifier, Nearness, Retraining, SecondStage, Sweep,
};
pub use protocol::Protocol;
pub use range::{OutOfRange, require};
pub use recipe::{LearningRate, Recipe, RecipeError, check_epochs};
pub use training::adjusted::Adjusted;
pub use training::checkpoint::{Checkpoint, CheckpointError};
pub use training::data_parallel::DataParallel;
pub use training::dispatch::Dispatch;
pub use training::first_batch::first_batch;
pub use training::intervals::Intervals;
pub use training::optimizer::Sgd;
pub use training::step::{Seen, Step};
pub use training::{EpochRow, Observer, Progress, TrainError, Training};
pub use words::{count, in_words};
