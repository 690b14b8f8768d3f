//! Augmentations compared draw by draw after seeding. In a binary of its own: libtorch has one generator per process,
//! which these tests take in turns.

use std::sync::{Mutex, MutexGuard};

use datasets::{Normalization, Split};
use methods::{
    Augmentation, Augmenter, Batch, Cmo, CutMix, Images, Mix, Mixup, Policy, RandAugment, Remix, Target, epoch_seed,
};
use tch::{Device, Kind, Tensor};

static GENERATOR: Mutex<()> = Mutex::new(());

/// Exclusive use of the generator, even if another test failed while it had it.
fn generator() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Forty images, the first thirty of class 0, the others of class 1; and their class counts.
fn train() -> (Images, Tensor) {
    let pixels = (Tensor::arange(40 * 3 * 16 * 16, (Kind::Int64, Device::Cpu)) * 97).remainder(251);
    let split = Split::new(
        pixels.to_kind(Kind::Uint8).view([40, 3, 16, 16]),
        Tensor::arange(40, (Kind::Int64, Device::Cpu))
            .ge(30)
            .to_kind(Kind::Int64),
        2,
    );
    let normalization = Normalization {
        mean: [0.4, 0.5, 0.6],
        deviation: [0.2, 0.25, 0.3],
    };
    let images = Images::new(&split, &normalization, Device::Cpu);
    (images, Tensor::from_slice(&[30.0_f32, 10.0]))
}

/// Eight images of each class, augmented after seeding.
fn augmented(settings: &Augmentation, seed: i64) -> (Tensor, Target) {
    let (train, class_counts) = train();
    let batch = train
        .batch(&Tensor::arange_start(22, 38, (Kind::Int64, Device::Cpu)))
        .expect("in memory");
    tch::manual_seed(seed);
    Augmenter::new(settings.clone(), &train, &class_counts).apply(&batch)
}

fn with_mix(mix: Mix) -> Augmentation {
    Augmentation {
        mix: Some(mix),
        ..Augmentation::default()
    }
}

fn with_policy(policy: Policy) -> Augmentation {
    Augmentation {
        policy: Some(policy),
        ..Augmentation::default()
    }
}

fn parts(target: Target) -> (Tensor, Tensor, Tensor) {
    match target {
        Target::Mixed { first, second, lambda } => (first, second, lambda),
        Target::Labels(labels) => panic!("not mixed: {labels:?}"),
    }
}

#[test]
fn mixup_draws_partners_and_then_its_share_after_crop_and_flip() {
    let _turn = generator();
    let (mixed, target) = augmented(&with_mix(Mix::Mixup(Mixup { alpha: 0.2 })), 4);
    let (cropped, labels) = augmented(&Augmentation::default(), 4);
    let partners = Tensor::randperm(16, (Kind::Int64, Device::Cpu)); // continues after the draws of crop and flip
    let gammas = Tensor::full([2], 0.2, (Kind::Double, Device::Cpu)).internal_standard_gamma();
    let share = (gammas.get(0) / gammas.sum(Kind::Double)).to_kind(Kind::Float);
    let expected = &cropped * &share + cropped.index_select(0, &partners) * (1.0 - &share);
    assert_eq!(mixed, expected);
    let labels = labels.first();
    assert_eq!(
        parts(target),
        (labels.copy(), labels.index_select(0, &partners), share),
        "runs that are resumed rely on this order"
    );
}

#[test]
fn remix_mixes_images_as_mixup_does_and_only_then_looks_at_labels() {
    let _turn = generator();
    let mut relabelled = 0;
    for seed in 0..10 {
        let (mixup, mixup_target) = augmented(&with_mix(Mix::Mixup(Mixup { alpha: 1.0 })), seed);
        let (remix, remix_target) = augmented(&with_mix(Mix::Remix(Remix::default())), seed);
        assert_eq!(remix, mixup);
        let (mixup, remix) = (parts(mixup_target), parts(remix_target));
        assert_eq!(remix.2, mixup.2);
        relabelled += i32::from(remix != mixup);
    }
    assert!(relabelled > 0, "a ratio of 3 reaches κ");
}

#[test]
fn manifold_mixup_mixes_features_as_mixup_mixes_images() {
    let _turn = generator();
    let (train, class_counts) = train();
    let batch = Batch {
        images: Tensor::randint(256, [16, 3, 4, 4], (Kind::Uint8, Device::Cpu)),
        labels: Tensor::arange(16, (Kind::Int64, Device::Cpu)),
    };
    let augmenter = |mix| {
        let settings = Augmentation {
            crop_and_flip: false,
            ..with_mix(mix)
        };
        Augmenter::new(settings, &train, &class_counts)
    };
    let mixup = Mixup { alpha: 1.0 };
    tch::manual_seed(6);
    let (mixed, target) = augmenter(Mix::Mixup(mixup)).apply(&batch);
    tch::manual_seed(6);
    let manifold = augmenter(Mix::ManifoldMixup(mixup));
    let (features, plain) = manifold.apply(&batch);
    let (features, manifold_target) = manifold.mix_features(features, plain);
    assert_eq!((features, parts(manifold_target)), (mixed, parts(target)));
}

#[test]
fn boxes_that_are_never_pasted_leave_the_plain_batch() {
    let _turn = generator();
    let (plain, labels) = augmented(&Augmentation::default(), 8);
    let cutmix = CutMix {
        probability: 0.0,
        ..CutMix::default()
    };
    let cmo = Cmo {
        probability: 0.0,
        ..Cmo::default()
    };
    for mix in [Mix::CutMix(cutmix), Mix::Cmo(cmo)] {
        let (images, target) = augmented(&with_mix(mix), 8);
        assert_eq!(images, plain, "{mix:?}");
        let (first, _, lambda) = parts(target);
        assert_eq!((&first, lambda), (labels.first(), Tensor::from(1.0_f32)), "{mix:?}");
    }
}

#[test]
fn policies_change_images_but_neither_their_labels_nor_their_layout() {
    let _turn = generator();
    let (plain, labels) = augmented(&Augmentation::default(), 4);
    for policy in [Policy::AutoAugment, Policy::RandAugment(RandAugment::default())] {
        let (images, target) = augmented(&with_policy(policy), 4);
        assert_eq!((images.size(), images.stride()), (plain.size(), plain.stride()));
        let same = images.eq_tensor(&plain).flatten(1, -1).all_dim(1, false);
        let changed = 16 - same.sum(Kind::Int64).int64_value(&[]);
        assert!(changed >= 4, "{policy:?} changes {changed} of 16 images");
        assert_eq!(target.first(), labels.first());
    }
    let never = RandAugment {
        probability: 0.0,
        ..RandAugment::default()
    };
    let (images, _) = augmented(&with_policy(Policy::RandAugment(never)), 4);
    assert_eq!(images, plain, "crops are drawn before the policy");
}

#[test]
fn the_seed_of_an_epoch_repeats_every_augmentation() {
    let _turn = generator();
    let every = Augmentation {
        policy: Some(Policy::AutoAugment),
        cutout: Some(methods::Cutout::default()),
        ..with_mix(Mix::Cmo(Cmo::default()))
    };
    let in_epoch = |epoch| {
        let (images, target) = augmented(&every, epoch_seed(3, epoch));
        (images, parts(target))
    };
    assert_eq!(in_epoch(5), in_epoch(5));
    assert_ne!(in_epoch(5), in_epoch(6));
}
