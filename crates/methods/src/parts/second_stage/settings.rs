//! Published settings of second stages, which grids use by name.

use datasets::Dataset;

use super::{BackboneMode, InitialClassifier, Retraining, Sweep};
use crate::parts::loss::{Loss, SmoothingShape};
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Sampler;
use crate::recipe::LearningRate;

impl Retraining {
    /// Learnable weight scaling as in Kang et al. 2020's code: 5 epochs, cosine schedule, class-balanced sampling,
    /// weight decay 5e-4. Deviation: rate 0.1 for batches of 128; theirs is 0.2 for 512.
    pub fn lws() -> Retraining {
        Retraining {
            epochs: 5,
            ..Retraining::over_ten_epochs(0.1)
        }
    }

    /// `MiSLAS` (Zhong et al. 2021) as its public code configures CIFAR-LT at ratio 100: 10 epochs, rate 0.1 with a
    /// cosine schedule, times 0.5 (CIFAR-100: 0.2) for the classifier; label-aware smoothing from 0.3 to 0 (0.4 to
    /// 0.1); class-aware sampling, four images per turn, as many images per epoch as the split has; shifted batch norm
    /// on CIFAR-100 only; weight decay 2e-4. Deviation: at other ratios their configs smooth less (0.1 to 0.3 at the
    /// head, 0 at the tail) and reduce the classifier's rate more (0.2; CIFAR-100: 0.1); a grid can state that.
    pub fn mislas(dataset: Dataset) -> Retraining {
        let (rate, (head, tail), backbone) = match dataset {
            Dataset::Cifar100 => (0.2, (0.4, 0.1), BackboneMode::Train),
            Dataset::Cifar10 | Dataset::Shapes | Dataset::Photographs(_) => (0.5, (0.3, 0.0), BackboneMode::Eval),
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
            ..Retraining::over_ten_epochs(0.1)
        }
    }

    /// `DisAlign` (Zhang et al. 2021) as its public code configures ImageNet-LT: 10 epochs, rate 0.1 with a cosine
    /// schedule, instance-balanced sampling, batch norm by the batch's statistics, cross-entropy re-weighted with power
    /// 1.2. Deviation: batches have the first stage's size; theirs have 256 images.
    pub fn dis_align() -> Retraining {
        Retraining {
            sampler: Sampler::InstanceBalanced,
            backbone: BackboneMode::Train,
            loss: Some(Loss::CrossEntropy),
            reweight: Some(Reweight::InverseFrequency {
                power: 1.2,
                start_epoch: 0,
            }),
            ..Retraining::over_ten_epochs(0.1)
        }
    }

    /// Weight balancing (Alshammari et al. 2022) as in its public demo: 10 epochs, rate 0.01 with a cosine schedule,
    /// weight decay 0.1, threshold 0.1, instance-balanced sampling, batch norm by the batch's statistics, and the
    /// class-balanced loss (β 0.9999) of its `softmax` type. Deviations: rows are projected after each step, in the
    /// demo after each epoch. The demo's cosine is one epoch ahead, so that its last epoch has rate 0. The first
    /// stage's weight decay is the recipe's; they tune it (5e-3).
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
            ..Retraining::over_ten_epochs(0.01)
        }
    }

    /// Their common settings.
    pub(super) fn over_ten_epochs(initial: f64) -> Retraining {
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
    /// τ = 1, the strength that Menon et al. 2021 derive for logit adjustment, and full τ-normalisation.
    fn default() -> Sweep {
        Sweep { taus: vec![1.0] }
    }
}
