//! Layouts: the descriptions from which all networks are built.

use super::block::{Blocks, Residual, Shortcut, Stage};
use crate::init::WeightInit;
use tch::nn::Path;

/// A network without its classifier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(super) stem: Stem,
    /// Whether the stem's kernel is drawn after all others: another order would give another network from the same
    /// seed.
    pub(super) stem_is_drawn_last: bool,
    pub(super) blocks: Blocks,
    /// Width of each stage, in channels of the 3×3 convolutions of a plain ResNet. The first is also the stem's.
    pub(super) widths: &'static [i64],
    /// Blocks of each stage.
    depths: &'static [i64],
}

/// What comes before the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stem {
    /// A 3×3 convolution that keeps the size: for 32×32 images.
    Small,
    /// A 7×7 convolution of stride 2, then 3×3 max pooling of stride 2: for 224×224 images.
    Large,
}

/// One stage of a layout: blocks of one width.
#[derive(Clone, Copy, Debug)]
pub(super) struct StageLayout {
    /// From 1.
    pub(super) number: usize,
    pub(super) depth: i64,
    /// Channels that its first block takes.
    pub(super) inputs: i64,
    pub(super) width: i64,
    /// Step in pixels of its first block.
    pub(super) stride: i64,
}

/// The last stages, which each of several experts has for itself (Wang et al. 2021).
pub(super) const STAGES_OF_EXPERTS: usize = 2;

impl Layout {
    /// Width d of the features.
    pub(crate) const fn dimension(&self) -> i64 {
        self.blocks.residual.outputs(self.widths[self.widths.len() - 1])
    }

    /// Width d of the features of each of several experts.
    pub(crate) const fn expert_dimension(&self) -> i64 {
        let width = self.widths[self.widths.len() - 1];
        self.blocks.residual.outputs(reduced(width))
    }

    /// The same network with every kernel zero, and nothing drawn: for those who need the shapes alone.
    pub(crate) const fn with_zero_kernels(mut self) -> Layout {
        self.blocks.init = WeightInit::Zero;
        self
    }

    /// The stages of a single network.
    pub(super) fn stages(&self) -> Vec<StageLayout> {
        self.stages_of(self.widths.iter().copied())
    }

    /// The stages of an expert, of which the last [`STAGES_OF_EXPERTS`] are its own and three quarters as wide.
    pub(super) fn stages_of_expert(&self) -> Vec<StageLayout> {
        let shared = self.widths.len() - STAGES_OF_EXPERTS;
        let widths = self.widths.iter().enumerate();
        self.stages_of(widths.map(|(index, &width)| if index < shared { width } else { reduced(width) }))
    }

    fn stages_of(&self, widths: impl Iterator<Item = i64>) -> Vec<StageLayout> {
        let mut inputs = self.widths[0];
        let stages = (1..).zip(widths.zip(self.depths)).map(|(number, (width, &depth))| {
            let stage = StageLayout {
                number,
                depth,
                inputs,
                width,
                stride: if number == 1 { 1 } else { 2 },
            };
            inputs = self.blocks.residual.outputs(width);
            stage
        });
        stages.collect()
    }
}

impl StageLayout {
    /// Builds the stage under `path`.
    pub(super) fn build(self, path: &Path, blocks: Blocks) -> Stage {
        Stage::new(path, blocks, self.depth, [self.inputs, self.width], self.stride)
    }
}

/// Width of an expert's own stage in place of one of `width`: three quarters, so that experts cost less
/// (`reduce_dimension` in the public code of Wang et al. 2021: 24 and 48 for 32 and 64, 192 and 384 for 256 and 512).
const fn reduced(width: i64) -> i64 {
    width / 4 * 3
}

const CIFAR_BLOCKS: Blocks = Blocks {
    residual: Residual::Basic,
    shortcut: Shortcut::Padding,
    init: WeightInit::KaimingFanIn,
};

