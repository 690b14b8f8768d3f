//! Files of tensors, from here and from elsewhere.

pub(crate) mod element;
pub(crate) mod remedy;
pub(crate) mod safetensors;
