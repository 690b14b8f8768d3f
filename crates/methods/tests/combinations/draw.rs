//! Methods drawn at random: every part, every arm.

use methods::{
    Augmentation, BackboneMode, BalancedContrast, Cmo, ContrastiveTerm, CutMix, Cutout, Distillation, ExpertAssignment,
    FeatureTerm, FeatureTransform, Head, Initial, InitialClassifier, KPositiveContrast, LearningRate, Loss, Method,
    Mix, Mixup, Nearness, ParametricContrast, Policy, ProbabilisticContrast, RandAugment, Remix, Resample, Retraining,
    Reweight, Sampler, SecondStage, Sweep,
};
use nc::{AbsentClasses, BeforeStart, BetweenClass, InitialCentres, MixedLabels, NormPenalty, WithinClass};
use tch::{Device, Kind, Tensor};

use crate::parts;

/// Trainings have two epochs; deferred parts start with the second.
pub(crate) const EPOCHS: i64 = 2;
const START: i64 = 1;

const SAMPLERS: [Sampler; 7] = [
    Sampler::InstanceBalanced,
    Sampler::ClassAware { samples_per_turn: 4 },
    Sampler::ClassBalanced,
    Sampler::SquareRoot,
    Sampler::ProgressivelyBalanced,
    Sampler::EffectiveNumber { beta: 0.99 },
    Sampler::Reverse,
];

/// In the last epoch these are equal.
const BALANCED_AT_LAST: [Sampler; 2] = [Sampler::ClassBalanced, Sampler::ProgressivelyBalanced];

/// Method number `draw`, valid or not. Parts that others depend on are drawn more often than those.
pub(crate) fn method(draw: i64) -> Method {
    tch::manual_seed(draw);
    let head = any(&[
        Head::Linear,
        Head::ScaledCosine { scale: 30.0 },
        Head::Cosine,
        Head::FixedEtf,
    ]);
    let loss = any(&[Loss::CrossEntropy, any(&parts::losses(START)), any(&losses_of(head))]);
    let sampler = any(&SAMPLERS);
    let later = Resample {
        sampler: any(&SAMPLERS),
        start_epoch: START,
    };
    let both_balanced = [sampler, later.sampler]
        .iter()
        .all(|sampler| BALANCED_AT_LAST.contains(sampler));
    Method {
        sampler,
        resample: sometimes(later).filter(|_| !both_balanced),
        augmentation: augmentation(),
        loss,
        reweight: sometimes(reweight()),
        regularizer: sometimes(FeatureTerm::Nc(any(&regularizers()))),
        contrast: sometimes(any(&contrasts())),
        head,
        experts: sometimes(any(&parts::ensembles(EPOCHS))),
        distillation: sometimes(any(&distillations())),
        initial: any(&[None, None, None, None, Some(any(&initials()))]),
        pretext: None, // that of pre-training, part of `initial`
        second_stage: None,
    }
}

/// One of `options`, drawn from libtorch's generator.
pub(crate) fn any<T: Clone>(options: &[T]) -> T {
    let index = Tensor::randint(options.len() as i64, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]);
    options[index as usize].clone()
}

fn sometimes<T: Clone>(part: T) -> Option<T> {
    any(&[None, Some(part)])
}

fn losses_of(head: Head) -> Vec<Loss> {
    let losses = parts::losses(START).into_iter();
    match head {
        Head::Cosine | Head::FixedEtf => losses.filter(|&loss| parts::head_for(loss) == head).collect(),
        Head::Linear | Head::ScaledCosine { .. } => losses.collect(),
    }
}

/// Half of them do nothing but mix, so that the effect of other parts can be distinguished from that of their draws.
fn augmentation() -> Augmentation {
    let (alpha, probability) = (4.0, 1.0); // boxes and shares well between 0 and 1
    let mixup = Mixup { alpha };
    let remix = Remix {
        alpha,
        ..Remix::default()
    };
    let cmo = Cmo {
        alpha,
        probability,
        power: 1.0,
        start_epoch: START,
        last_plain_epochs: 0,
    };
    let mixes = [
        Mix::Mixup(mixup),
        Mix::Remix(remix),
        Mix::ManifoldMixup(mixup),
        Mix::CutMix(CutMix { alpha, probability }),
        Mix::Cmo(cmo),
    ];
    let policies = [Policy::AutoAugment, Policy::RandAugment(RandAugment::default())];
    let mix = sometimes(any(&[Mix::Mixup(mixup), any(&mixes)]));
    let still = Augmentation {
        crop_and_flip: false,
        policy: None,
        cutout: None,
        mix,
    };
    let moving = Augmentation {
        crop_and_flip: any(&[false, true]),
        policy: sometimes(any(&policies)),
        cutout: sometimes(Cutout { side: 4 }),
        mix: mix.filter(|_| any(&[false, true])),
    };
    any(&[still, moving])
}

