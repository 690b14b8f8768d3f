//! The projection of features that contrastive learning compares.

use models::{batch_norm_from_one, linear_bias};
use tch::Tensor;
use tch::nn::{BatchNorm, Init, ModuleT, Path};

use crate::unit::normalized;

/// A two-layer perceptron onto the unit sphere, `[n, d]` → `[n, p]`: linear, batch norm, ReLU, linear, unit rows;
/// initialised as in PyTorch (public code of Zhu et al. 2022). It is always in training mode.
#[derive(Debug)]
pub(crate) struct Projection {
    layers: [Linear; 2],
    norm: BatchNorm,
}

#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Projection {
    /// Under `path`, with widths d, hidden, and p.
    pub(super) fn new(path: &Path, [inputs, hidden, outputs]: [i64; 3]) -> Projection {
        Projection {
            layers: [
                Linear::new(&(path / 0), inputs, hidden),
                Linear::new(&(path / 3), hidden, outputs), // numbered as in that code, which counts norm and ReLU
            ],
            norm: batch_norm_from_one(&(path / 1), hidden),
        }
    }

    pub(super) fn forward(&self, rows: &Tensor) -> Tensor {
        let [first, second] = &self.layers;
        let hidden = self.norm.forward_t(&first.forward(rows), true).relu();
        normalized(&second.forward(&hidden), 1)
    }
}

impl Linear {
    fn new(path: &Path, inputs: i64, outputs: i64) -> Linear {
        let bound = 1.0 / (inputs as f64).sqrt();
        Linear {
            weight: path.var("weight", &[outputs, inputs], Init::Uniform { lo: -bound, up: bound }),
            bias: linear_bias(path, "bias", inputs, outputs),
        }
    }

    fn forward(&self, rows: &Tensor) -> Tensor {
        rows.linear(&self.weight, Some(&self.bias))
    }
}
