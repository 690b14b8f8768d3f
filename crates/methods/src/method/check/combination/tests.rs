use datasets::Dataset;

use super::*;
use crate::parts::augment::{Augmentation, Mixup};
use crate::parts::contrast::{BalancedContrast, KPositiveContrast, ParametricContrast};
use crate::parts::distillation::Distillation;
use crate::parts::experts::{Bilateral, Ncl, Sade};
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Resample;
use crate::parts::second_stage::Sweep;
use crate::protocol::Protocol;

const LDAM: Loss = Loss::Ldam {
    max_margin: 0.5,
    scale: 30.0,
};

fn with_stage(loss: Loss, head: Head, second_stage: SecondStage) -> Method {
    Method {
        loss,
        head,
        second_stage: Some(second_stage),
        ..Method::default()
    }
}

fn crt() -> Retraining {
    Protocol::Paper.classifier_retraining()
}

#[test]
fn margins_need_cosines_and_cosines_need_a_scale() {
    let method = |loss, head| Method {
        loss,
        head,
        ..Method::default()
    };
    let refusal = |loss, head| method(loss, head).check().unwrap_err();
    assert_eq!(
        refusal(LDAM, Head::Linear),
        MethodError::MarginsWithoutCosines("linear")
    );
    assert_eq!(
        refusal(Loss::CrossEntropy, Head::Cosine),
        MethodError::CosinesWithoutScale("cosine")
    );
    assert_eq!(
        refusal(Loss::BalancedSoftmax, Head::FixedEtf),
        MethodError::CosinesWithoutScale("fixed-etf")
    );
    assert_eq!(method(LDAM, Head::Cosine).check(), Ok(()));
    let scaled = Head::ScaledCosine { scale: 30.0 };
    assert_eq!(method(Loss::CrossEntropy, scaled).check(), Ok(()));
}

#[test]
fn a_second_stages_own_loss_needs_the_same_head() {
    let retraining = Retraining {
        loss: Some(Loss::CrossEntropy),
        ..crt()
    };
    let method = with_stage(LDAM, Head::Cosine, SecondStage::Crt(retraining));
    assert_eq!(method.check(), Err(MethodError::CosinesWithoutScale("cosine")));
    assert_eq!(with_stage(LDAM, Head::Cosine, SecondStage::Crt(crt())).check(), Ok(()));
}

#[test]
fn class_sizes_are_adjusted_for_once_and_only_in_log_probabilities() {
    let adjusted = |loss| with_stage(loss, Head::Linear, SecondStage::LogitAdjustment(Sweep::default())).check();
    assert_eq!(adjusted(Loss::CrossEntropy), Ok(()));
    assert_eq!(adjusted(Loss::BalancedSoftmax), Err(MethodError::PriorTwice));
    assert_eq!(adjusted(Loss::MeanSquaredError), Err(MethodError::NoSoftmax));
}

#[test]
fn contrast_needs_unmixed_images_and_parametric_contrast_no_other_loss() {
    let contrasted = |contrast| Method {
        contrast: Some(contrast),
        ..Method::default()
    };
    let mixed = |contrast| Method {
        augmentation: Protocol::Paper.augmentation(),
        ..contrasted(contrast)
    };
    let k_positive = ContrastiveTerm::KPositive(KPositiveContrast::default());
    let parametric = ContrastiveTerm::Parametric(ParametricContrast::default());
    assert_eq!(contrasted(k_positive).check(), Ok(()));
    assert_eq!(mixed(k_positive).check(), Err(MethodError::ContrastOfMixedImages));
    assert_eq!(mixed(parametric).check(), Err(MethodError::ContrastOfMixedImages));
    let balanced = ContrastiveTerm::Balanced(BalancedContrast::default());
    assert_eq!(mixed(balanced).check(), Ok(()));

    assert_eq!(contrasted(parametric).check(), Ok(()));
    let with_loss = Method {
        loss: Loss::BalancedSoftmax,
        ..contrasted(parametric)
    };
    assert_eq!(with_loss.check(), Err(MethodError::LossOfParametricContrast("loss")));
    let reweighted = Method {
        reweight: Some(Protocol::Paper.deferred_reweighting()),
        ..contrasted(parametric)
    };
    assert_eq!(
        reweighted.check(),
        Err(MethodError::LossOfParametricContrast("reweight"))
    );
    let adjusted = Method {
        second_stage: Some(SecondStage::LogitAdjustment(Sweep::default())),
        ..contrasted(parametric)
    };
    assert_eq!(adjusted.check(), Err(MethodError::PriorTwice));
}

