//! Experts: several copies of a network's later stages on top of its shared first ones.

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use super::StemLayer;
use super::block::Stage;
use super::layout::{Layout, STAGES_OF_EXPERTS, StageLayout};
use crate::layers::pooled;

/// `experts` networks of the `layout` without their classifiers, which share the stem and all but the last two stages
/// (Wang et al. 2021: `layer1` of ResNet-32, `layer1` and `layer2` of the networks for ImageNet-LT): images
/// `[b, 3, h, w]` → features `[b, experts, d]`, d the [`Layout::expert_dimension`].
pub(crate) fn experts(path: &Path, layout: &Layout, experts: i64) -> ResnetExperts {
    let stages = layout.stages_of_expert();
    let (shared, own) = stages.split_at(stages.len() - STAGES_OF_EXPERTS);
    let expert = |expert| {
        let stages = own.iter();
        let stages =
            stages.map(|stage| stage.build(&(path / format!("layer{}s", stage.number) / expert), layout.blocks));
        stages.collect()
    };
    ResnetExperts {
        stem: layout.build_stem(path),
        shared: layout.build_stages(path, shared),
        experts: (0..experts).map(expert).collect(),
        learn_on: LearnOn::AllImages,
    }
}

/// `branches` networks of the `layout`, each as wide as a single network, which share all but the last block of
/// the last stage (Zhou et al. 2020): images `[b, 3, h, w]` → features `[b, branches, d]`, d the [`Layout::dimension`].
/// In training, images come in `branches` parts of equal size, one after the other; each part passes through the network
/// on its own and through its own branch, whose features are repeated for the other branches.
pub(crate) fn branches(path: &Path, layout: &Layout, branches: i64) -> ResnetExperts {
    let mut shared = layout.stages();
    let last = shared.last_mut().expect("a network has stages");
    last.depth -= 1;
    let (inputs, stride) = match last.depth {
        0 => (last.inputs, last.stride),
        _ => (layout.dimension(), 1),
    };
    let block = StageLayout {
        depth: 1,
        inputs,
        stride,
        ..*last
    };
    let branch = |branch| vec![block.build(&(path / "branches" / branch), layout.blocks)];
    ResnetExperts {
        stem: layout.build_stem(path),
        shared: layout.build_stages(path, &shared),
        experts: (0..branches).map(branch).collect(),
        learn_on: LearnOn::OwnPart,
    }
}

/// See [`experts`] and [`branches`].
#[derive(Debug)]
pub(crate) struct ResnetExperts {
    stem: StemLayer,
    shared: Vec<Stage>,
    experts: Vec<Vec<Stage>>,
    learn_on: LearnOn,
}

/// Which part of a training batch an expert sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LearnOn {
    AllImages,
    /// The batch norms see a part at a time, too: parts are drawn by different samplers.
    OwnPart,
}

impl ModuleT for ResnetExperts {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let through = |stages: &[Stage], maps| stages.iter().fold(maps, |maps, stage| stage.forward(maps, train));
        let shared = |images: &Tensor| through(&self.shared, self.stem.forward(images, train));
        let count = self.experts.len() as i64;
        if train && self.learn_on == LearnOn::OwnPart {
            let parts = images.chunk(count, 0).into_iter().zip(&self.experts);
            let features = parts.map(|(part, own)| pooled(&through(own, shared(&part))));
            let features = Tensor::cat(&features.collect::<Vec<_>>(), 0); // [b, d]
            return features.unsqueeze(1).expand([-1, count, -1], false);
        }
        let maps = shared(images);
        let features = self
            .experts
            .iter()
            .map(|own| pooled(&through(own, maps.shallow_clone())));
        Tensor::stack(&features.collect::<Vec<_>>(), 1)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;
    use crate::resnet::{RESNET_8, RESNET_10, RESNET_32, RESNET_50, RESNEXT_50};

