//! Residual networks (He et al. 2016): a stem, stages of blocks, each at half the size and twice the width of the one
//! before, and global average pooling. Networks differ by their [`Layout`].

mod block;
mod experts;
mod layout;

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::init::WeightInit;
use crate::layers::{Convolution, NormalizedConvolution, channels_last, pooled};
use block::Stage;
use layout::{StageLayout, Stem};

pub(crate) use experts::{branches, experts};
pub(crate) use layout::{
    Layout, RESNET_8, RESNET_10, RESNET_18, RESNET_18_LARGE, RESNET_20, RESNET_32, RESNET_34, RESNET_50, RESNET_101,
    RESNET_152, RESNEXT_50, RESNEXT_101_32X4D, RESNEXT_101_32X8D,
};

impl Layout {
    /// Builds the network under `path`, its parameters named as in torchvision (`layer1.0.conv1.weight`).
    pub(crate) fn build(&self, path: &Path) -> Resnet {
        let stages = || self.build_stages(path, &self.stages());
        if self.stem_is_drawn_last {
            let stages = stages();
            return Resnet {
                stem: self.build_stem(path),
                stages,
            };
        }
        Resnet {
            stem: self.build_stem(path),
            stages: stages(),
        }
    }

    /// Builds `stages` under `path`, named by their numbers.
    fn build_stages(&self, path: &Path, stages: &[StageLayout]) -> Vec<Stage> {
        let stages = stages.iter();
        let stages = stages.map(|stage| stage.build(&(path / format!("layer{}", stage.number)), self.blocks));
        stages.collect()
    }

    fn build_stem(&self, path: &Path) -> StemLayer {
        StemLayer::new(path, self.stem, self.widths[0], self.blocks.init)
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
    fn new(path: &Path, stem: Stem, width: i64, init: WeightInit) -> StemLayer {
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
        let convolved = |images: &Tensor| self.convolution.forward(images, train).relu_();
        match self.stem {
            Stem::Small => convolved(images),
            Stem::Large => convolved(&channels_last(images)).max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false),
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
        for (layout, published) in [
            (RESNET_18_LARGE, 11_689_512),
            (RESNET_34, 21_797_672),
            (RESNET_50, 25_557_032),
            (RESNET_101, 44_549_160),
            (RESNET_152, 60_192_808),
            (RESNEXT_50, 25_028_904),
            (RESNEXT_101_32X8D, 88_791_336),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            layout.with_zero_kernels().build(&store.root());
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
            let is_channels_last = maps.stride()[1] == 1;
            assert_eq!(is_channels_last, layout.stem == Stem::Large, "the images are not");
            let stages = network.stages.iter();
            let maps = stages.fold(maps, |maps, stage| stage.forward(maps, false));
            assert_eq!(maps.size(), [2, 512, last, last]);
        }
    }
}