#[test]
fn experts_that_adjust_for_class_sizes_need_a_loss_that_does_not() {
    for experts in [Experts::Sade(Sade::default()), Experts::Ncl(Ncl::default())] {
        let with_experts = |loss| Method {
            loss,
            experts: Some(experts),
            ..Method::default()
        };
        assert_eq!(with_experts(Loss::CrossEntropy).check(), Ok(()));
        assert_eq!(
            with_experts(Loss::BalancedSoftmax).check(),
            Err(MethodError::PriorTwiceInExperts)
        );
    }
}

#[test]
fn two_branches_need_two_samplers_and_unmixed_images() {
    let bilateral = || Method {
        experts: Some(Experts::Bilateral(Bilateral::default())),
        ..Method::default()
    };
    assert_eq!(bilateral().check(), Ok(()));
    let mixed = Method {
        augmentation: Protocol::Paper.augmentation(),
        ..bilateral()
    };
    assert_eq!(mixed.check(), Err(MethodError::MixedBranches));
    let reverse = Method {
        sampler: Sampler::Reverse,
        ..bilateral()
    };
    assert_eq!(reverse.check(), Err(MethodError::SameSamplerInBranches));
}

#[test]
fn a_later_sampler_that_changes_nothing_and_a_regularizer_without_gradient_are_refused() {
    let resample = Some(Resample {
        sampler: Sampler::InstanceBalanced,
        start_epoch: 3,
    });
    let method = Method {
        resample,
        ..Method::default()
    };
    assert_eq!(method.check(), Err(MethodError::SameSampler));
    let regularized = |config| Method {
        regularizer: Some(FeatureTerm::Nc(config)),
        ..Method::default()
    };
    let centres_alone = nc::Config {
        lambda_1: 0.0,
        ..nc::Config::default()
    };
    assert_eq!(regularized(centres_alone).check(), Err(MethodError::CentresAlone));
    let idle = nc::Config {
        lambda_2: 0.0,
        ..centres_alone
    };
    assert_eq!(regularized(idle).check(), Err(MethodError::IdleRegularizer));
    let short_features = nc::Config {
        lambda_3: 0.1,
        norm_penalty: NormPenalty::Features,
        ..centres_alone
    };
    assert_eq!(regularized(short_features).check(), Err(MethodError::CentresAlone));
    let short_features_alone = nc::Config {
        lambda_2: 0.0,
        ..short_features
    };
    assert_eq!(regularized(short_features_alone).check(), Ok(()));
}

#[test]
fn distillation_needs_probabilities_of_the_images_that_the_teacher_sees() {
    let distillation = Some(Distillation {
        teacher: "ce".into(),
        temperature: 3.0,
        weight: 0.5,
        labels_weight: None,
        power: 0.5,
    });
    let student = Method {
        distillation,
        ..Method::default()
    };
    assert_eq!(student.check(), Ok(()));
    let experts = Some(Experts::Sade(Sade::default()));
    let taught_experts = Method {
        experts,
        ..student.clone()
    };
    assert_eq!(taught_experts.check(), Ok(()));
    let experts = Some(Experts::Bilateral(Bilateral { epochs: 200 }));
    let refusal = |student: Method| student.check().unwrap_err();
    assert_eq!(
        refusal(Method {
            experts,
            ..student.clone()
        }),
        MethodError::DistillationOfBranches
    );
    let scaled_cosines = Method {
        loss: LDAM,
        head: Head::Cosine,
        ..student.clone()
    };
    assert_eq!(scaled_cosines.check(), Ok(()));
    let cosines = Method {
        loss: Loss::DotRegression { balanced_lengths: true },
        head: Head::FixedEtf,
        ..student.clone()
    };
    assert_eq!(refusal(cosines), MethodError::DistillationOfCosines);
    let augmentation = Augmentation {
        mix: Some(Mix::ManifoldMixup(Mixup { alpha: 1.0 })),
        ..Augmentation::default()
    };
    assert_eq!(
        refusal(Method {
            augmentation,
            ..student.clone()
        }),
        MethodError::DistillationOfMixedFeatures
    );
    let distillation = student.distillation.map(|distillation| Distillation {
        weight: 1.0,
        ..distillation
    });
    let unlabelled = Method {
        distillation,
        ..Method::default()
    };
    assert_eq!(
        refusal(unlabelled.clone()).to_string(),
        "`distillation.weight` is 1; set it to a number above 0 and below 1, or state `labels_weight`"
    );
    let beside_the_labels = unlabelled.distillation.map(|distillation| Distillation {
        labels_weight: Some(1.0),
        ..distillation
    });
    let beside_the_labels = Method {
        distillation: beside_the_labels,
        ..Method::default()
    };
    assert_eq!(beside_the_labels.check(), Ok(()));
}

