//! Samplers: which samples an epoch draws, and in which order.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::reweight::effective_number_weights;

/// The closed set of samplers. Every epoch draws as many samples as the split has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampler {
    /// Every sample once, shuffled: class k with probability n_k / n.
    #[default]
    InstanceBalanced,
    /// Every class alike, with replacement: sample weight 1 / n_y (Kang et al. 2020, §4.1; the weighted form of Liu et
    /// al. 2023's code, epoch length n instead of the class-aware sampler's K · max n_k).
    ClassBalanced,
    /// Sample weight (1 − β) / (1 − β^{n_y}), with replacement (`Resample` in Cao et al. 2019's code).
    EffectiveNumber {
        /// β in \[0, 1).
        beta: f64,
    },
}

impl Sampler {
    /// Indices of an epoch, `[n]` i64, from labels `[n]` and class counts `[k]`. Draws from libtorch's generator.
    pub fn epoch_order(self, labels: &Tensor, class_counts: &Tensor) -> Tensor {
        let samples = labels.size()[0];
        let draw = |class_weights: &Tensor| class_weights.index_select(0, labels).multinomial(samples, true);
        match self {
            Sampler::InstanceBalanced => Tensor::randperm(samples, (Kind::Int64, labels.device())),
            Sampler::ClassBalanced => draw(&class_counts.reciprocal()),
            Sampler::EffectiveNumber { beta } => draw(&effective_number_weights(beta, class_counts)),
        }
    }
}

/// Seed of an epoch's generator: every draw follows from (seed, epoch), so a resumed run has no generator state to
/// restore. `SplitMix64`, so that neighbouring seeds and epochs share nothing.
pub fn epoch_seed(seed: i64, epoch: i64) -> i64 {
    let mut mixed = split_mix(seed as u64) ^ (epoch as u64);
    mixed = split_mix(mixed);
    (mixed >> 1) as i64 // libtorch takes a non-negative seed
}

fn split_mix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// 900 samples of class 0, 100 of class 1.
    fn labels_and_counts() -> (Tensor, Tensor) {
        let labels = Tensor::cat(
            &[
                Tensor::zeros([900], (Kind::Int64, Device::Cpu)),
                Tensor::ones([100], (Kind::Int64, Device::Cpu)),
            ],
            0,
        );
        (labels, Tensor::from_slice(&[900.0_f32, 100.0]))
    }

    fn share_of_class_1(sampler: Sampler) -> f64 {
        tch::manual_seed(7);
        let (labels, counts) = labels_and_counts();
        let order = sampler.epoch_order(&labels, &counts);
        assert_eq!(order.size(), [1000]);
        labels.index_select(0, &order).mean(Kind::Double).double_value(&[])
    }

    #[test]
    fn instance_balanced_order_is_a_permutation() {
        let (labels, counts) = labels_and_counts();
        let (sorted, _) = Sampler::InstanceBalanced.epoch_order(&labels, &counts).sort(0, false);
        assert_eq!(sorted, Tensor::arange(1000, (Kind::Int64, Device::Cpu)));
    }

    #[test]
    fn class_balanced_draws_every_class_alike() {
        assert!((share_of_class_1(Sampler::ClassBalanced) - 0.5).abs() < 0.05);
    }

    #[test]
    fn effective_number_lies_between_instance_and_class_balanced() {
        assert!((share_of_class_1(Sampler::EffectiveNumber { beta: 0.0 }) - 0.1).abs() < 0.03);
        let share = share_of_class_1(Sampler::EffectiveNumber { beta: 0.99 });
        assert!(share > 0.12 && share < 0.45, "{share}");
    }

    #[test]
    fn epoch_seeds_differ_between_neighbours_and_are_not_negative() {
        let seeds: Vec<i64> = (0..20)
            .flat_map(|seed| (0..20).map(move |epoch| epoch_seed(seed, epoch)))
            .collect();
        let distinct: std::collections::HashSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), seeds.len());
        assert!(seeds.iter().all(|&seed| seed >= 0));
    }
}
