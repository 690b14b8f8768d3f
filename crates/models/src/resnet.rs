//! Residual networks (He et al. 2016): a stem, stages of blocks, each at half the size and twice the width of the one
//! before, and global average pooling. Networks differ by their [`Layout`].

mod block;
mod experts;

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::init::KernelInit;
use crate::layers::{Convolution, NormalizedConvolution, pooled};
use block::{Blocks, Residual, Shortcut, Stage};

pub(crate) use experts::{EXPERT_WIDTHS, branches, experts};

/// A network without its classifier.
#[derive(Debug)]
pub(crate) struct Layout {
    stem: Stem,
    /// Whether the stem's kernel is drawn after all others: another order would give another network from the same
    /// seed.
    stem_is_drawn_last: bool,
    blocks: Blocks,
    /// Width of each stage, in channels of the 3×3 convolutions of a plain ResNet. The first is also the stem's.
    widths: &'static [i64],
    /// Blocks of each stage.
    pub(crate) depths: &'static [i64],
}

/// What comes before the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stem {
    /// A 3×3 convolution that keeps the size: for 32×32 images.
    Small,
    /// A 7×7 convolution of stride 2, then 3×3 max pooling of stride 2: for 224×224 images.
    Large,
}

const CIFAR_WIDTHS: [i64; 3] = [16, 32, 64];

const CIFAR_BLOCKS: Blocks = Blocks {
    residual: Residual::Basic,
    shortcut: Shortcut::Padding,
    init: KernelInit::KaimingFanIn,
};

/// For 32×32 images, with 6·1 + 2 layers (He et al. 2016, §4.2), as in public code for long-tailed data.
pub(crate) const RESNET_8: Layout = Layout {
    stem: Stem::Small,
    stem_is_drawn_last: false,
    blocks: CIFAR_BLOCKS,
    widths: &CIFAR_WIDTHS,
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
        init: KernelInit::Pytorch,
    },
    widths: &[64, 128, 256, 512],
    depths: &[2, 2, 2, 2],
};

/// For 224×224 images: ResNet-18 of He et al. 2016, Table 1, with one block per stage (Liu et al. 2019 for
/// ImageNet-LT), named and initialised as torchvision's.
pub(crate) const RESNET_10: Layout = Layout {
    stem: Stem::Large,
    stem_is_drawn_last: false,
    blocks: Blocks {
        residual: Residual::Basic,
        shortcut: Shortcut::Projection { name: "downsample" },
        init: KernelInit::KaimingFanOut,
    },
    widths: &[64, 128, 256, 512],
    depths: &[1, 1, 1, 1],
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

/// For 224×224 images (He et al. 2016, Table 1), as torchvision's `resnet152`.
pub(crate) const RESNET_152: Layout = Layout {
    depths: &[3, 8, 36, 3],
    ..RESNET_50
};

/// For 224×224 images: 32 groups of 4 channels (Xie et al. 2017, Table 1), as torchvision's `resnext50_32x4d`.
pub(crate) const RESNEXT_50: Layout = Layout {
    blocks: Blocks {
        residual: Residual::Bottleneck {
            groups: 32,
            group_width: 4,
        },
        ..RESNET_10.blocks
    },
    ..RESNET_50
};

impl Layout {
    /// Width d of the features.
    pub(crate) const fn dimension(&self) -> i64 {
        self.blocks.residual.outputs(self.widths[self.widths.len() - 1])
    }

    /// Builds the network under `path`, its parameters named as in torchvision (`layer1.0.conv1.weight`).
    pub(crate) fn build(&self, path: &Path) -> Resnet {
        let stem = || StemLayer::new(path, self.stem, self.widths[0], self.blocks.init);
        let stages = || {
            let mut inputs = self.widths[0];
            let stages = (1..).zip(self.widths.iter().zip(self.depths));
            let stages = stages.map(|(number, (&width, &depth))| {
                let (path, stride) = (path / format!("layer{number}"), if number == 1 { 1 } else { 2 });
                let stage = Stage::new(&path, self.blocks, depth, [inputs, width], stride);
                inputs = self.blocks.residual.outputs(width);
                stage
            });
            stages.collect()
        };
        if self.stem_is_drawn_last {
            let stages = stages();
            return Resnet { stem: stem(), stages };
        }
        Resnet {
            stem: stem(),
            stages: stages(),
        }
    }
}

/// Images `[b, 3, h, w]` → features `[b, d]`, d the [`Layout::dimension`].
#[derive(Debug)]
pub(crate) struct Resnet {
    stem: StemLayer,
    stages: Vec<Stage>,
}

impl ModuleT for Resnet {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem.forward(images, train);
        let maps = self.stages.iter().fold(stem, |maps, stage| stage.forward(maps, train));
        pooled(&maps)
    }
}