#[test]
fn a_frozen_classifier_has_no_settings_and_weights_start_in_time() {
    let stage = |retraining| with_stage(Loss::CrossEntropy, Head::Linear, SecondStage::Lws(retraining)).check();
    let scales = Retraining::lws;
    assert_eq!(stage(scales()), Ok(()));
    assert_eq!(stage(crt()), Err(MethodError::FrozenClassifier("classifier")));
    let max_norm = Some(0.1);
    assert_eq!(
        stage(Retraining { max_norm, ..scales() }),
        Err(MethodError::FrozenClassifier("max_norm"))
    );
    let reweight = Some(Reweight::InverseFrequency {
        power: 1.0,
        start_epoch: 10,
    });
    assert_eq!(
        stage(Retraining { reweight, ..scales() }).unwrap_err().to_string(),
        "`second_stage.reweight.start_epoch` is 10; set it to an epoch before the end of the second stage, whose length is its `epochs`"
    );
    let loss = Some(Loss::InfluenceBalanced {
        alpha: 1000.0,
        start_epoch: 5,
    });
    let refusal = stage(Retraining { loss, ..scales() }).unwrap_err().to_string();
    assert!(
        refusal.starts_with("`second_stage.loss.start_epoch` is 5; "),
        "{refusal}"
    );
}

#[test]
fn a_second_stage_balances_classes_once_and_bounds_only_rows_that_nothing_rescales() {
    let staged = |loss, retraining| with_stage(loss, Head::Linear, SecondStage::Crt(retraining)).check();
    let instances = Retraining {
        sampler: Sampler::InstanceBalanced,
        ..crt()
    };
    assert_eq!(
        staged(Loss::BalancedSoftmax, crt()),
        Err(MethodError::PriorTwiceInStage)
    );
    assert_eq!(staged(Loss::BalancedSoftmax, instances.clone()), Ok(()));
    let loss = Some(Loss::LogitAdjustment { tau: 1.0 });
    assert_eq!(staged(Loss::CrossEntropy, Retraining { loss, ..instances }), Ok(()));
    assert_eq!(
        staged(Loss::CrossEntropy, Retraining { loss, ..crt() }),
        Err(MethodError::PriorTwiceInStage)
    );
    let bounded = Retraining {
        max_norm: Some(0.1),
        ..Retraining::mislas(Dataset::Cifar10)
    };
    let mislas = with_stage(Loss::CrossEntropy, Head::Linear, SecondStage::Mislas(bounded));
    assert_eq!(mislas.check(), Err(MethodError::NormsOfScaledClassifier));
}

#[test]
fn equalization_needs_a_rare_class() {
    let method = |loss| Method {
        loss,
        ..Method::default()
    };
    let by_share = method(Loss::Equalization {
        rare_share: 0.1,
        probability: 0.9,
    });
    assert_eq!(by_share.check_class_counts(&[91, 9]), Ok(()));
    assert_eq!(
        by_share.check_class_counts(&[75, 25]).unwrap_err().to_string(),
        "no class is rare for loss `equalization`: the smallest has 0.25, and rare is below 0.1; set `rare_share` \
         higher, choose a higher imbalance, or leave the method out with `--methods`"
    );
    let by_count = method(Loss::SigmoidEqualization { rare_count: 20 });
    assert_eq!(by_count.check_class_counts(&[75, 19]), Ok(()));
    assert!(by_count.check_class_counts(&[75, 20]).is_err());
}

#[test]
fn expert_assignment_needs_experts_that_can_answer_alone() {
    let staged = |experts, second_stage| Method {
        experts,
        second_stage: Some(second_stage),
        ..Method::default()
    };
    let assignment = crate::ExpertAssignment::default();
    let assigned = |experts| staged(experts, SecondStage::ExpertAssignment(assignment)).check();
    assert_eq!(assigned(Some(Experts::Sade(Sade::default()))), Ok(()));
    let branches = Some(Experts::Bilateral(Bilateral { epochs: 200 }));
    for experts in [None, branches] {
        assert_eq!(assigned(experts), Err(MethodError::AssignmentWithoutExperts));
    }
    let no_choice = crate::ExpertAssignment {
        top_choices: 0,
        ..assignment
    };
    let sade = Some(Experts::Sade(Sade::default()));
    let refusal = staged(sade, SecondStage::ExpertAssignment(no_choice))
        .check()
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("`expert-assignment.top_choices` is 0; "),
        "{refusal}"
    );
}

#[test]
fn parts_that_would_have_no_effect_are_refused() {
    let rotation = Method {
        experts: Some(Experts::Sade(Sade::default())),
        initial: Some(Initial::Rotation),
        ..Method::default()
    };
    assert_eq!(rotation.check(), Err(MethodError::RotationOfExperts));
    let contrast = Method {
        contrast: Some(ContrastiveTerm::KPositive(KPositiveContrast::default())),
        loss: Loss::DotRegression { balanced_lengths: true },
        head: Head::FixedEtf,
        ..Method::default()
    };
    assert_eq!(contrast.check(), Err(MethodError::ContrastAloneOnFixedEtf));
}
