//! Experts: several copies of a network's later stages, side by side on one shared beginning.

use tch::Tensor;
use tch::nn::{ModuleT, Path};

use super::{NormalizedConvolution, Stage, pooled};

/// The first stage is everybody's; the later ones are three quarters as wide as in one network alone, so that experts
/// cost less (`reduce_dimension` in the public code of Wang et al. 2021).
pub(crate) const EXPERT_WIDTHS: [i64; 3] = [16, 24, 48];

/// `experts` networks of 6·`blocks`+2 layers without their classifiers: images `[b, 3, h, w]` → features
/// `[b, experts, 48]`.
pub(crate) fn experts(path: &Path, blocks: i64, experts: i64) -> ResnetExperts {
    let [first, second, third] = EXPERT_WIDTHS;
    let expert = |expert| {
        [
            Stage::new(&(path / "layer2s" / expert), blocks, first, second, 2),
            Stage::new(&(path / "layer3s" / expert), blocks, second, third, 2),
        ]
    };
    ResnetExperts {
        stem: NormalizedConvolution::new(path, 1, 3, first, 1),
        shared: Stage::new(&(path / "layer1"), blocks, first, first, 1),
        experts: (0..experts).map(expert).collect(),
    }
}

/// See [`experts`].
#[derive(Debug)]
pub(crate) struct ResnetExperts {
    stem: NormalizedConvolution,
    shared: Stage,
    experts: Vec<[Stage; 2]>,
}

impl ModuleT for ResnetExperts {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let stem = self.stem.forward(images, train).relu_();
        let shared = self.shared.forward(stem, train);
        let features = self.experts.iter().map(|[second, third]| {
            let maps = second.forward(shared.shallow_clone(), train);
            pooled(&third.forward(maps, train))
        });
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
}
