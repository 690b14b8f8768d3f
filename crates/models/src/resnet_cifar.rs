//! ResNets for 32×32 images (He et al. 2016, §4.2) with parameter-free option-A shortcuts, as in the long-tailed
//! literature's public code: widths 16/32/64, features of 64 after global average pooling.

mod experts;

use tch::nn::{Init, ModuleT, Path};
use tch::{Kind, Tensor};

use crate::convolution::convolve;
use crate::init::kaiming_normal;

pub(crate) use experts::{EXPERT_WIDTHS, branches, experts};

pub(crate) const WIDTHS: [i64; 3] = [16, 32, 64];

/// A 6·`blocks`+2 layer network without its classifier: images `[b, 3, h, w]` → features `[b, 64]`.
pub(crate) fn resnet(path: &Path, blocks: i64) -> ResnetCifar {
    let [first, second, third] = WIDTHS;
    ResnetCifar {
        stem: NormalizedConvolution::new(path, 1, 3, first, 1),
        stages: [
            Stage::new(&(path / "layer1"), blocks, first, first, 1),
            Stage::new(&(path / "layer2"), blocks, first, second, 2),
            Stage::new(&(path / "layer3"), blocks, second, third, 2),
        ],
    }
}

/// See [`resnet`].
#[derive(Debug)]
pub(crate) struct ResnetCifar {
    stem: NormalizedConvolution,
    stages: [Stage; 3],
}

impl ModuleT for ResnetCifar {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem.forward(images, train).relu_();
        let maps = self.stages.iter().fold(stem, |maps, stage| stage.forward(maps, train));
        pooled(&maps)
    }
}

/// Means over the pixels: maps `[b, d, h, w]` → features `[b, d]`. They leave a reduced-precision network in f32:
/// classifier, losses and metrics are computed there.
pub(crate) fn pooled(maps: &Tensor) -> Tensor {
    let kind = if maps.kind() == Kind::Double {
        Kind::Double
    } else {
        Kind::Float
    };
    maps.mean_dim([2_i64, 3].as_slice(), false, kind)
}

/// Blocks of one width, one after the other.
#[derive(Debug)]
struct Stage(Vec<BasicBlock>);

impl Stage {
    /// `blocks` blocks under `path`, the first of which takes `inputs` channels and every `stride`-th pixel.
    fn new(path: &Path, blocks: i64, inputs: i64, width: i64, stride: i64) -> Stage {
        let block = |block| {
            let (inputs, stride) = if block == 0 { (inputs, stride) } else { (width, 1) };
            BasicBlock::new(&(path / block), inputs, width, stride)
        };
        Stage((0..blocks).map(block).collect())
    }

    fn forward(&self, maps: Tensor, train: bool) -> Tensor {
        self.0.iter().fold(maps, |maps, block| block.forward(&maps, train))
    }
}

/// `relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x)`.
#[derive(Debug)]
struct BasicBlock {
    first: NormalizedConvolution,
    second: NormalizedConvolution,
    /// Channels added on each side of the shortcut; 0 where the block keeps its shape.
    shortcut_padding: i64,
}

impl BasicBlock {
    fn new(path: &Path, inputs: i64, width: i64, stride: i64) -> BasicBlock {
        BasicBlock {
            first: NormalizedConvolution::new(path, 1, inputs, width, stride),
            second: NormalizedConvolution::new(path, 2, width, width, 1),
            shortcut_padding: (width - inputs) / 2,
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        let inner = self.first.forward(maps, train).relu_();
        let mut outer = self.second.forward(&inner, train);
        outer += self.shortcut(maps);
        outer.relu_()
    }

    /// Option A: every second pixel in both axes, zero channels before and after.
    fn shortcut(&self, maps: &Tensor) -> Tensor {
        if self.shortcut_padding == 0 {
            return maps.shallow_clone();
        }
        let halved = maps.slice(2, None, None, 2).slice(3, None, None, 2);
        halved.constant_pad_nd([0, 0, 0, 0, self.shortcut_padding, self.shortcut_padding])
    }
}

/// Convolution without bias, padded to keep the size of its maps but for the stride, then batch normalisation as in
/// PyTorch: weight 1, bias 0, momentum 0.1, ε 1e-5. Computes in the kind of its input.
#[derive(Debug)]
pub(crate) struct NormalizedConvolution {
    kernel: Tensor,
    stride: i64,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

impl NormalizedConvolution {
    /// 3×3, with parameters `conv<number>.*` and `bn<number>.*` under `path`.
    fn new(path: &Path, number: i64, inputs: i64, outputs: i64, stride: i64) -> NormalizedConvolution {
        let kernel = kaiming_normal(&(path / format!("conv{number}")), "weight", &[outputs, inputs, 3, 3]);
        NormalizedConvolution::of_kernel(kernel, &(path / format!("bn{number}")), stride)
    }

    /// With a `kernel [out, in, side, side]` of odd side, and the batch norm's parameters under `norm`.
    pub(crate) fn of_kernel(kernel: Tensor, norm: &Path, stride: i64) -> NormalizedConvolution {
        let outputs = kernel.size()[0];
        NormalizedConvolution {
            kernel,
            stride,
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

    /// Normalises by the batch's statistics and moves the running ones.
    fn forward_train(&self, maps: &Tensor) -> Tensor {
        let convolved = convolve(maps, &self.kernel, None, self.stride);
        convolved.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            true,
            MOMENTUM,
            EPSILON,
            true,
        )
    }

    /// Normalises by the running statistics, which is linear and so goes into the convolution: kernel · s and bias − mean ·
    /// s with s = weight / √(var + ε). One pass over the maps less.
    fn forward_folded(&self, maps: &Tensor) -> Tensor {
        let scale = &self.weight / (&self.running_var + EPSILON).sqrt();
        let kernel = &self.kernel * scale.view([-1, 1, 1, 1]);
        let bias = &self.bias - &self.running_mean * &scale;
        convolve(maps, &kernel, Some(&bias), self.stride)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;

    #[test]
    fn folded_normalisation_is_batch_norm_by_the_running_statistics() {
        tch::manual_seed(0);
        let mut store = nn::VarStore::new(Device::Cpu);
        let layer = NormalizedConvolution::new(&store.root(), 1, 3, 8, 2);
        store.double();
        let options = (Kind::Double, Device::Cpu);
        for _ in 0..3 {
            let _moved = layer.forward(&(Tensor::randn([4, 3, 9, 9], options) * 2.0 + 1.0), true);
        }
        let maps = Tensor::randn([2, 3, 9, 9], options);
        let statistics = (Some(&layer.running_mean), Some(&layer.running_var));
        let unfolded = maps.conv2d(&layer.kernel, None::<&Tensor>, 2, 1, 1, 1).batch_norm(
            Some(&layer.weight),
            Some(&layer.bias),
            statistics.0,
            statistics.1,
            false,
            MOMENTUM,
            EPSILON,
            false,
        );
        assert!(layer.forward(&maps, false).allclose(&unfolded, 1e-12, 1e-12, false));
    }
}