/// See [`Stem`].
#[derive(Debug)]
struct StemLayer {
    convolution: NormalizedConvolution,
    stem: Stem,
}

impl StemLayer {
    /// With parameters `conv1.*` and `bn1.*` under `path`.
    fn new(path: &Path, stem: Stem, width: i64, init: KernelInit) -> StemLayer {
        let convolution = match stem {
            Stem::Small => Convolution::plain(3, 3, width),
            Stem::Large => Convolution {
                stride: 2,
                ..Convolution::plain(7, 3, width)
            },
        };
        StemLayer {
            convolution: NormalizedConvolution::new(&(path / "conv1"), &(path / "bn1"), convolution, init),
            stem,
        }
    }

    fn forward(&self, images: &Tensor, train: bool) -> Tensor {
        let maps = self.convolution.forward(images, train).relu_();
        match self.stem {
            Stem::Small => maps,
            Stem::Large => maps.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    #[test]
    fn kernels_start_as_the_public_code_draws_them() {
        tch::manual_seed(0);
        let kernels_of = |layout: &Layout| {
            let store = nn::VarStore::new(Device::Cpu);
            layout.build(&store.root());
            store.variables()
        };
        let deviation = |weight: &Tensor| weight.std(false).double_value(&[]);
        // torch.nn.Conv2d: U(−b, b) with b = 1 / √(inputs · height · width)
        let variables = kernels_of(&RESNET_18);
        for (name, fan_in) in [("layer4.1.conv2.weight", 512 * 9), ("layer2.0.shortcut.0.weight", 64)] {
            let (weight, bound) = (&variables[name], 1.0 / f64::from(fan_in).sqrt());
            let largest = weight.abs().max().double_value(&[]);
            assert!(largest <= bound && largest > 0.99 * bound, "{name}: {largest}, {bound}");
            let ratio = deviation(weight) * 3.0_f64.sqrt() / bound;
            assert!((ratio - 1.0).abs() < 0.02, "{name}: {ratio}");
        }
        // kaiming_normal_(weight, mode="fan_out", nonlinearity="relu"): N(0, 2 / (outputs · height · width))
        let variables = kernels_of(&RESNEXT_50);
        for (name, fan_out) in [
            ("layer4.0.conv2.weight", 1024 * 9),
            ("layer1.0.downsample.0.weight", 256),
        ] {
            let ratio = deviation(&variables[name]) * (f64::from(fan_out) / 2.0).sqrt();
            assert!((ratio - 1.0).abs() < 0.02, "{name}: {ratio}");
        }
        assert_eq!(
            variables["layer3.0.downsample.1.weight"],
            Tensor::ones([1024], (Kind::Float, Device::Cpu))
        );
    }

    #[test]
    fn parameters_are_as_many_as_torchvision_counts_with_a_classifier_of_1000_classes() {
        let resnet_18 = Layout {
            depths: RESNET_18.depths,
            ..RESNET_10
        };
        for (layout, published) in [
            (resnet_18, 11_689_512),
            (RESNET_50, 25_557_032),
            (RESNET_152, 60_192_808),
            (RESNEXT_50, 25_028_904),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            layout.build(&store.root());
            let parameters: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
            let classifier = (layout.dimension() + 1) * 1000;
            assert_eq!(parameters as i64 + classifier, published, "{layout:?}");
        }
    }

    #[test]
    fn every_parameter_learns_from_small_images_and_the_last_maps_are_an_eighth_or_a_32nd_of_them() {
        for (layout, side, last) in [(RESNET_18, 8, 1), (RESNET_10, 32, 1), (RESNET_10, 70, 3)] {
            let store = nn::VarStore::new(Device::Cpu);
            let network = layout.build(&store.root());
            let images = Tensor::randn([2, 3, side, side], (Kind::Float, Device::Cpu));
            let features = network.forward_t(&images, true);
            assert_eq!(features.size(), [2, 512]);
            features.sum(Kind::Float).backward();
            let variables = store.trainable_variables();
            assert!(variables.iter().all(|variable| variable.grad().defined()));
            let maps = network.stem.forward(&images, false);
            let stages = network.stages.iter();
            let maps = stages.fold(maps, |maps, stage| stage.forward(maps, false));
            assert_eq!(maps.size(), [2, 512, last, last]);
        }
    }
}
