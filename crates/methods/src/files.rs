//! Files of tensors, our own and foreign ones.

pub(crate) mod element;
pub(crate) mod remedy;
pub(crate) mod safetensors;
