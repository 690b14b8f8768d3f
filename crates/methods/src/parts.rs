//! The parts of a method: settings that a grid may state, and what they compute.

pub(crate) mod augment;
pub(crate) mod contrast;
pub(crate) mod distillation;
pub(crate) mod experts;
pub(crate) mod head;
pub(crate) mod initial;
pub(crate) mod loss;
pub(crate) mod pretext;
pub(crate) mod regularizer;
pub(crate) mod reweight;
pub(crate) mod sampler;
pub(crate) mod second_stage;
