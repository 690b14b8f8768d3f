//! Evaluating several networks on the same images.

use tch::Tensor;
use tch::nn::ModuleT;

/// Whole networks that share nothing: images `[b, 3, h, w]` → features `[b, networks, d]`.
#[derive(Debug)]
pub(crate) struct SideBySide(pub(crate) Vec<Box<dyn ModuleT>>);

impl ModuleT for SideBySide {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let features = self.0.iter().map(|network| network.forward_t(images, train));
        Tensor::stack(&features.collect::<Vec<_>>(), 1)
    }
}
