//! Batch norm in training, also of a batch of which this process has a part.

use std::sync::OnceLock;

use tch::Tensor;

/// A layer of batch norm: its parameters and running statistics, each `[channels]`, with PyTorch's momentum and ε.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormLayer<'a> {
    /// Factor of each channel.
    pub weight: &'a Tensor,
    /// What is added to each channel.
    pub bias: &'a Tensor,
    /// Updated in place.
    pub running_mean: &'a Tensor,
    /// Updated in place.
    pub running_var: &'a Tensor,
}

impl BatchNormLayer<'_> {
    /// Share of a batch in the running statistics.
    pub const MOMENTUM: f64 = 0.1;
    /// Added to the variance.
    pub const EPSILON: f64 = 1e-5;

    /// Normalises maps `[b, channels, h, w]` by the statistics of their batch, and updates the running ones.
    pub(crate) fn forward_train(self, maps: &Tensor) -> Tensor {
        if let Some(shared) = SHARED.get() {
            return shared(self, maps);
        }
        maps.batch_norm(
            Some(self.weight),
            Some(self.bias),
            Some(self.running_mean),
            Some(self.running_var),
            true,
            BatchNormLayer::MOMENTUM,
            BatchNormLayer::EPSILON,
            true,
        )
    }
}

type Shared = dyn Fn(BatchNormLayer<'_>, &Tensor) -> Tensor + Send + Sync;

/// One for the process, as a process is one part of a data-parallel training.
static SHARED: OnceLock<Box<Shared>> = OnceLock::new();

/// From now on, `normalize` computes batch norm in training in all networks of this process: it knows the other parts of a batch, of which
/// other processes train the same network.
///
/// # Panics
/// If it is called twice.
pub fn share_batch_norm(normalize: impl Fn(BatchNormLayer<'_>, &Tensor) -> Tensor + Send + Sync + 'static) {
    assert!(
        SHARED.set(Box::new(normalize)).is_ok(),
        "a process is part of one training"
    );
}
