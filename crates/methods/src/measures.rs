//! Measurements of a trained network.

pub(crate) mod evaluate;
pub(crate) mod groups;
pub(crate) mod scores;
