//! The network: images to features to logits.

pub(crate) mod class_means;
pub(crate) mod classifier;
pub(crate) mod gates;
pub(crate) mod max_norm;
pub(crate) mod model;
pub(crate) mod posthoc;
pub(crate) mod precision;
pub(crate) mod start;
pub(crate) mod state_dict;
