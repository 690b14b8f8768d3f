//! Backbones: images `[b, 3, h, w]` → features `[b, d]`.
//!
//! A backbone computes in the kind of its images: parameters and batch-norm statistics stay in the kind they were built
//! in, and convolution weights are cast at the convolution. So mixed precision is a cast of the images, not a second
//! network.

mod convolution;
mod init;
mod layers;
mod normalization;
mod processor;
mod resnet;
mod side_by_side;

use init::WeightInit;
use resnet::Layout;
use serde::{Deserialize, Serialize};
use side_by_side::SideBySide;
use tch::nn::{ModuleT, Path, VarStore};
use tch::{Device, Tensor};

pub use init::{batch_norm_from_one, linear_bias};
pub use layers::channels_last;
pub use normalization::{BatchNormLayer, share_batch_norm};
pub use processor::processor_multiplies_bf16_fast;

/// The backbones that a grid file can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backbone {
    /// For 32×32 images, with one block per stage: for smoke tests and the embedded data set.
    Resnet8,
    /// For 224×224 images: basic blocks, one per stage, as for ImageNet-LT (Liu et al. 2019).
    Resnet10,
    /// ResNet-18 with the stem of CIFAR's networks, for 32×32 images: 24 times the parameters of ResNet-32. It has no
    /// ensembles.
    Resnet18,
    /// For 224×224 images: basic blocks (He et al. 2016, Table 1).
    #[serde(rename = "resnet18-large")]
    Resnet18Large,
    /// For 32×32 images, with three blocks per stage.
    Resnet20,
    /// For 32×32 images, with five blocks per stage (He et al. 2016, §4.2), option-A shortcuts: the field's
    /// "ResNet-32".
    #[default]
    Resnet32,
    /// For 224×224 images: basic blocks (He et al. 2016, Table 1).
    Resnet34,
    /// For 224×224 images: bottleneck blocks (He et al. 2016, Table 1).
    Resnet50,
    /// ResNeXt-50 (32x4d), for 224×224 images: ResNet-50 with 32 groups of channels in each block (Xie et al. 2017).
    Resnext50,
    /// For 224×224 images: bottleneck blocks (He et al. 2016, Table 1).
    Resnet101,
    /// For 224×224 images: ResNet-101 with 32 groups of 4 channels in the blocks of the first stage (Xie et al. 2017).
    #[serde(rename = "resnext101-32x4d")]
    Resnext101_32x4d,
    /// For 224×224 images: ResNet-101 with 32 groups of 8 channels in the blocks of the first stage (Xie et al. 2017).
    #[serde(rename = "resnext101-32x8d")]
    Resnext101_32x8d,
    /// For 224×224 images: bottleneck blocks (He et al. 2016, Table 1), as for Places-LT (Liu et al. 2019).
    Resnet152,
}

impl Backbone {
    /// All backbones, from few layers to many.
    pub const ALL: [Backbone; 13] = [
        Backbone::Resnet8,
        Backbone::Resnet10,
        Backbone::Resnet18,
        Backbone::Resnet18Large,
        Backbone::Resnet20,
        Backbone::Resnet32,
        Backbone::Resnet34,
        Backbone::Resnet50,
        Backbone::Resnext50,
        Backbone::Resnet101,
        Backbone::Resnext101_32x4d,
        Backbone::Resnext101_32x8d,
        Backbone::Resnet152,
    ];

