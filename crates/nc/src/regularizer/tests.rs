use super::*;
use crate::BetweenClass;

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

fn regularizer(config: Config) -> Regularizer {
    tch::manual_seed(0);
    Regularizer::new(config, 4, 3, Kind::Double, Device::Cpu)
}

/// Six samples of classes 0, 1 and 3; class 2 is absent.
fn batch() -> (Tensor, Tensor) {
    let features = Tensor::randn([6, 3], OPTIONS).set_requires_grad(true);
    (features, Tensor::from_slice(&[0_i64, 0, 1, 3, 3, 3]))
}

fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
    (one - other).abs().max().double_value(&[])
}

#[test]
fn without_weights_the_term_is_zero_and_the_loss_keeps_its_gradient() {
    let mut nc = regularizer(Config {
        lambda_1: 0.0,
        lambda_2: 0.0,
        ..Config::default()
    });
    let before = nc.centres().copy();
    let (features, labels) = batch();
    let loss = features.sum(Kind::Double) + nc.forward(0, &features, &labels);
    loss.backward();
    nc.step();
    assert!(largest_difference(&features.grad(), &features.ones_like()) < f64::MIN_POSITIVE);
    assert_eq!(nc.centres(), &before);
}

#[test]
fn before_its_start_the_term_is_off() {
    let nc = regularizer(Config {
        start_epoch: 5,
        ..Config::default()
    });
    let (features, labels) = batch();
    assert!(!nc.forward(4, &features, &labels).requires_grad());
    assert!(nc.forward(4, &features, &labels).double_value(&[]).abs() < f64::MIN_POSITIVE);
    assert!(!nc.is_active(4) && nc.is_active(5));
    assert!(nc.forward(5, &features, &labels).double_value(&[]).abs() > 0.0);
}

#[test]
fn before_its_start_the_codes_variant_pulls_features_to_frozen_centres() {
    let before_start = BeforeStart::WithinClassToFrozenCentres;
    let mut nc = regularizer(Config {
        start_epoch: 5,
        before_start,
        ..Config::default()
    });
    let before = nc.centres().copy();
    let (features, labels) = batch();
    nc.forward(4, &features, &labels).backward();
    nc.step();
    assert!(features.grad().abs().min().double_value(&[]) > 0.0);
    assert_eq!(nc.centres(), &before);
}

#[test]
fn centres_move_to_their_batch_means_at_a_rate_independent_of_lambda_1() {
    for lambda_1 in [0.01, 0.3] {
        let mut nc = regularizer(Config {
            lambda_1,
            lambda_2: 0.0,
            ..Config::default()
        });
        let before = nc.centres().copy();
        let (features, labels) = batch();
        nc.forward(0, &features, &labels).backward();
        nc.step();
        let mean = |rows: &[i64]| {
            features
                .index_select(0, &Tensor::from_slice(rows))
                .mean_dim(0, false, None)
        };
        let target = Tensor::stack(&[mean(&[0, 1]), mean(&[2]), before.get(2), mean(&[3, 4, 5])], 0);
        let expected = &before + (target - &before) * (0.5 * 2.0 / 4.0);
        assert!(largest_difference(nc.centres(), &expected) < 1e-9);
    }
}

#[test]
fn without_rescale_lambda_1_sets_the_rate() {
    let step = |rescale| {
        let mut nc = regularizer(Config {
            lambda_1: 0.25,
            rescale,
            ..Config::default()
        });
        let before = nc.centres().copy();
        let (features, labels) = batch();
        nc.forward(0, &features, &labels).backward();
        nc.step();
        nc.centres() - before
    };
    assert!(largest_difference(&(step(true) * 0.25), &step(false)) < 1e-15);
}

#[test]
fn without_the_within_class_term_the_centres_follow_the_unscaled_between_class_gradient() {
    let mut nc = regularizer(Config {
        lambda_1: 0.0,
        lambda_2: 0.5,
        ..Config::default()
    });
    let before = nc.centres().detach().set_requires_grad(true);
    between_class(&before, BetweenClass::V0).backward();
    let (features, labels) = batch();
    nc.forward(0, &features, &labels).backward();
    assert!(!features.grad().defined());
    let start = nc.centres().detach().copy();
    nc.step();
    assert!(largest_difference(nc.centres(), &(start - before.grad() * (0.5 * 0.5))) < 1e-15);
}