fn reweight() -> Reweight {
    let (beta, power, start_epoch) = (0.9999, any(&[0.5, 1.2]), any(&[0, START, START]));
    any(&[
        Reweight::ClassBalanced { beta, start_epoch },
        Reweight::InverseFrequency { power, start_epoch },
        Reweight::CostSensitive { power, start_epoch },
    ])
}

/// Every choice of the regularizer, at least once.
fn regularizers() -> [nc::Config; 5] {
    let config = nc::Config::default();
    [
        config,
        nc::Config {
            between: BetweenClass::V1,
            start_epoch: START,
            before_start: BeforeStart::WithinClassToFrozenCentres,
            mixed_labels: MixedLabels::Weighted,
            ..config
        },
        nc::Config {
            lambda_2: 0.5,
            within: WithinClass::SumOverClasses,
            absent_classes: AbsentClasses::Excluded,
            start_epoch: START,
            initial_centres: InitialCentres::ClassMeans,
            ..config
        },
        nc::Config {
            lambda_3: 0.1,
            within: WithinClass::SquaredCounts,
            between: BetweenClass::V2,
            rescale: false,
            ..config
        },
        nc::Config {
            lambda_1: 0.0,
            lambda_3: 0.1,
            within: WithinClass::CenterLoss,
            norm_penalty: NormPenalty::Features,
            ..config
        },
    ]
}

fn contrasts() -> [ContrastiveTerm; 5] {
    let dimension = 16;
    let parametric = ContrastiveTerm::Parametric(ParametricContrast {
        dimension,
        ..ParametricContrast::default()
    });
    [
        ContrastiveTerm::Balanced(BalancedContrast {
            dimension,
            ..BalancedContrast::default()
        }),
        ContrastiveTerm::KPositive(KPositiveContrast {
            dimension,
            ..KPositiveContrast::default()
        }),
        ContrastiveTerm::Probabilistic(ProbabilisticContrast {
            dimension,
            ..ProbabilisticContrast::default()
        }),
        parametric,
        parametric, // goes with only one loss
    ]
}

fn distillations() -> [Distillation; 3] {
    [(3.0, 0.5, None, 1.0), (3.0, 0.5, None, 0.5), (1.5, 1.0, Some(1.0), 1.0)].map(
        |(temperature, weight, labels_weight, power)| Distillation {
            teacher: "the network beside it".into(),
            temperature,
            weight,
            labels_weight,
            power,
        },
    )
}

fn initials() -> [Initial; 3] {
    let (path, sha256) = ("the network beside it".into(), None);
    [
        Initial::Checkpoint { path, sha256 },
        Initial::Method("the network beside it".into()),
        Initial::Rotation,
    ]
}

/// Second stage number `draw`, valid after a method or not.
pub(crate) fn second_stage(draw: i64) -> SecondStage {
    tch::manual_seed(draw);
    let retraining = Retraining {
        epochs: EPOCHS,
        learning_rate: LearningRate::Cosine { initial: 0.1 },
        weight_decay: 0.0,
        sampler: any(&SAMPLERS),
        classifier: any(&[InitialClassifier::Fresh, InitialClassifier::FirstStage]),
        backbone: any(&[BackboneMode::Eval, BackboneMode::Train]),
        loss: sometimes(any(&parts::losses(START))),
        reweight: sometimes(reweight()),
        classifier_rate: sometimes(0.5),
        max_norm: sometimes(0.1),
    };
    let frozen_classifier = Retraining {
        classifier: InitialClassifier::FirstStage,
        classifier_rate: None,
        max_norm: None,
        ..retraining.clone()
    };
    let sweep = Sweep { taus: vec![0.5, 1.0] };
    let assignment = ExpertAssignment {
        epochs: EPOCHS,
        ..ExpertAssignment::default()
    };
    any(&[
        SecondStage::Crt(retraining.clone()),
        SecondStage::Lws(frozen_classifier.clone()),
        SecondStage::DisAlign(frozen_classifier),
        SecondStage::Mislas(retraining.clone()),
        SecondStage::WeightBalancing(retraining),
        SecondStage::TauNormalization(sweep.clone()),
        SecondStage::LogitAdjustment(sweep),
        SecondStage::NearestClassMean {
            features: any(&[
                FeatureTransform::None,
                FeatureTransform::Normalized,
                FeatureTransform::CentredNormalized,
            ]),
            nearness: any(&[Nearness::Euclidean, Nearness::Cosine]),
        },
        SecondStage::ExpertAssignment(assignment),
    ])
}
