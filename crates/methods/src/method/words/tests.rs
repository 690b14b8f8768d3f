use super::*;
use crate::parts::augment::{Augmentation, Cmo, Cutout, Mix, Policy, RandAugment};
use crate::parts::contrast::{ContrastiveTerm, KPositiveContrast, ParametricContrast, ProbabilisticContrast};
use crate::parts::experts::{Bilateral, Experts, Ncl, Ride, Sade};
use crate::parts::loss::Loss;
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Resample;
use crate::protocol::Protocol;

#[test]
fn every_part_that_differs_from_plain_cross_entropy_is_named() {
    let plain = Method::default();
    assert_eq!(plain.to_string(), "cross-entropy");
    let method = Method {
        loss: Loss::Ldam {
            max_margin: 0.5,
            scale: 30.0,
        },
        head: Head::Cosine,
        sampler: Sampler::EffectiveNumber { beta: 0.99 },
        reweight: Some(Protocol::Paper.deferred_reweighting()),
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        second_stage: Some(SecondStage::Crt(Protocol::Paper.classifier_retraining())),
        ..plain
    };
    assert_eq!(
        method.to_string(),
        "LDAM (margin 0.5, scale 30), cosine head, effective-number sampling (β 0.99), re-weighted from epoch 160 \
         (β 0.9999), NC from epoch 0 (λ₁ 0.01, λ₂ 0.1), then cRT for 10 epochs (class-balanced sampling)"
    );
}

#[test]
fn experts_are_named_beside_what_each_learns_by() {
    let ride = Method {
        experts: Some(Experts::Ride(Ride::default())),
        ..Method::default()
    };
    assert_eq!(
        ride.to_string(),
        "cross-entropy, RIDE of 3 experts (diversity 0.45, temperature 1, by class frequency 0.05)"
    );
    let sade = Method {
        experts: Some(Experts::Sade(Sade::default())),
        head: Head::ScaledCosine { scale: 30.0 },
        ..Method::default()
    };
    assert_eq!(
        sade.to_string(),
        "cross-entropy, SADE of 3 experts (τ 2), cosine head (scale 30)"
    );
    let others = |experts| Method {
        experts: Some(experts),
        ..Method::default()
    };
    assert_eq!(
        others(Experts::Ncl(Ncl::default())).to_string(),
        "cross-entropy, NCL of 3 networks (hard share 0.3, collaboration 0.6)"
    );
    assert_eq!(
        others(Experts::Bilateral(Bilateral::default())).to_string(),
        "cross-entropy, BBN of 2 branches (the second by reverse sampling, cumulative over 200 epochs)"
    );
}

#[test]
fn contrast_is_named_beside_the_loss_or_in_its_place() {
    let contrasted = |contrast| Method {
        contrast: Some(contrast),
        ..Method::default()
    };
    assert_eq!(
        contrasted(ContrastiveTerm::KPositive(KPositiveContrast::default())).to_string(),
        "cross-entropy, features by k-positive contrastive learning alone (6 positives, temperature 0.07, 128 \
         dimensions)"
    );
    assert_eq!(
        contrasted(ContrastiveTerm::Parametric(ParametricContrast::default())).to_string(),
        "parametric contrastive learning (α 0.01, temperature 0.05, 32 dimensions)"
    );
    assert_eq!(
        contrasted(ContrastiveTerm::Probabilistic(ProbabilisticContrast::default())).to_string(),
        "cross-entropy, probabilistic contrastive learning (weight 1, temperature 0.1, 128 dimensions)"
    );
}

#[test]
fn deferred_parts_are_named_with_their_epoch() {
    let method = Method {
        loss: Loss::InfluenceBalanced {
            alpha: 1000.0,
            start_epoch: 100,
        },
        resample: Some(Resample {
            sampler: Sampler::ClassAware { samples_per_turn: 4 },
            start_epoch: 160,
        }),
        reweight: Some(Reweight::InverseFrequency {
            power: 1.0,
            start_epoch: 100,
        }),
        ..Method::default()
    };
    assert_eq!(
        method.to_string(),
        "influence-balanced loss from epoch 100 (α 1000), class-aware sampling (4 images a turn) from epoch 160, \
         re-weighted from epoch 100 (inverse frequency, power 1)"
    );
}

#[test]
fn recipe_of_the_paper_reads_as_a_sentence() {
    assert_eq!(
        Protocol::Paper.recipe().to_string(),
        "200 epochs of batches of 128, SGD with momentum 0.9 and weight decay 0.005, learning rate 0.1, times 0.1 at \
         epochs 160 and 180 (counted from 0), warm-up over 5 epochs"
    );
}

#[test]
fn augmentation_names_what_is_on() {
    assert_eq!(
        Protocol::Paper.augmentation().to_string(),
        "crop and flip, mixup (α 0.2)"
    );
    assert_eq!(
        Augmentation {
            crop_and_flip: false,
            ..Augmentation::default()
        }
        .to_string(),
        "none"
    );
    assert_eq!(
        Augmentation {
            policy: Some(Policy::RandAugment(RandAugment::default())),
            cutout: Some(Cutout::default()),
            mix: Some(Mix::Cmo(Cmo::default())),
            ..Augmentation::default()
        }
        .to_string(),
        "crop and flip, RandAugment (2 operations, magnitude 10 ± 0.5, probability 0.5), cutout (16 pixels), CMO from epoch 4, not in the last 3 (α 1, probability 0.5, foregrounds \
         weighted by class size to the −1)"
    );
}
