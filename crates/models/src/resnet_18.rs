//! ResNet-18 for 32×32 images: the blocks and widths of He et al. 2016, Table 1, behind a 3×3 stem without pooling, as in
//! the public code of Liu et al. 2023 (`resnet18_cifar`), which initialises nothing itself.

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::init::pytorch_convolution;
use crate::resnet_cifar::{NormalizedConvolution, pooled};

/// Channels of the four stages; the last is the dimension of the features.
pub(crate) const WIDTHS: [i64; 4] = [64, 128, 256, 512];
const BLOCKS: i64 = 2;

/// The network without its classifier: images `[b, 3, h, w]` → features `[b, 512]`. Names are those of torchvision, with
/// `shortcut` for its `downsample`.
pub(crate) fn resnet_18(path: &Path) -> Resnet18 {
    let mut inputs = WIDTHS[0];
    let mut blocks = Vec::new();
    for (stage, width) in (1..).zip(WIDTHS) {
        for block in 0..BLOCKS {
            let stride = if stage > 1 && block == 0 { 2 } else { 1 };
            let path = path / format!("layer{stage}") / block;
            blocks.push(BasicBlock::new(&path, inputs, width, stride));
            inputs = width;
        }
    }
    Resnet18 {
        stem: convolution(path, "conv1", "bn1", &[WIDTHS[0], 3, 3, 3], 1),
        blocks,
    }
}

/// See [`resnet_18`].
#[derive(Debug)]
pub(crate) struct Resnet18 {
    stem: NormalizedConvolution,
    blocks: Vec<BasicBlock>,
}

impl ModuleT for Resnet18 {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem.forward(images, train).relu_();
        let maps = self.blocks.iter().fold(stem, |maps, block| block.forward(&maps, train));
        pooled(&maps)
    }
}

/// `relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x)`.
#[derive(Debug)]
struct BasicBlock {
    first: NormalizedConvolution,
    second: NormalizedConvolution,
    /// Option B: a 1×1 convolution with batch norm where the block changes the shape.
    shortcut: Option<NormalizedConvolution>,
}

impl BasicBlock {
    fn new(path: &Path, inputs: i64, width: i64, stride: i64) -> BasicBlock {
        let shortcut = path / "shortcut";
        BasicBlock {
            first: convolution(path, "conv1", "bn1", &[width, inputs, 3, 3], stride),
            second: convolution(path, "conv2", "bn2", &[width, width, 3, 3], 1),
            shortcut: (inputs != width).then(|| convolution(&shortcut, "0", "1", &[width, inputs, 1, 1], stride)),
        }
    }

    fn forward(&self, maps: &Tensor, train: bool) -> Tensor {
        let inner = self.first.forward(maps, train).relu_();
        let mut outer = self.second.forward(&inner, train);
        outer += match &self.shortcut {
            None => maps.shallow_clone(),
            Some(shortcut) => shortcut.forward(maps, train),
        };
        outer.relu_()
    }
}

/// A convolution of `kernel` shape under the name `convolution`, and its batch norm under `norm`.
fn convolution(path: &Path, convolution: &str, norm: &str, kernel: &[i64], stride: i64) -> NormalizedConvolution {
    let kernel = pytorch_convolution(&(path / convolution), "weight", kernel);
    NormalizedConvolution::of_kernel(kernel, &(path / norm), stride)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    #[test]
    fn weights_start_as_pytorch_draws_them() {
        tch::manual_seed(0);
        let store = nn::VarStore::new(Device::Cpu);
        resnet_18(&store.root());
        let variables = store.variables();
        // torch.nn.Conv2d: U(−b, b) with b = 1 / √(inputs · height · width)
        for (name, fan_in) in [("layer4.1.conv2.weight", 512 * 9), ("layer2.0.shortcut.0.weight", 64)] {
            let (weight, bound) = (&variables[name], 1.0 / f64::from(fan_in).sqrt());
            let largest = weight.abs().max().double_value(&[]);
            assert!(largest <= bound && largest > 0.99 * bound, "{name}: {largest}, {bound}");
            let deviation = weight.std(false).double_value(&[]);
            assert!(
                (deviation * 3.0_f64.sqrt() / bound - 1.0).abs() < 0.02,
                "{name}: {deviation}"
            );
        }
        assert_eq!(
            variables["layer3.0.shortcut.1.weight"],
            Tensor::ones([256], (Kind::Float, Device::Cpu))
        );
    }

    #[test]
    fn three_of_four_stages_halve_the_image_and_features_are_means_over_what_is_left() {
        let store = nn::VarStore::new(Device::Cpu);
        let network = resnet_18(&store.root());
        let images = Tensor::randn([2, 3, 8, 8], (Kind::Float, Device::Cpu));
        let features = network.forward_t(&images, true);
        assert_eq!(features.size(), [2, 512]);
        features.sum(Kind::Float).backward();
        let variables = store.trainable_variables();
        assert!(variables.iter().all(|variable| variable.grad().defined()));
        let maps = network.stem.forward(&images, false);
        let maps = network
            .blocks
            .iter()
            .fold(maps, |maps, block| block.forward(&maps, false));
        assert_eq!(maps.size(), [2, 512, 1, 1]);
    }
}
