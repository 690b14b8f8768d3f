//! Residual blocks: a few convolutions, and a shortcut around them.

use tch::Tensor;
use tch::nn::Path;

use crate::init::WeightInit;
use crate::layers::{Convolution, NormalizedConvolution};

/// What the blocks of a network have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) residual: Residual,
    pub(crate) shortcut: Shortcut,
    pub(crate) init: WeightInit,
}

/// Convolutions of a block, each with its batch norm, and ReLU between them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Residual {
    /// Two of 3×3 (He et al. 2016, Fig. 5, left).
    Basic,
    /// 1×1 to fewer channels, 3×3, and 1×1 to four times the stage's width (He et al. 2016, Fig. 5, right). The stride is
    /// in the 3×3 convolution, as in torchvision and in the public code of Xie et al. 2017; He et al. have it in the first.
    Bottleneck {
        /// Groups of the 3×3 convolution: 1 in a ResNet, more in a ResNeXt (Xie et al. 2017, Fig. 3c).
        groups: i64,
        /// Channels of a group in the stage of width 64; in later stages they grow with the width.
        group_width: i64,
    },
}

impl Residual {
    /// Channels after a block of a stage of `width`.
    pub(crate) const fn outputs(self, width: i64) -> i64 {
        match self {
            Residual::Basic => width,
            Residual::Bottleneck { .. } => 4 * width,
        }
    }

    /// The convolutions of a block that takes `inputs` channels and every `stride`-th pixel.
    fn convolutions(self, inputs: i64, width: i64, stride: i64) -> Vec<Convolution> {
        let outputs = self.outputs(width);
        match self {
            Residual::Basic => vec![
                Convolution {
                    stride,
                    ..Convolution::plain(3, inputs, width)
                },
                Convolution::plain(3, width, outputs),
            ],
            Residual::Bottleneck { groups, group_width } => {
                let inner = groups * group_width * width / 64;
                vec![
                    Convolution::plain(1, inputs, inner),
                    Convolution {
                        stride,
                        groups,
                        ..Convolution::plain(3, inner, inner)
                    },
                    Convolution::plain(1, inner, outputs),
                ]
            }
        }
    }
}

/// Shortcut of a block that changes the shape of its maps (He et al. 2016, §3.3); in other blocks it is the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shortcut {
    /// Option A, without parameters: every second pixel in both axes, zero channels before and after.
    Padding,
    /// Option B: a 1×1 convolution with batch norm.
    Projection {
        /// Name of the parameters: `<name>.0` is the convolution, `<name>.1` its batch norm.
        name: &'static str,
    },
}

/// Blocks of one width, one after the other.
#[derive(Debug)]
pub(crate) struct Stage(Vec<Block>);

impl Stage {
    /// `depth` blocks of `width` under `path`, the first of which takes `inputs` channels and every `stride`-th pixel.
    pub(crate) fn new(path: &Path, blocks: Blocks, depth: i64, [inputs, width]: [i64; 2], stride: i64) -> Stage {
        let block = |block| {
            let (inputs, stride) = if block == 0 {
                (inputs, stride)
            } else {
                (blocks.residual.outputs(width), 1)
            };
            Block::new(&(path / block), blocks, [inputs, width], stride)
        };
        Stage((0..depth).map(block).collect())
    }

    pub(crate) fn forward(&self, maps: Tensor, train: bool) -> Tensor {
        self.0.iter().fold(maps, |maps, block| block.forward(&maps, train))
    }
}

/// `relu(residual x + shortcut x)`, where the last convolution of the residual has no ReLU of its own.
#[derive(Debug)]
struct Block {
    residual: Vec<NormalizedConvolution>,
    shortcut: ShortcutLayer,
}

/// See [`Shortcut`].
#[derive(Debug)]
enum ShortcutLayer {
    Identity,
    Padded { channels_each_side: i64 },
    Projected(NormalizedConvolution),
}

impl Block {
    fn new(path: &Path, blocks: Blocks, [inputs, width]: [i64; 2], stride: i64) -> Block {
        let convolutions = blocks.residual.convolutions(inputs, width, stride);
        let residual = (1..).zip(convolutions).map(|(number, convolution)| {
            let (kernel, norm) = (path / format!("conv{number}"), path / format!("bn{number}"));
            NormalizedConvolution::new(&kernel, &norm, convolution, blocks.init)
        });
        Block {
            residual: residual.collect(),
            shortcut: ShortcutLayer::new(path, blocks, [inputs, blocks.residual.outputs(width)], stride),
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        let (last, others) = self.residual.split_last().expect("a block has two or three");
        let inner = others
            .iter()
            .fold(maps.shallow_clone(), |maps, layer| layer.forward(&maps, train).relu_());
        let mut outer = last.forward(&inner, train);
        outer += self.shortcut.forward(maps, train);
        outer.relu_()
    }
}

impl ShortcutLayer {
    fn new(path: &Path, blocks: Blocks, [inputs, outputs]: [i64; 2], stride: i64) -> ShortcutLayer {
        if inputs == outputs {
            return ShortcutLayer::Identity;
        }
        match blocks.shortcut {
            Shortcut::Padding => ShortcutLayer::Padded {
                channels_each_side: (outputs - inputs) / 2,
            },
            Shortcut::Projection { name } => {
                let path = path / name;
                let convolution = Convolution {
                    stride,
                    ..Convolution::plain(1, inputs, outputs)
                };
                let projection = NormalizedConvolution::new(&(&path / 0), &(&path / 1), convolution, blocks.init);
                ShortcutLayer::Projected(projection)
            }
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        match self {
            ShortcutLayer::Identity => maps.shallow_clone(),
            ShortcutLayer::Padded { channels_each_side } => {
                let halved = maps.slice(2, None, None, 2).slice(3, None, None, 2);
                halved.constant_pad_nd([0, 0, 0, 0, *channels_each_side, *channels_each_side])
            }
            ShortcutLayer::Projected(projection) => projection.forward(maps, train),
        }
    }
}
