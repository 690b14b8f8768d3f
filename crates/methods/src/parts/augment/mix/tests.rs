use tch::{Device, Kind};

use super::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Sixteen images `[16, 1, 8, 8]`, each filled with its index, of classes 0 to 15.
fn batch() -> (Tensor, Tensor) {
    let labels = Tensor::arange(16, (Kind::Int64, Device::Cpu));
    let images = labels
        .to_kind(Kind::Float)
        .view([16, 1, 1, 1])
        .expand([16, 1, 8, 8], false);
    (images.contiguous(), labels)
}

fn parts(target: Target) -> (Tensor, Tensor, f64) {
    match target {
        Target::Mixed { first, second, lambda } => (first, second, lambda.double_value(&[])),
        Target::Labels(labels) => panic!("not mixed: {labels:?}"),
    }
}

#[test]
fn beta_draws_have_the_mean_and_variance_of_the_distribution() {
    tch::manual_seed(3);
    for alpha in [0.2, 1.0] {
        let draws = Tensor::stack(&(0..4000).map(|_| beta_draw(alpha, Device::Cpu)).collect::<Vec<_>>(), 0);
        let variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((draws.mean(Kind::Double).double_value(&[]) - 0.5).abs() < 0.03);
        assert!((draws.to_kind(Kind::Double).var(true).double_value(&[]) - variance).abs() < 0.02);
    }
}

#[test]
fn mixup_blends_images_as_it_blends_labels_and_at_lambda_1_changes_nothing() {
    let (images, labels) = batch();
    let mut plain = 0;
    for seed in 0..20 {
        tch::manual_seed(seed);
        // α this small makes λ 0 or 1, up to rounding: the identity is reached, not approached.
        let alpha = if seed % 2 == 0 { 1e-4 } else { 1.0 };
        let (mixed, target) = Mixup { alpha }.apply(&images, labels.copy());
        let (first, second, lambda) = parts(target);
        assert_eq!(first, labels);
        let expected = &first * lambda + &second * (1.0 - lambda);
        assert!(
            mixed
                .select(2, 0)
                .select(2, 0)
                .squeeze()
                .allclose(&expected.to_kind(Kind::Float), 1e-5, 1e-5, false)
        );
        if lambda.to_bits() == 1.0_f64.to_bits() {
            assert_eq!(mixed, images);
            plain += 1;
        }
    }
    assert!(plain > 0, "λ = 1 occurs");
}

#[test]
fn remix_with_tau_0_or_a_kappa_that_no_ratio_reaches_is_mixup() {
    let class_counts = Tensor::arange(16, CPU) * 50 + 1.0;
    let labels = batch().1;
    let relabelled = |remix: Remix, lambda: f64| {
        let target = Target::Mixed {
            first: labels.copy(),
            second: labels.flip(0),
            lambda: Tensor::from(lambda),
        };
        parts(remix.relabel(target, &class_counts))
    };
    for lambda in [0.0, 0.3, 0.5, 1.0] {
        let mixup = (labels.copy(), labels.flip(0), lambda);
        for (kappa, tau) in [(3.0, 0.0), (1e9, 0.5)] {
            let alpha = 1.0;
            assert_eq!(relabelled(Remix { alpha, kappa, tau }, lambda), mixup);
        }
        let changes = relabelled(Remix::default(), lambda) != mixup;
        assert_eq!(changes, !(0.4..0.6).contains(&lambda), "λ {lambda}");
    }
}

#[test]
fn where_remix_may_drop_either_label_it_drops_the_first() {
    let labels = |label: i64| Tensor::from_slice(&[label]);
    let target = Target::Mixed {
        first: labels(0),
        second: labels(1),
        lambda: Tensor::from(0.5),
    };
    let (alpha, kappa, tau) = (1.0, 1.0, 0.9);
    let class_counts = Tensor::from_slice(&[7.0_f32, 7.0]);
    let (first, second, _) = parts(Remix { alpha, kappa, tau }.relabel(target, &class_counts));
    assert_eq!((first, second), (labels(1), labels(1)));
}