#[test]
fn a_step_without_a_gradient_moves_nothing_and_a_gradient_is_used_once() {
    let mut nc = regularizer(Config::default());
    let start = nc.centres().copy();
    nc.step();
    assert_eq!(nc.centres(), &start);
    let (features, labels) = batch();
    nc.forward(0, &features, &labels).backward();
    nc.step();
    let moved = nc.centres().copy();
    nc.step();
    assert_eq!(nc.centres(), &moved);
    assert_ne!(moved, start);
}

#[test]
fn mixed_batches_use_the_first_labels_or_blend_the_within_class_term_alone() {
    let (features, first) = batch();
    let second = first.flip(0);
    let blended = |mixed_labels| {
        let nc = regularizer(Config {
            mixed_labels,
            ..Config::default()
        });
        let plain = |labels| nc.forward(0, &features, labels).double_value(&[]);
        let mixed = nc
            .forward_mixed(0, &features, &first, &second, &Tensor::from(0.3))
            .double_value(&[]);
        (mixed, plain(&first), plain(&second))
    };
    let (mixed, first, _) = blended(MixedLabels::First);
    assert!((mixed - first).abs() < f64::MIN_POSITIVE);
    let (mixed, first, second) = blended(MixedLabels::Weighted);
    assert!((mixed - 0.3 * first - 0.7 * second).abs() < 1e-12);
    assert!((first - second).abs() > 1e-6);
}

#[test]
fn the_feature_norm_penalty_is_the_mean_squared_norm() {
    let config = Config {
        lambda_1: 0.0,
        lambda_2: 0.0,
        lambda_3: 2.0,
        ..Config::default()
    };
    let nc = regularizer(Config {
        norm_penalty: NormPenalty::Features,
        ..config
    });
    let (features, labels) = batch();
    let expected = 2.0 * features.square().sum(Kind::Double).double_value(&[]) / 6.0;
    assert!((nc.forward(0, &features, &labels).double_value(&[]) - expected).abs() < 1e-12);
}

#[test]
fn saved_centres_restore_the_next_step_exactly() {
    let (features, labels) = batch();
    let advance = |nc: &mut Regularizer| {
        nc.forward(0, &features, &labels).backward();
        nc.step();
    };
    let mut straight = regularizer(Config::default());
    advance(&mut straight);
    let saved = straight.centres().detach().copy();
    advance(&mut straight);
    let mut resumed = Regularizer::new(Config::default(), 4, 3, Kind::Double, Device::Cpu);
    resumed.set_centres(&saved).expect("centres of the same shape");
    advance(&mut resumed);
    assert_eq!(resumed.centres(), straight.centres());
}

#[test]
fn centres_of_another_shape_or_with_a_nan_are_refused() {
    let mut nc = regularizer(Config::default());
    let error = nc
        .set_centres(&Tensor::zeros([4, 2], OPTIONS))
        .expect_err("the dimension is 3");
    assert_eq!(
        error.to_string(),
        "centres have shape [4, 2]; give them as [4, 3], classes by feature dimension"
    );
    let error = nc
        .set_centres(&Tensor::full([4, 3], f64::NAN, OPTIONS))
        .expect_err("a NaN");
    assert_eq!(error, Error::NotFinite { what: "centres" });
}

#[test]
fn class_means_replace_the_centres_of_present_classes() {
    let mut nc = regularizer(Config {
        initial_centres: InitialCentres::ClassMeans,
        start_epoch: 3,
        ..Config::default()
    });
    assert!(nc.wants_class_means(3) && !nc.wants_class_means(0) && !nc.wants_class_means(4));
    let before = nc.centres().copy();
    let (features, labels) = batch();
    nc.initialise_from_class_means(&features, &labels)
        .expect("labels in range");
    assert!(largest_difference(&nc.centres().get(1), &features.get(2)) < 1e-12);
    assert_eq!(nc.centres().get(2), before.get(2));
    assert!(nc.centres().requires_grad());
    let wrong = nc.initialise_from_class_means(&features, &(&labels + 1));
    assert_eq!(wrong, Err(Error::LabelOutOfRange { label: 4, classes: 4 }));
}

#[test]
#[should_panic(expected = "at least 2 classes, not 1")]
fn one_class_is_refused() {
    Regularizer::new(Config::default(), 1, 3, Kind::Float, Device::Cpu);
}
