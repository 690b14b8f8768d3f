//! What goes to other programs and comes from them: the images of a split, and weights under PyTorch's names.

mod card;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod foreign;
pub(crate) mod look;
pub(crate) mod split;
