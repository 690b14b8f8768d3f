//! Tensor files, written by this program or by others.

pub(crate) mod element;
pub(crate) mod remedy;
pub(crate) mod safetensors;
