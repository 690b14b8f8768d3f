//! Published settings of second stages, the defaults of a grid that names one.

use datasets::Dataset;

use super::{BackboneMode, InitialClassifier, Retraining, Sweep};
use crate::parts::loss::{Loss, SmoothingShape};
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Sampler;
use crate::recipe::LearningRate;

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
    /// sampling, four at a turn, as many images an epoch as there are; batch norm shifts on CIFAR-100 only; weight decay
    /// 2e-4. Deviation: at other ratios their configs smooth less (from 0.1 to 0.3 at the head, 0 at the tail) and slow the
    /// classifier down more (0.2; CIFAR-100: 0.1), which a grid states if it wants it.
    pub fn mislas(dataset: Dataset) -> Retraining {
        let (rate, (head, tail), backbone) = match dataset {
            Dataset::Cifar100 => (0.2, (0.4, 0.1), BackboneMode::Train),
            Dataset::Cifar10 | Dataset::Shapes => (0.5, (0.3, 0.0), BackboneMode::Eval),
        };
        Retraining {
            weight_decay: 2e-4,
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
    /// sampling, batch norm of the batch, cross-entropy re-weighted with power 1.2. Deviation: in the first stage's
    /// batches, where theirs have 256 images.
    pub fn dis_align() -> Retraining {
        Retraining {
            sampler: Sampler::InstanceBalanced,
            backbone: BackboneMode::Train,
            loss: Some(Loss::CrossEntropy),
            reweight: Some(Reweight::InverseFrequency {
                power: 1.2,
                start_epoch: 0,
            }),
            ..Retraining::of_ten_epochs(0.1)
        }
    }

    /// Weight balancing (Alshammari et al. 2022) as in its public demo: 10 epochs, rate 0.01 along a cosine, weight decay
    /// 0.1, threshold 0.1, plain sampling, batch norm of the batch, and the class-balanced loss (β 0.9999) of its `softmax`
    /// type. Deviations: rows are projected after each step, there after each epoch; the demo's cosine is one epoch
    /// further on, so that its last epoch has rate 0; the first stage's weight decay is the recipe's, which they tune
    /// (5e-3).
    pub fn weight_balancing() -> Retraining {
        Retraining {
            weight_decay: 0.1,
            sampler: Sampler::InstanceBalanced,
            backbone: BackboneMode::Train,
            loss: Some(Loss::SoftmaxBinaryCrossEntropy),
            reweight: Some(Reweight::ClassBalanced {
                beta: 0.9999,
                start_epoch: 0,
            }),
            max_norm: Some(0.1),
            ..Retraining::of_ten_epochs(0.01)
        }
    }

    /// What they have in common.
    pub(super) fn of_ten_epochs(initial: f64) -> Retraining {
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