    /// Its name in a grid, its name in papers, and its layout.
    fn description(self) -> (&'static str, &'static str, &'static Layout) {
        match self {
            Backbone::Resnet8 => ("resnet8", "ResNet-8", &resnet::RESNET_8),
            Backbone::Resnet10 => ("resnet10", "ResNet-10", &resnet::RESNET_10),
            Backbone::Resnet18 => ("resnet18", "ResNet-18", &resnet::RESNET_18),
            Backbone::Resnet18Large => ("resnet18-large", "ResNet-18 (large images)", &resnet::RESNET_18_LARGE),
            Backbone::Resnet20 => ("resnet20", "ResNet-20", &resnet::RESNET_20),
            Backbone::Resnet32 => ("resnet32", "ResNet-32", &resnet::RESNET_32),
            Backbone::Resnet34 => ("resnet34", "ResNet-34", &resnet::RESNET_34),
            Backbone::Resnet50 => ("resnet50", "ResNet-50", &resnet::RESNET_50),
            Backbone::Resnext50 => ("resnext50", "ResNeXt-50", &resnet::RESNEXT_50),
            Backbone::Resnet101 => ("resnet101", "ResNet-101", &resnet::RESNET_101),
            Backbone::Resnext101_32x4d => ("resnext101-32x4d", "ResNeXt-101", &resnet::RESNEXT_101_32X4D),
            Backbone::Resnext101_32x8d => ("resnext101-32x8d", "ResNeXt-101 (32x8d)", &resnet::RESNEXT_101_32X8D),
            Backbone::Resnet152 => ("resnet152", "ResNet-152", &resnet::RESNET_152),
        }
    }

