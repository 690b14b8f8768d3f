//! What is measured on a network.

pub(crate) mod evaluate;
pub(crate) mod groups;
pub(crate) mod scores;
