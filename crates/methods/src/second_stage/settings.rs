//! Published settings of second stages: what a grid that names one means by it.

use datasets::Dataset;

use super::{BackboneMode, InitialClassifier, Retraining, Sweep};
use crate::{LearningRate, Loss, Reweight, Sampler, SmoothingShape};

impl Retraining {
    /// Learnable weight scaling as in Kang et al. 2020's code: 5 epochs along a cosine, class-balanced sampling, weight decay
    /// 5e-4. Deviation: rate 0.1 for batches of 128, theirs is 0.2 for 512.
    pub fn lws() -> Retraining {
        Retraining {
            epochs: 5,
            ..Retraining::of_ten_epochs(0.1)
        }
    }

    /// `MiSLAS` (Zhong et al. 2021) as its public code configures CIFAR-LT at ratio 100: 10 epochs, rate 0.1 along a
    /// cosine, times 0.5 (CIFAR-100: 0.2) for the classifier; label-aware smoothing from 0.3 to 0 (0.4 to 0.1); class-aware
    /// sampling, four at a turn, as many images an epoch as there are; batch norm shifts on CIFAR-100 only. Deviation: weight
    /// decay 5e-4, which its README advises for the first stage; its configs have 2e-4.
    pub fn mislas(dataset: Dataset) -> Retraining {
        let (rate, (head, tail), backbone) = match dataset {
            Dataset::Cifar100 => (0.2, (0.4, 0.1), BackboneMode::Train),
            Dataset::Cifar10 | Dataset::Shapes => (0.5, (0.3, 0.0), BackboneMode::Eval),
        };
        Retraining {
            sampler: Sampler::ClassAware { samples_per_turn: 4 },
            backbone,
            loss: Some(Loss::LabelAwareSmoothing {
                head,
                tail,
                shape: SmoothingShape::Concave,
            }),
            classifier_rate: Some(rate),
            ..Retraining::of_ten_epochs(0.1)
        }
    }

    /// `DisAlign` (Zhang et al. 2021) as its public code configures ImageNet-LT: 10 epochs, rate 0.1 along a cosine, plain
    /// sampling, cross-entropy re-weighted with power 1.2. Deviation: in the first stage's batches, where theirs have 256 images.
    pub fn dis_align() -> Retraining {
        Retraining {
            sampler: Sampler::InstanceBalanced,
            loss: Some(Loss::CrossEntropy),
            reweight: Some(Reweight::InverseFrequency {
                power: 1.2,
                start_epoch: 0,
            }),
            ..Retraining::of_ten_epochs(0.1)
        }
    }

    /// Weight balancing (Alshammari et al. 2022) as in its public demo: 10 epochs, rate 0.01 along a cosine, weight decay
    /// 0.1, threshold 0.1, class-balanced cross-entropy (β 0.9999), plain sampling. Deviations: their loss of that name is the binary
    /// cross-entropy of softmax probabilities, averaged over classes too, and plainly over the batch where ours divides by the sum of
    /// its weights, so that against it the same decay weighs about 58 times (CIFAR-10-LT at ratio 100) or 490 times (CIFAR-100-LT) as
    /// much as here; and the first stage's weight decay is the recipe's, which they tune (5e-3).
    pub fn weight_balancing() -> Retraining {
        Retraining {
            weight_decay: 0.1,
            sampler: Sampler::InstanceBalanced,
            loss: Some(Loss::CrossEntropy),
            reweight: Some(Reweight::ClassBalanced {
                beta: 0.9999,
                start_epoch: 0,
            }),
            max_norm: Some(0.1),
            ..Retraining::of_ten_epochs(0.01)
        }
    }

    /// What they have in common.
    fn of_ten_epochs(initial: f64) -> Retraining {
        Retraining {
            epochs: 10,
            learning_rate: LearningRate::Cosine { initial },
            weight_decay: 5e-4,
            sampler: Sampler::ClassBalanced,
            classifier: InitialClassifier::FirstStage,
            backbone: BackboneMode::Eval,
            loss: None,
            reweight: None,
            classifier_rate: None,
            max_norm: None,
        }
    }
}

impl Default for Sweep {
    /// τ = 1, the strength that Menon et al. 2021 derive for logit adjustment, and the whole length of τ-normalisation.
    fn default() -> Sweep {
        Sweep { taus: vec![1.0] }
    }
}