    /// As a grid writes it: `resnet32` for ResNet-32.
    pub fn as_written(self) -> &'static str {
        self.description().0
    }

    /// The name that papers print; two networks of the same one are told apart in brackets.
    pub fn name(self) -> &'static str {
        self.description().1
    }

    fn layout(self) -> &'static Layout {
        self.description().2
    }

    /// Builds the network's parameters under `path`, named as in the public PyTorch code (`layer1.0.conv1.weight`).
    pub fn build(self, path: &Path) -> Box<dyn ModuleT> {
        Box::new(self.layout().build(path))
    }

    /// Names and shapes of all parameters and batch-norm statistics, sorted. Draws nothing.
    pub fn parameters(self) -> Vec<(String, Vec<i64>)> {
        let store = VarStore::new(Device::Cpu);
        self.layout().with_zero_kernels().build(&store.root());
        let named = store.variables().into_iter();
        let mut named: Vec<_> = named.map(|(name, tensor)| (name, tensor.size())).collect();
        named.sort();
        named
    }

    /// Whether its parameters are named as torchvision's, whose classifier is called `fc`, and not as those of public CIFAR code.
    pub fn has_names_of_torchvision(self) -> bool {
        !matches!(
            self,
            Backbone::Resnet8 | Backbone::Resnet18 | Backbone::Resnet20 | Backbone::Resnet32
        )
    }

    /// The weight `[outputs, inputs]`, called `name` under `path`, of a linear classifier of its features: N(0, 2 / inputs)
    /// as in the public code for CIFAR, or PyTorch's default, U(−1/√inputs, 1/√inputs), as in torchvision.
    pub fn linear_weight(self, path: &Path, name: &str, inputs: i64, outputs: i64) -> Tensor {
        let init = if self.has_names_of_torchvision() {
            WeightInit::Pytorch
        } else {
            WeightInit::KaimingFanIn
        };
        init.draw(path, name, &[outputs, inputs])
    }

    /// Builds `experts` networks that share the stem and all but the last two stages: images `[b, 3, h, w]` → features
    /// `[b, experts, d]`, d the [`Backbone::expert_dimension`]. An expert's own stages are three quarters as wide, and
    /// named as in the public code of RIDE (Wang et al. 2021; `layer2s.<expert>.0.conv1.weight` in networks for 32×32
    /// images, `layer3s.<expert>.0.conv1.weight` in larger ones).
    ///
    /// # Panics
    /// If the backbone [has no experts](Backbone::has_experts).
    pub fn build_experts(self, path: &Path, experts: i64) -> Box<dyn ModuleT> {
        Box::new(resnet::experts(path, self.layout_of_experts(), experts))
    }

    /// Builds `branches` networks that share all but the last block: images `[b, 3, h, w]` → features
    /// `[b, branches, d]`, d the [`Backbone::dimension`]. In training, images come in `branches` equal parts; branch i
    /// learns from part i, and its features are repeated in the place of every branch.
    ///
    /// # Panics
    /// If the backbone [has no experts](Backbone::has_experts).
    pub fn build_branches(self, path: &Path, branches: i64) -> Box<dyn ModuleT> {
        Box::new(resnet::branches(path, self.layout_of_experts(), branches))
    }

    /// Builds `networks` whole networks under `path`, which share nothing: images `[b, 3, h, w]` → features
    /// `[b, networks, d]`, d the [`Backbone::dimension`]. Parameters are named as in a single network, after the prefix
    /// `networks.<network>.`.
    pub fn build_side_by_side(self, path: &Path, networks: i64) -> Box<dyn ModuleT> {
        let network = |network| self.build(&(path / "networks" / network));
        Box::new(SideBySide((0..networks).map(network).collect()))
    }

    /// Whether [several experts](Backbone::build_experts) of it can be built: not of [`Backbone::Resnet18`], of which no
    /// public code has any.
    pub fn has_experts(self) -> bool {
        self != Backbone::Resnet18
    }

    fn layout_of_experts(self) -> &'static Layout {
        assert!(self.has_experts(), "callers check that the backbone has experts");
        self.layout()
    }

    /// Width d of the features.
    pub fn dimension(self) -> i64 {
        self.layout().dimension()
    }

    /// Width d of the features of each of several experts, where the backbone [has them](Backbone::has_experts).
    pub fn expert_dimension(self) -> i64 {
        self.layout().expert_dimension()
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::Error;
    use tch::nn;

    use super::*;

    #[test]
    fn every_backbone_is_read_as_it_is_written() {
        for backbone in Backbone::ALL {
            let read: Result<Backbone, Error> = Backbone::deserialize(backbone.as_written().into_deserializer());
            assert_eq!(read.unwrap(), backbone);
        }
    }

    #[test]
    fn resnet_parameter_counts_are_those_of_the_public_code() {
        for (backbone, parameters) in [
            (Backbone::Resnet8, 74_640),
            (Backbone::Resnet20, 269_072), // 269,722 with its classifier of ten classes
            (Backbone::Resnet32, 463_504),
            (Backbone::Resnet18, 11_168_832), // 11,173,962 with its classifier of ten classes
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            backbone.build(&store.root());
            let count: usize = store.trainable_variables().iter().map(tch::Tensor::numel).sum();
            assert_eq!(count, parameters, "{}", backbone.name());
        }
    }

    #[test]
    fn classifiers_start_as_in_the_code_that_the_network_is_from() {
        tch::manual_seed(0);
        for (backbone, deviation, largest) in [
            (Backbone::Resnet32, (2.0_f64 / 64.0).sqrt(), f64::INFINITY),
            (Backbone::Resnet10, 1.0 / (3.0_f64 * 64.0).sqrt(), 0.125),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            let weight = backbone.linear_weight(&store.root(), "weight", 64, 1000);
            assert_eq!(weight.size(), [1000, 64]);
            assert!((weight.std(false).double_value(&[]) / deviation - 1.0).abs() < 0.02);
            assert!(weight.abs().max().double_value(&[]) <= largest, "{}", backbone.name());
        }
    }

    #[test]
    fn networks_side_by_side_have_the_parameters_of_each() {
        let store = nn::VarStore::new(Device::Cpu);
        let networks = Backbone::Resnet8.build_side_by_side(&store.root(), 3);
        let count: usize = store.trainable_variables().iter().map(tch::Tensor::numel).sum();
        assert_eq!(count, 3 * 74_640);
        assert!(store.variables().contains_key("networks.2.layer3.0.conv1.weight"));
        let images = tch::Tensor::zeros([2, 3, 8, 8], (tch::Kind::Float, Device::Cpu));
        assert_eq!(networks.forward_t(&images, true).size(), [2, 3, 64]);
    }
}
