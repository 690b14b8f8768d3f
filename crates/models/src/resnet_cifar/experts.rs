//! Experts: several copies of a network's later stages, side by side on one shared beginning.

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use super::{NormalizedConvolution, Stage, WIDTHS, pooled};

/// The first stage is everybody's; the later ones are three quarters as wide as in one network alone, so that experts
/// cost less (`reduce_dimension` in the public code of Wang et al. 2021).
pub(crate) const EXPERT_WIDTHS: [i64; 3] = [16, 24, 48];

/// `experts` networks of 6·`blocks`+2 layers without their classifiers: images `[b, 3, h, w]` → features
/// `[b, experts, 48]`.
pub(crate) fn experts(path: &Path, blocks: i64, experts: i64) -> ResnetExperts {
    let [first, second, third] = EXPERT_WIDTHS;
    let expert = |expert| {
        vec![
            Stage::new(&(path / "layer2s" / expert), blocks, first, second, 2),
            Stage::new(&(path / "layer3s" / expert), blocks, second, third, 2),
        ]
    };
    ResnetExperts {
        stem: NormalizedConvolution::new(path, 1, 3, first, 1),
        shared: vec![Stage::new(&(path / "layer1"), blocks, first, first, 1)],
        experts: (0..experts).map(expert).collect(),
    }
}

/// `branches` networks of 6·`blocks`+2 layers as wide as one alone, which share all but the last block of the last stage
/// (Zhou et al. 2020): images `[b, 3, h, w]` → features `[b, branches, 64]`.
pub(crate) fn branches(path: &Path, blocks: i64, branches: i64) -> ResnetExperts {
    let [first, second, third] = WIDTHS;
    let (inputs, stride) = if blocks == 1 { (second, 2) } else { (third, 1) }; // of the last block
    let branch = |branch| vec![Stage::new(&(path / "branches" / branch), 1, inputs, third, stride)];
    ResnetExperts {
        stem: NormalizedConvolution::new(path, 1, 3, first, 1),
        shared: vec![
            Stage::new(&(path / "layer1"), blocks, first, first, 1),
            Stage::new(&(path / "layer2"), blocks, first, second, 2),
            Stage::new(&(path / "layer3"), blocks - 1, second, third, 2),
        ],
        experts: (0..branches).map(branch).collect(),
    }
}

/// See [`experts`] and [`branches`].
#[derive(Debug)]
pub(crate) struct ResnetExperts {
    stem: NormalizedConvolution,
    shared: Vec<Stage>,
    experts: Vec<Vec<Stage>>,
}

impl ModuleT for ResnetExperts {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem.forward(images, train).relu_();
        let through = |stages: &[Stage], maps| stages.iter().fold(maps, |maps, stage| stage.forward(maps, train));
        let shared = through(&self.shared, stem);
        let experts = self.experts.iter();
        let features = experts.map(|own| pooled(&through(own, shared.shallow_clone())));
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
    fn branches_are_one_network_but_for_a_second_last_block() {
        for (blocks, network, last_block) in [(1, 74_640, 18_432 + 36_864 + 256), (5, 463_504, 2 * 36_864 + 256)] {
            let store = nn::VarStore::new(Device::Cpu);
            let branches = branches(&store.root(), blocks, 2);
            let count: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
            assert_eq!(count, network + last_block, "{blocks} blocks");
            let images = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
            assert_eq!(branches.forward_t(&images, true).size(), [2, 2, 64]);
        }
    }
}
