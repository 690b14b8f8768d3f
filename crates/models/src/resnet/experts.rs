//! Experts: several copies of a network's later stages on top of its shared first ones.

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use super::block::Stage;
use super::{CIFAR_BLOCKS, CIFAR_WIDTHS, Stem, StemLayer};
use crate::layers::pooled;

/// The first stage is shared; the later ones are three quarters as wide as in a single network, so that experts cost
/// less (`reduce_dimension` in the public code of Wang et al. 2021).
pub(crate) const EXPERT_WIDTHS: [i64; 3] = [16, 24, 48];

/// `experts` networks of 6·`blocks`+2 layers without their classifiers: images `[b, 3, h, w]` → features
/// `[b, experts, 48]`.
pub(crate) fn experts(path: &Path, blocks: i64, experts: i64) -> ResnetExperts {
    let [first, second, third] = EXPERT_WIDTHS;
    let expert = |expert| {
        vec![
            cifar_stage(&(path / "layer2s" / expert), blocks, first, second, 2),
            cifar_stage(&(path / "layer3s" / expert), blocks, second, third, 2),
        ]
    };
    ResnetExperts {
        stem: cifar_stem(path, first),
        shared: vec![cifar_stage(&(path / "layer1"), blocks, first, first, 1)],
        experts: (0..experts).map(expert).collect(),
        learn_on: LearnOn::AllImages,
    }
}

/// `branches` networks of 6·`blocks`+2 layers, each as wide as a single network, which share all but the last block of
/// the last stage (Zhou et al. 2020): images `[b, 3, h, w]` → features `[b, branches, 64]`. In training, images come in
/// `branches` parts of equal size, one after the other; each part passes through the network on its own and through its
/// own branch, whose features are repeated for the other branches.
pub(crate) fn branches(path: &Path, blocks: i64, branches: i64) -> ResnetExperts {
    let [first, second, third] = CIFAR_WIDTHS;
    let (inputs, stride) = if blocks == 1 { (second, 2) } else { (third, 1) }; // of the last block
    let branch = |branch| vec![cifar_stage(&(path / "branches" / branch), 1, inputs, third, stride)];
    ResnetExperts {
        stem: cifar_stem(path, first),
        shared: vec![
            cifar_stage(&(path / "layer1"), blocks, first, first, 1),
            cifar_stage(&(path / "layer2"), blocks, first, second, 2),
            cifar_stage(&(path / "layer3"), blocks - 1, second, third, 2),
        ],
        experts: (0..branches).map(branch).collect(),
        learn_on: LearnOn::OwnPart,
    }
}

fn cifar_stem(path: &Path, width: i64) -> StemLayer {
    StemLayer::new(path, Stem::Small, width, CIFAR_BLOCKS.init)
}

fn cifar_stage(path: &Path, blocks: i64, inputs: i64, width: i64, stride: i64) -> Stage {
    Stage::new(path, CIFAR_BLOCKS, blocks, [inputs, width], stride)
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

    #[test]
    fn experts_share_the_first_stage_and_nothing_after_it() {
        tch::manual_seed(0);
        let store = nn::VarStore::new(Device::Cpu);
        let network = experts(&store.root(), 1, 3);
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
    fn branches_add_only_a_last_block_of_their_own() {
        for (blocks, network, last_block) in [(1, 74_640, 18_432 + 36_864 + 256), (5, 463_504, 2 * 36_864 + 256)] {
            let store = nn::VarStore::new(Device::Cpu);
            let branches = branches(&store.root(), blocks, 2);
            let count: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
            assert_eq!(count, network + last_block, "{blocks} blocks");
            let images = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
            assert_eq!(branches.forward_t(&images, true).size(), [2, 2, 64]);
        }
    }

    #[test]
    fn in_training_a_branch_and_its_batch_norms_see_its_own_images_alone() {
        tch::manual_seed(1);
        let [first, second, other] = [(); 3].map(|()| Tensor::randn([4, 3, 8, 8], (Kind::Float, Device::Cpu)));
        let store = nn::VarStore::new(Device::Cpu);
        let network = branches(&store.root(), 1, 2);
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
