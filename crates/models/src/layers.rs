//! Layers that all networks share.

use tch::nn::{Init, Path};
use tch::{Kind, Tensor};

use crate::convolution::convolve;
use crate::init::WeightInit;
use crate::normalization::BatchNormLayer;

/// Global average pooling: maps `[b, d, h, w]` → features `[b, d]`. Features of a reduced-precision network become f32,
/// in which classifier, losses and metrics are computed.
pub(crate) fn pooled(maps: &Tensor) -> Tensor {
    let kind = if maps.kind() == Kind::Double {
        Kind::Double
    } else {
        Kind::Float
    };
    maps.mean_dim([2_i64, 3].as_slice(), false, kind)
}

/// The same images `[b, c, h, w]`, channels-last in memory, on which convolutions are fastest: what comes of them has their
/// layout. Copies nothing where they are laid out so.
pub fn channels_last(images: &Tensor) -> Tensor {
    images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// A `side`×`side` convolution, `side` odd: `inputs` channels → `outputs` channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    pub(crate) side: i64,
    pub(crate) inputs: i64,
    pub(crate) outputs: i64,
    /// Step in pixels along both axes.
    pub(crate) stride: i64,
    /// Number of equal groups of channels, each convolved on its own.
    pub(crate) groups: i64,
}

impl Convolution {
    /// With stride 1 and one group.
    pub(crate) const fn plain(side: i64, inputs: i64, outputs: i64) -> Convolution {
        Convolution {
            side,
            inputs,
            outputs,
            stride: 1,
            groups: 1,
        }
    }
}

/// Convolution without bias, padded so that only the stride changes the size, then batch normalisation as in PyTorch:
/// weight 1, bias 0, momentum 0.1, ε 1e-5. Computes in the kind of its input.
#[derive(Debug)]
pub(crate) struct NormalizedConvolution {
    kernel: Tensor,
    stride: i64,
    groups: i64,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl NormalizedConvolution {
    /// The kernel is under `kernel`, initialised by `init`, the batch norm's parameters under `norm`.
    pub(crate) fn new(kernel: &Path, norm: &Path, convolution: Convolution, init: WeightInit) -> NormalizedConvolution {
        let Convolution {
            side, inputs, outputs, ..
        } = convolution;
        NormalizedConvolution {
            kernel: init.draw(kernel, "weight", &[outputs, inputs / convolution.groups, side, side]),
            stride: convolution.stride,
            groups: convolution.groups,
            weight: norm.var("weight", &[outputs], Init::Const(1.0)),
            bias: norm.var("bias", &[outputs], Init::Const(0.0)),
            running_mean: norm.zeros_no_train("running_mean", &[outputs]),
            running_var: norm.ones_no_train("running_var", &[outputs]),
        }
    }

    pub(crate) fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        if train {
            self.forward_train(maps)
        } else {
            self.forward_folded(maps)
        }
    }

    /// Normalises by the batch's statistics and updates the running ones.
    fn forward_train(&self, maps: &Tensor) -> Tensor {
        let convolved = convolve(maps, &self.kernel, None, self.stride, self.groups);
        let norm = BatchNormLayer {
            weight: &self.weight,
            bias: &self.bias,
            running_mean: &self.running_mean,
            running_var: &self.running_var,
        };
        norm.forward_train(&convolved)
    }

    /// Normalises by the running statistics, which is linear and so folds into the convolution: kernel · s and bias −
    /// mean · s with s = weight / √(var + ε). This saves one pass over the maps.
    fn forward_folded(&self, maps: &Tensor) -> Tensor {
        let scale = &self.weight / (&self.running_var + BatchNormLayer::EPSILON).sqrt();
        let kernel = &self.kernel * scale.view([-1, 1, 1, 1]);
        let bias = &self.bias - &self.running_mean * &scale;
        convolve(maps, &kernel, Some(&bias), self.stride, self.groups)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;

    #[test]
    fn folded_normalisation_is_batch_norm_by_the_running_statistics() {
        for groups in [1, 2] {
            tch::manual_seed(0);
            let mut store = nn::VarStore::new(Device::Cpu);
            let root = store.root();
            let convolution = Convolution {
                stride: 2,
                groups,
                ..Convolution::plain(3, 4, 8)
            };
            let layer = NormalizedConvolution::new(&root, &(&root / "norm"), convolution, WeightInit::KaimingFanIn);
            store.double();
            let options = (Kind::Double, Device::Cpu);
            for _ in 0..3 {
                let _moved = layer.forward(&(Tensor::randn([4, 4, 9, 9], options) * 2.0 + 1.0), true);
            }
            let maps = Tensor::randn([2, 4, 9, 9], options);
            let unfolded = maps.conv2d(&layer.kernel, None::<&Tensor>, 2, 1, 1, groups).batch_norm(
                Some(&layer.weight),
                Some(&layer.bias),
                Some(&layer.running_mean),
                Some(&layer.running_var),
                false,
                BatchNormLayer::MOMENTUM,
                BatchNormLayer::EPSILON,
                false,
            );
            assert!(layer.forward(&maps, false).allclose(&unfolded, 1e-12, 1e-12, false));
        }
    }
}
