//! Initialisations as PyTorch and the public CIFAR ResNet code make them; tch's own defaults differ (batch-norm weights
//! from U(0, 1), √6 times wider uniform bounds).

use tch::Tensor;
use tch::nn::{BatchNorm, BatchNormConfig, Init, Path, batch_norm1d};

/// How weights are initialised: kernels `[out, in / groups, side, side]` and those of linear layers, `[out, in]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightInit {
    /// Kaiming-normal, gain √2: N(0, 2 / fan-in), fan-in = product of all axes but the first (`_weights_init` of the public
    /// CIFAR ResNets, which applies it to convolutions and to the linear classifier alike).
    KaimingFanIn,
    /// N(0, 2 / fan-out), fan-out = out · side²: torchvision's ResNets (He et al. 2015, Eq. 14, backward case).
    KaimingFanOut,
    /// U(−1/√fan-in, 1/√fan-in), which is `kaiming_uniform_` with a = √5: PyTorch's default, for code that initialises
    /// nothing itself.
    Pytorch,
    /// All zero, and nothing drawn: not for training.
    Zero,
}

impl WeightInit {
    /// Draws the weight `name` under `path`.
    pub(crate) fn draw(self, path: &Path, name: &str, shape: &[i64]) -> Tensor {
        let area: i64 = shape[2..].iter().product();
        match self {
            WeightInit::KaimingFanIn => {
                let stdev = (2.0 / (shape[1] * area) as f64).sqrt();
                path.var(name, shape, Init::Randn { mean: 0.0, stdev })
            }
            WeightInit::KaimingFanOut => {
                let stdev = (2.0 / (shape[0] * area) as f64).sqrt();
                path.var(name, shape, Init::Randn { mean: 0.0, stdev })
            }
            WeightInit::Pytorch => {
                let bound = 1.0 / ((shape[1] * area) as f64).sqrt();
                path.var(name, shape, Init::Uniform { lo: -bound, up: bound })
            }
            WeightInit::Zero => path.zeros(name, shape),
        }
    }
}

/// PyTorch's default bias of a linear layer: U(−1/√in, 1/√in), shape `[out]`.
pub fn linear_bias(path: &Path, name: &str, inputs: i64, outputs: i64) -> Tensor {
    let bound = 1.0 / (inputs as f64).sqrt();
    path.var(name, &[outputs], Init::Uniform { lo: -bound, up: bound })
}

/// Batch norm of features `[b, d]` that starts at weight 1, as PyTorch's does; tch's own default is random.
pub fn batch_norm_from_one(path: &Path, dimension: i64) -> BatchNorm {
    let config = BatchNormConfig {
        ws_init: Init::Const(1.0),
        ..BatchNormConfig::default()
    };
    batch_norm1d(path, dimension, config)
}