    #[test]
    fn experts_share_the_first_stage_and_nothing_after_it() {
        tch::manual_seed(0);
        let store = nn::VarStore::new(Device::Cpu);
        let network = experts(&store.root(), &RESNET_8, 3);
        let variables = store.variables();
        assert!(variables.contains_key("layer1.0.conv1.weight") && variables.contains_key("layer3s.2.0.bn2.bias"));

        let images = Tensor::randn([2, 3, 8, 8], (Kind::Float, Device::Cpu));
        let features = network.forward_t(&images, true);
        assert_eq!(features.size(), [2, 3, 48]);
        features.select(1, 1).sum(Kind::Float).backward();
        let learns = |name: &str| variables[name].grad().abs().max().double_value(&[]) > 0.0;
        assert!(learns("conv1.weight") && learns("layer2s.1.0.conv1.weight"));
        assert!(!learns("layer2s.0.0.conv1.weight") && !learns("layer3s.2.0.conv2.weight"));
    }

    #[test]
    fn experts_of_a_large_network_share_two_stages_and_are_as_wide_as_in_the_public_code() {
        for (layout, inner, dimension) in [(RESNET_10, 384, 384), (RESNET_50, 384, 1536), (RESNEXT_50, 768, 1536)] {
            let store = nn::VarStore::new(Device::Cpu);
            let network = experts(&store.root(), &layout.with_zero_kernels(), 2);
            let variables = store.variables();
            let outputs = |name: &str| variables[name].size()[0];
            assert!(
                variables.contains_key("layer2.0.conv1.weight") && !variables.contains_key("layer3.0.conv1.weight")
            );
            assert_eq!(
                outputs("layer2.0.downsample.1.weight") * 3,
                outputs("layer3s.1.0.downsample.1.weight") * 2
            );
            assert_eq!(outputs("layer4s.1.0.conv2.weight"), inner);
            assert_eq!(layout.expert_dimension(), dimension);
            let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
            assert_eq!(network.forward_t(&images, false).size(), [2, 2, dimension]);
        }
    }

    #[test]
    fn branches_add_only_a_last_block_of_their_own() {
        for (layout, network, last_block) in [
            (RESNET_8, 74_640, 18_432 + 36_864 + 256),
            (RESNET_32, 463_504, 2 * 36_864 + 256),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            let branches = branches(&store.root(), &layout, 2);
            let count: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
            assert_eq!(count, network + last_block, "{layout:?}");
            let images = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
            assert_eq!(branches.forward_t(&images, true).size(), [2, 2, 64]);
        }
    }

    #[test]
    fn in_training_a_branch_and_its_batch_norms_see_its_own_images_alone() {
        tch::manual_seed(1);
        let [first, second, other] = [(); 3].map(|()| Tensor::randn([4, 3, 8, 8], (Kind::Float, Device::Cpu)));
        let store = nn::VarStore::new(Device::Cpu);
        let network = branches(&store.root(), &RESNET_8, 2);
        let train = |second: &Tensor| network.forward_t(&Tensor::cat(&[&first, second], 0), true);
        let (with_second, with_other) = (train(&second), train(&other));
        let of = |features: &Tensor, part: i64, branch: i64| features.narrow(0, 4 * part, 4).select(1, branch);
        assert_eq!(of(&with_second, 0, 0), of(&with_other, 0, 0));
        assert_eq!(
            of(&with_second, 0, 0),
            of(&with_second, 0, 1),
            "its own features are all it has"
        );
        assert_ne!(of(&with_second, 1, 1), of(&with_other, 1, 1));

        of(&with_second, 0, 0).sum(Kind::Float).backward();
        let learns = |name: &str| store.variables()[name].grad().abs().max().double_value(&[]) > 0.0;
        assert!(learns("conv1.weight") && learns("branches.0.0.conv1.weight"));
        assert!(!learns("branches.1.0.conv1.weight"));

        let images = Tensor::cat(&[&first, &second], 0);
        let features = tch::no_grad(|| network.forward_t(&images, false));
        assert_ne!(
            of(&features, 0, 0),
            of(&features, 0, 1),
            "in evaluation both branches see every image"
        );
    }
}
