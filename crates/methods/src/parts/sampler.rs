//! Samplers: the samples that an epoch draws, and their order.

mod class_aware;

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::parts::reweight::effective_number_weights;
use crate::range::{OutOfRange, require, share};
use crate::words::count;
use class_aware::class_aware_order;

/// A sampler. Every epoch draws as many samples as the split has. All samplers but the first two draw one by one with
/// replacement: class k with probability p_k, then one of its samples uniformly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampler {
    /// Every sample once, shuffled: p_k = n_k / n.
    #[default]
    InstanceBalanced,
    /// Classes take turns in a shuffled order; each gives its next samples in its own shuffled order (the class-aware
    /// sampler of Kang et al. 2020's code; 4 samples per turn there). Deviation: an epoch has n draws, not k · max n_k,
    /// and both orders are drawn anew in each epoch, so that a resumed run has no order to restore.
    ClassAware {
        /// Above 0.
        samples_per_turn: i64,
    },
    /// Every class with equal probability, p_k = 1 / k (Kang et al. 2020, §4.1, by sample weights as in Liu et al.
    /// 2023's code).
    ClassBalanced,
    /// p_k ∝ √n_k (Kang et al. 2020, §4.1).
    SquareRoot,
    /// From instance- to class-balanced over the epochs, p_k = (1 − t) n_k / n + t / k, t from 0 in the first epoch to 1
    /// in the last (Kang et al. 2020, §4.1).
    ProgressivelyBalanced,
    /// p_k ∝ n_k (1 − β) / (1 − β^{n_k}) (`Resample` in Cao et al. 2019's code).
    EffectiveNumber {
        /// β in \[0, 1).
        beta: f64,
    },
    /// Rare classes most often, p_k ∝ 1 / n_k (the second branch's sampler in BBN, Zhou et al. 2020).
    Reverse,
}

/// Another sampler from an epoch on: deferred re-sampling (DRS).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resample {
    /// The later sampler.
    pub sampler: Sampler,
    /// Its first 0-based epoch, 1 or later.
    pub start_epoch: i64,
}

impl Sampler {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn check(self) -> Result<(), OutOfRange> {
        match self {
            Sampler::InstanceBalanced
            | Sampler::ClassBalanced
            | Sampler::SquareRoot
            | Sampler::ProgressivelyBalanced
            | Sampler::Reverse => Ok(()),
            Sampler::ClassAware { samples_per_turn } => {
                let name = "class-aware.samples_per_turn";
                require(name, samples_per_turn as f64, samples_per_turn >= 1, "1 or more")
            }
            Sampler::EffectiveNumber { beta } => share("effective-number.beta", beta),
        }
    }

    /// Indices of an epoch, `[n]` i64, from labels `[n]` and class counts `[k]`. `progress` is 0 in the first epoch of
    /// a training and 1 in its last. Draws from libtorch's generator.
    pub fn epoch_order(self, labels: &Tensor, class_counts: &Tensor, progress: f64) -> Tensor {
        let (samples, classes) = (labels.size()[0], class_counts.size()[0]);
        // A class's samples share its probability: the weight of each is p_k / n_k.
        let draw = |class_weights: &Tensor| class_weights.index_select(0, labels).multinomial(samples, true);
        match self {
            Sampler::InstanceBalanced => Tensor::randperm(samples, (Kind::Int64, labels.device())),
            Sampler::ClassAware { samples_per_turn } => class_aware_order(labels, class_counts, samples_per_turn),
            Sampler::ClassBalanced => draw(&class_counts.reciprocal()),
            Sampler::SquareRoot => draw(&class_counts.rsqrt()),
            Sampler::ProgressivelyBalanced => {
                let class_balanced = class_counts.reciprocal() * (progress / classes as f64);
                draw(&(class_balanced + (1.0 - progress) / samples as f64))
            }
            Sampler::EffectiveNumber { beta } => draw(&effective_number_weights(beta, class_counts)),
            Sampler::Reverse => draw(&class_counts.square().reciprocal()),
        }
    }
}

impl Resample {
    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        self.sampler.check()?;
        let (name, start) = ("resample.start_epoch", self.start_epoch);
        require(name, start as f64, start >= 1, "1 or later, or state `sampler` alone")
    }
}

/// Seed of an epoch's generator: every draw follows from (seed, epoch), so a resumed run has no generator state to
/// restore. `SplitMix64` makes neighbouring seeds and epochs independent.
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

/// Such as `class-aware sampling (4 images a turn)`.
impl fmt::Display for Sampler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Sampler::InstanceBalanced => formatter.write_str("instance-balanced sampling"),
            Sampler::ClassAware { samples_per_turn } => {
                let images = count(samples_per_turn, "image");
                write!(formatter, "class-aware sampling ({images} a turn)")
            }
            Sampler::ClassBalanced => formatter.write_str("class-balanced sampling"),
            Sampler::SquareRoot => formatter.write_str("square-root sampling"),
            Sampler::ProgressivelyBalanced => formatter.write_str("progressively-balanced sampling"),
            Sampler::EffectiveNumber { beta } => write!(formatter, "effective-number sampling (β {beta})"),
            Sampler::Reverse => formatter.write_str("reverse sampling"),
        }
    }
}

/// Such as `class-balanced sampling from epoch 160`.
impl fmt::Display for Resample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} from epoch {}", self.sampler, self.start_epoch)
    }
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
        share_at(sampler, 0.0)
    }

    fn share_at(sampler: Sampler, progress: f64) -> f64 {
        tch::manual_seed(7);
        let (labels, counts) = labels_and_counts();
        let order = sampler.epoch_order(&labels, &counts, progress);
        assert_eq!(order.size(), [1000]);
        labels.index_select(0, &order).mean(Kind::Double).double_value(&[])
    }

    #[test]
    fn instance_balanced_order_is_a_permutation() {
        let (labels, counts) = labels_and_counts();
        let (sorted, _) = Sampler::InstanceBalanced
            .epoch_order(&labels, &counts, 0.0)
            .sort(0, false);
        assert_eq!(sorted, Tensor::arange(1000, (Kind::Int64, Device::Cpu)));
    }

    #[test]
    fn class_balanced_draws_every_class_equally_often() {
        assert!((share_of_class_1(Sampler::ClassBalanced) - 0.5).abs() < 0.05);
    }

    #[test]
    fn shares_of_the_rare_class_match_the_formulas() {
        for (sampler, progress, share) in [
            (Sampler::ClassAware { samples_per_turn: 4 }, 0.0, 0.5),
            (Sampler::SquareRoot, 0.0, 10.0 / (30.0 + 10.0)),
            (Sampler::Reverse, 0.0, 0.9),
            (Sampler::ProgressivelyBalanced, 0.0, 0.1),
            (Sampler::ProgressivelyBalanced, 0.5, 0.3),
            (Sampler::ProgressivelyBalanced, 1.0, 0.5),
        ] {
            let drawn = share_at(sampler, progress);
            assert!((drawn - share).abs() < 0.05, "{sampler:?} at {progress}: {drawn}");
        }
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