/// For 32×32 images, with 6·1 + 2 layers (He et al. 2016, §4.2), as in public code for long-tailed data.
pub(crate) const RESNET_8: Layout = Layout {
    stem: Stem::Small,
    stem_is_drawn_last: false,
    blocks: CIFAR_BLOCKS,
    widths: &[16, 32, 64],
    depths: &[1, 1, 1],
};

/// With 6·3 + 2 layers, see [`RESNET_8`].
pub(crate) const RESNET_20: Layout = Layout {
    depths: &[3, 3, 3],
    ..RESNET_8
};

/// With 6·5 + 2 layers, see [`RESNET_8`].
pub(crate) const RESNET_32: Layout = Layout {
    depths: &[5, 5, 5],
    ..RESNET_8
};

/// For 32×32 images: the blocks and widths of He et al. 2016, Table 1, behind a small stem, as in the public code of Liu et
/// al. 2023 (`resnet18_cifar`), which initialises nothing itself and calls `shortcut` what torchvision calls `downsample`.
pub(crate) const RESNET_18: Layout = Layout {
    stem: Stem::Small,
    stem_is_drawn_last: true,
    blocks: Blocks {
        residual: Residual::Basic,
        shortcut: Shortcut::Projection { name: "shortcut" },
        init: WeightInit::Pytorch,
    },
    widths: &[64, 128, 256, 512],
    depths: &[2, 2, 2, 2],
};

/// For 224×224 images: ResNet-18 of He et al. 2016, Table 1, with one block per stage. torchvision has none; this is the
/// network that Liu et al. 2019 train on ImageNet-LT, named and initialised as torchvision's.
pub(crate) const RESNET_10: Layout = Layout {
    stem: Stem::Large,
    stem_is_drawn_last: false,
    blocks: Blocks {
        residual: Residual::Basic,
        shortcut: Shortcut::Projection { name: "downsample" },
        init: WeightInit::KaimingFanOut,
    },
    widths: &[64, 128, 256, 512],
    depths: &[1, 1, 1, 1],
};

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet18`. [`RESNET_18`] is its form for 32×32 images.
pub(crate) const RESNET_18_LARGE: Layout = Layout {
    depths: &[2, 2, 2, 2],
    ..RESNET_10
};

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet34`.
pub(crate) const RESNET_34: Layout = Layout {
    depths: &[3, 4, 6, 3],
    ..RESNET_10
};

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet50`.
pub(crate) const RESNET_50: Layout = Layout {
    blocks: Blocks {
        residual: Residual::Bottleneck {
            groups: 1,
            group_width: 64,
        },
        ..RESNET_10.blocks
    },
    depths: &[3, 4, 6, 3],
    ..RESNET_10
};

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet101`.
pub(crate) const RESNET_101: Layout = Layout {
    depths: &[3, 4, 23, 3],
    ..RESNET_50
};

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet152`.
pub(crate) const RESNET_152: Layout = Layout {
    depths: &[3, 8, 36, 3],
    ..RESNET_50
};

/// For 224×224 images: 32 groups of 4 channels (Xie et al. 2017, Table 1), as torchvision's `resnext50_32x4d`.
pub(crate) const RESNEXT_50: Layout = resnext(RESNET_50, 4);

/// For 224×224 images: ResNet-101 with 32 groups of 4 channels (Xie et al. 2017, Table 3). torchvision has its 32 groups
/// of 8 and 64 of 4 alone; its `ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4)` is this network.
pub(crate) const RESNEXT_101_32X4D: Layout = resnext(RESNET_101, 4);

/// For 224×224 images: ResNet-101 with 32 groups of 8 channels, as torchvision's `resnext101_32x8d`.
pub(crate) const RESNEXT_101_32X8D: Layout = resnext(RESNET_101, 8);

/// A network of bottlenecks with 32 groups of `group_width` channels in each.
const fn resnext(mut layout: Layout, group_width: i64) -> Layout {
    layout.blocks.residual = Residual::Bottleneck {
        groups: 32,
        group_width,
    };
    layout
}
