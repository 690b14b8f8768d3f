//! Backbones: images `[b, 3, h, w]` → features `[b, d]`.
//!
//! A backbone computes in the kind of the images it is given: parameters and batch-norm statistics stay in the kind they
//! were built in, and convolution weights are cast at the convolution. So mixed precision is a cast of the images, not a
//! second network.

mod convolution;
mod init;
mod processor;
mod resnet_18;
mod resnet_cifar;
mod side_by_side;

use serde::{Deserialize, Serialize};
use side_by_side::SideBySide;
use tch::nn::{ModuleT, Path};

pub use init::{batch_norm_from_one, kaiming_normal, linear_bias};
pub use processor::processor_multiplies_bf16_fast;

/// The closed set of backbones a grid file can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backbone {
    /// CIFAR ResNet with one block a stage: for smoke tests and the embedded data set.
    Resnet8,
    /// CIFAR ResNet with three blocks a stage.
    Resnet20,
    /// CIFAR ResNet with five blocks a stage (He et al. 2016, §4.2), option-A shortcuts: the field's "ResNet-32".
    #[default]
    Resnet32,
    /// ResNet-18 with the stem of CIFAR's networks: 24 times the parameters of ResNet-32, and no ensembles of it.
    Resnet18,
}

impl Backbone {
    /// From few layers to many.
    pub const ALL: [Backbone; 4] = [
        Backbone::Resnet8,
        Backbone::Resnet18,
        Backbone::Resnet20,
        Backbone::Resnet32,
    ];

    /// Builds the network's parameters under `path`, named as in the public PyTorch code (`layer1.0.conv1.weight`).
    pub fn build(self, path: &Path) -> Box<dyn ModuleT> {
        match self.blocks() {
            Some(blocks) => Box::new(resnet_cifar::resnet(path, blocks)),
            None => Box::new(resnet_18::resnet_18(path)),
        }
    }

    /// Builds `experts` networks that share the stem and the first stage: images `[b, 3, h, w]` → features
    /// `[b, experts, d]`, d the [`Backbone::expert_dimension`]. What an expert has for itself is three quarters as wide,
    /// and named as in the public code of RIDE (Wang et al. 2021; `layer2s.<expert>.0.conv1.weight`).
    ///
    /// # Panics
    /// If the backbone [has no experts](Backbone::has_experts).
    pub fn build_experts(self, path: &Path, experts: i64) -> Box<dyn ModuleT> {
        let blocks = self.blocks().expect("whoever names experts checks the backbone");
        Box::new(resnet_cifar::experts(path, blocks, experts))
    }

    /// Builds `branches` networks that share all but the last block: images `[b, 3, h, w]` → features `[b, branches, d]`, d
    /// the [`Backbone::dimension`]. In training the first branch learns on the first of as many equal parts of the images,
    /// and so on; an image's features are then its own branch's in the place of every branch.
    ///
    /// # Panics
    /// If the backbone [has no experts](Backbone::has_experts).
    pub fn build_branches(self, path: &Path, branches: i64) -> Box<dyn ModuleT> {
        let blocks = self.blocks().expect("whoever names experts checks the backbone");
        Box::new(resnet_cifar::branches(path, blocks, branches))
    }

    /// Builds `networks` whole networks under `path`, which share nothing: images `[b, 3, h, w]` → features `[b, networks,
    /// d]`, d the [`Backbone::dimension`]; the parameters of each are named as those of one, after `networks.<network>.`.
    pub fn build_side_by_side(self, path: &Path, networks: i64) -> Box<dyn ModuleT> {
        let network = |network| self.build(&(path / "networks" / network));
        Box::new(SideBySide((0..networks).map(network).collect()))
    }

    /// Whether there is a version of it for [several experts](Backbone::build_experts).
    pub fn has_experts(self) -> bool {
        self.blocks().is_some()
    }

    /// Blocks of a stage, of CIFAR's own networks.
    fn blocks(self) -> Option<i64> {
        match self {
            Backbone::Resnet8 => Some(1),
            Backbone::Resnet20 => Some(3),
            Backbone::Resnet32 => Some(5),
            Backbone::Resnet18 => None,
        }
    }

    /// Width d of the features.
    pub fn dimension(self) -> i64 {
        match self {
            Backbone::Resnet8 | Backbone::Resnet20 | Backbone::Resnet32 => resnet_cifar::WIDTHS[2],
            Backbone::Resnet18 => resnet_18::WIDTHS[3],
        }
    }

    /// Width d of the features of each of several experts, where the backbone [has them](Backbone::has_experts).
    pub fn expert_dimension(self) -> i64 {
        resnet_cifar::EXPERT_WIDTHS[2]
    }

    /// Name as papers print it.
    pub fn name(self) -> &'static str {
        match self {
            Backbone::Resnet8 => "ResNet-8",
            Backbone::Resnet20 => "ResNet-20",
            Backbone::Resnet32 => "ResNet-32",
            Backbone::Resnet18 => "ResNet-18",
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;

    #[test]
    fn resnet_parameter_counts_are_those_of_the_public_code() {
        for (backbone, parameters) in [
            (Backbone::Resnet8, 74_640),
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
    fn networks_side_by_side_are_as_many_times_one() {
        let store = nn::VarStore::new(Device::Cpu);
        let networks = Backbone::Resnet8.build_side_by_side(&store.root(), 3);
        let count: usize = store.trainable_variables().iter().map(tch::Tensor::numel).sum();
        assert_eq!(count, 3 * 74_640);
        assert!(store.variables().contains_key("networks.2.layer3.0.conv1.weight"));
        let images = tch::Tensor::zeros([2, 3, 8, 8], (tch::Kind::Float, Device::Cpu));
        assert_eq!(networks.forward_t(&images, true).size(), [2, 3, 64]);
    }
}
