//! `check`: whether a grid's new results are worse than committed ones, the baseline.

pub(crate) mod baseline;
mod bits;
pub(crate) mod judge;
pub(crate) mod junit;
pub(crate) mod metric;
mod settings;
pub(crate) mod text;