#[test]
fn remix_gives_the_label_to_the_rare_class_where_its_share_and_the_ratio_allow() {
    let class_counts = Tensor::from_slice(&[900.0_f32, 300.0, 100.0]);
    // Pairs (first, second) at n_i / n_j of 3, 9, 1/3, 1/9, 1 and 3.
    let target = |lambda: f64| Target::Mixed {
        first: Tensor::from_slice(&[0_i64, 0, 1, 2, 1, 1]),
        second: Tensor::from_slice(&[1_i64, 2, 0, 0, 1, 2]),
        lambda: Tensor::from(lambda),
    };
    let remix = Remix::default();
    let (first, second, _) = parts(remix.relabel(target(0.3), &class_counts));
    assert_eq!(
        first,
        Tensor::from_slice(&[1_i64, 2, 1, 2, 1, 2]),
        "a small share of a frequent class is not named"
    );
    assert_eq!(second, Tensor::from_slice(&[1_i64, 2, 0, 0, 1, 2]));
    let (first, second, lambda) = parts(remix.relabel(target(0.7), &class_counts));
    assert_eq!(first, Tensor::from_slice(&[0_i64, 0, 1, 2, 1, 1]));
    assert_eq!(second, Tensor::from_slice(&[1_i64, 2, 1, 2, 1, 2]));
    assert!((lambda - 0.7).abs() < 1e-12);
    let remix = Remix { kappa: 5.0, ..remix };
    let (first, _, _) = parts(remix.relabel(target(0.3), &class_counts));
    assert_eq!(
        first,
        Tensor::from_slice(&[0_i64, 2, 1, 2, 1, 1]),
        "a ratio of 3 is below κ"
    );
}

#[test]
fn cutmix_pastes_a_box_of_the_partner_and_lambda_is_the_remaining_share() {
    let (images, labels) = batch();
    let cutmix = CutMix {
        alpha: 1.0,
        probability: 1.0,
    };
    let mut shares = Vec::new();
    for seed in 0..30 {
        tch::manual_seed(seed);
        let (mixed, target) = cutmix.apply(&images, labels.copy());
        let (first, second, lambda) = parts(target);
        assert_eq!(first, labels);
        let partners = second.to_kind(Kind::Float).view([16, 1, 1, 1]);
        let (kept, pasted) = (mixed.eq_tensor(&images), mixed.eq_tensor(&partners));
        assert_eq!(kept.logical_or(&pasted).all().int64_value(&[]), 1);
        let moved = second.ne_tensor(&first); // elsewhere both images are the same
        let kept = kept.index_select(0, &moved.nonzero().squeeze()).to_kind(Kind::Double);
        let share = kept.mean_dim([1, 2, 3].as_slice(), false, Kind::Double);
        assert!((share - lambda).abs().max().double_value(&[]) < 1e-6);
        shares.push(lambda);
    }
    assert!(shares.iter().any(|&share| share < 0.5) && shares.iter().any(|&share| share > 0.8));
}

#[test]
fn cutmix_of_probability_0_changes_nothing() {
    let (images, labels) = batch();
    let cutmix = CutMix {
        alpha: 1.0,
        probability: 0.0,
    };
    let (mixed, target) = cutmix.apply(&images, labels);
    assert_eq!(mixed, images);
    assert!((parts(target).2 - 1.0).abs() < f64::MIN_POSITIVE);
}

#[test]
fn foregrounds_of_power_1_are_class_balanced_and_of_power_0_follow_the_split() {
    tch::manual_seed(5);
    let labels = Tensor::cat(&[Tensor::zeros([900], CPU), Tensor::ones([100], CPU)], 0).to_kind(Kind::Int64);
    let class_counts = Tensor::from_slice(&[900.0_f32, 100.0]);
    let share_of_rare = |power| {
        let cmo = Cmo {
            power,
            ..Cmo::default()
        };
        let drawn = cmo.foregrounds(2000, &labels, &class_counts);
        labels.index_select(0, &drawn).mean(Kind::Double).double_value(&[])
    };
    assert!((share_of_rare(1.0) - 0.5).abs() < 0.05);
    assert!((share_of_rare(0.0) - 0.1).abs() < 0.03);
}

#[test]
fn cmo_leaves_the_first_and_last_epochs_plain() {
    let mixing: Vec<i64> = (0..10)
        .filter(|&epoch| Mix::Cmo(Cmo::default()).is_active(epoch, 10))
        .collect();
    assert_eq!(mixing, [4, 5, 6]);
    assert!(Mix::Mixup(Mixup { alpha: 1.0 }).is_active(0, 1));
}
