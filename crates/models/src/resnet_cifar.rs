//! ResNets for 32×32 images (He et al. 2016, §4.2) with parameter-free option-A shortcuts, as in the long-tailed
//! literature's public code: widths 16/32/64, features of 64 after global average pooling.

use tch::nn::{Init, ModuleT, Path};
use tch::{Kind, Tensor};

use crate::init::kaiming_normal;

const WIDTHS: [i64; 3] = [16, 32, 64];

/// A 6·`blocks`+2 layer network without its classifier: images `[b, 3, h, w]` → features `[b, 64]`.
pub(crate) fn resnet(path: &Path, blocks: i64) -> ResnetCifar {
    let stages = WIDTHS.iter().enumerate().flat_map(|(stage, &width)| {
        let stage_path = path / format!("layer{}", stage + 1);
        (0..blocks).map(move |block| {
            let (inputs, stride) = if block > 0 || stage == 0 {
                (width, 1)
            } else {
                (width / 2, 2)
            };
            BasicBlock::new(&(&stage_path / block), inputs, width, stride)
        })
    });
    ResnetCifar {
        stem: Convolution::new(path, "conv1", 3, WIDTHS[0], 1),
        stem_norm: BatchNorm::new(&(path / "bn1"), WIDTHS[0]),
        blocks: stages.collect(),
    }
}

/// See [`resnet`].
#[derive(Debug)]
pub(crate) struct ResnetCifar {
    stem: Convolution,
    stem_norm: BatchNorm,
    blocks: Vec<BasicBlock>,
}

impl ModuleT for ResnetCifar {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem_norm.forward(&self.stem.forward(images), train).relu_();
        let maps = self.blocks.iter().fold(stem, |maps, block| block.forward(&maps, train));
        // Features leave a reduced-precision network in f32: classifier, losses and metrics are computed there.
        let kind = if maps.kind() == Kind::Double {
            Kind::Double
        } else {
            Kind::Float
        };
        maps.mean_dim([2_i64, 3].as_slice(), false, kind)
    }
}

/// `relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x)`.
#[derive(Debug)]
struct BasicBlock {
    first: Convolution,
    first_norm: BatchNorm,
    second: Convolution,
    second_norm: BatchNorm,
    /// Channels added on each side of the shortcut; 0 where the block keeps its shape.
    shortcut_padding: i64,
}

impl BasicBlock {
    fn new(path: &Path, inputs: i64, width: i64, stride: i64) -> BasicBlock {
        BasicBlock {
            first: Convolution::new(path, "conv1", inputs, width, stride),
            first_norm: BatchNorm::new(&(path / "bn1"), width),
            second: Convolution::new(path, "conv2", width, width, 1),
            second_norm: BatchNorm::new(&(path / "bn2"), width),
            shortcut_padding: (width - inputs) / 2,
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        let inner = self.first_norm.forward(&self.first.forward(maps), train).relu_();
        let mut outer = self.second_norm.forward(&self.second.forward(&inner), train);
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

/// 3×3 convolution without bias, padding 1, in the kind of its input.
#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    stride: i64,
}

impl Convolution {
    fn new(path: &Path, name: &str, inputs: i64, outputs: i64, stride: i64) -> Convolution {
        let weight = kaiming_normal(&(path / name), "weight", &[outputs, inputs, 3, 3]);
        Convolution { weight, stride }
    }

    fn forward(&self, maps: &Tensor) -> Tensor {
        let weight = self.weight.to_kind(maps.kind());
        maps.conv2d(&weight, None::<&Tensor>, self.stride, 1, 1, 1)
    }
}

/// Batch normalisation as in PyTorch: weight 1, bias 0, momentum 0.1, ε 1e-5.
#[derive(Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl BatchNorm {
    fn new(path: &Path, width: i64) -> BatchNorm {
        BatchNorm {
            weight: path.var("weight", &[width], Init::Const(1.0)),
            bias: path.var("bias", &[width], Init::Const(0.0)),
            running_mean: path.zeros_no_train("running_mean", &[width]),
            running_var: path.ones_no_train("running_var", &[width]),
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        maps.batch_norm(
            weight,
            bias,
            Some(&self.running_mean),
            Some(&self.running_var),
            train,
            0.1,
            1e-5,
            true,
        )
    }
}
