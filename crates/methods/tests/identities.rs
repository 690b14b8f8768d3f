//! Methods that are special cases of other methods, trained to the end. Those of losses alone are in
//! `src/parts/loss/identities.rs`.

#[path = "parts/second_stage.rs"]
mod second_stage;
#[path = "parts/tiny.rs"]
mod tiny;

use datasets::Dataset;
use methods::{
    Augmentation, BackboneMode, Cmo, Experts, FeatureTerm, Loss, LossInput, Method, Mix, Model, Protocol, Resample,
    Retraining, Reweight, Ride, Sampler, SecondStage,
};
use tch::{Device, Kind, Tensor};

const LONG_TAILED: [i64; 3] = [9, 5, 2];
const EPOCHS: i64 = 2; // of one step each

/// The tensors that `method` learns from `class_counts` images of each class, in the order of their names.
fn trained(method: &Method, class_counts: [i64; 3]) -> Vec<Tensor> {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = folder.path().join("checkpoint");
    let mut model = tiny::network(method, 2);
    let (recipe, images) = (tiny::recipe(EPOCHS, 16, 5e-4), tiny::images(class_counts));
    tiny::train(&mut model, method, &recipe, &images, &checkpoint, None).expect("it trains");
    tensors(&model)
}

fn tensors(model: &Model) -> Vec<Tensor> {
    model.named_tensors().into_iter().map(|(_, tensor)| tensor).collect()
}

/// The largest difference between the tensors of two equal networks.
fn distance(left: &[Tensor], right: &[Tensor]) -> f64 {
    assert_eq!(left.len(), right.len());
    let differences = left
        .iter()
        .zip(right)
        .map(|(left, right)| (left - right).abs().max().double_value(&[]));
    differences.fold(0.0, f64::max)
}

/// Classifier weights and bias after `second_stage` on a finished network, which `change` may change before.
fn retrained(second_stage: &SecondStage, change: impl FnOnce(&Model)) -> [Tensor; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (first, recipe, images) = (
        Method::default(),
        tiny::recipe(EPOCHS, 16, 5e-4),
        tiny::images(LONG_TAILED),
    );
    let mut model = tiny::network(&first, 2);
    tiny::train(&mut model, &first, &recipe, &images, &path("first"), None).expect("it trains");

    let (recipe, stage) = second_stage.as_training(&recipe, &first);
    let mut model = second_stage::prepared(second_stage, &stage, &path("first"));
    change(&model);
    tiny::train(&mut model, &stage, &recipe, &images, &path("second"), None).expect("it trains");
    ["linear.weight", "linear.bias"].map(|name| named(&model, name))
}

fn named(model: &Model, name: &str) -> Tensor {
    let mut tensors = model.named_tensors().into_iter();
    let (_, tensor) = tensors.find(|(other, _)| other == name).expect("it has one");
    tensor
}

fn re_weightings(start_epoch: i64) -> [Reweight; 3] {
    let (beta, power) = (0.9999, 1.2);
    [
        Reweight::ClassBalanced { beta, start_epoch },
        Reweight::InverseFrequency { power, start_epoch },
        Reweight::CostSensitive { power, start_epoch },
    ]
}

#[test]
fn with_equal_class_counts_any_re_weighting_is_cross_entropy_deferred_or_not() {
    tch::set_num_threads(1);
    for reweight in [re_weightings(0), re_weightings(1)].concat() {
        let method = Method {
            reweight: Some(reweight),
            ..Method::default()
        };
        let from_plain = |class_counts| {
            let plain = trained(&Method::default(), class_counts);
            distance(&trained(&method, class_counts), &plain)
        };
        let (balanced, long_tailed) = (from_plain([6; 3]), from_plain(LONG_TAILED));
        assert!(
            balanced < 1e-5 && long_tailed > 1e-3,
            "{reweight:?}: {balanced} {long_tailed}"
        );
    }
}

#[test]
fn parts_that_start_after_the_last_epoch_or_have_weight_0_have_no_effect() {
    tch::set_num_threads(1);
    let start_epoch = EPOCHS;
    let (plain, sampler) = (Method::default(), Sampler::Reverse);
    let late = [
        Method {
            reweight: Some(re_weightings(start_epoch)[0]),
            ..plain.clone()
        },
        Method {
            resample: Some(Resample { sampler, start_epoch }),
            ..plain.clone()
        },
        Method {
            regularizer: Some(FeatureTerm::Nc(nc::Config {
                start_epoch,
                ..nc::Config::default()
            })),
            ..plain.clone()
        },
        Method {
            regularizer: Some(FeatureTerm::Nc(nc::Config {
                lambda_1: 0.0,
                lambda_2: 0.0,
                ..nc::Config::default()
            })),
            ..plain.clone()
        },
        Method {
            loss: Loss::InfluenceBalanced {
                alpha: 1000.0,
                start_epoch,
            },
            ..plain.clone()
        },
        Method {
            augmentation: Augmentation {
                mix: Some(Mix::Cmo(Cmo {
                    start_epoch,
                    ..Cmo::default()
                })),
                ..Augmentation::default()
            },
            ..plain.clone()
        },
    ];
    let plain = trained(&plain, LONG_TAILED);
    for method in late {
        assert_eq!(trained(&method, LONG_TAILED), plain, "{method:?}");
    }
}

/// Class counts are powers of two: the weights of all samples are then equal, however a sampler computes them.
#[test]
fn with_equal_class_counts_every_sampler_draws_every_class_equally_often() {
    let class_counts = Tensor::full([4], 16.0, (Kind::Float, Device::Cpu));
    let classes = Tensor::arange(4, (Kind::Int64, Device::Cpu));
    let labels = classes.repeat_interleave_self_int(16, None, None);
    let order = |sampler: Sampler| {
        tch::manual_seed(3);
        sampler.epoch_order(&labels, &class_counts, 0.5)
    };
    for sampler in [Sampler::InstanceBalanced, Sampler::ClassAware { samples_per_turn: 4 }] {
        let drawn = nc::batch_counts(&labels.index_select(0, &order(sampler)), 4);
        assert_eq!(drawn, class_counts, "{sampler:?} draws without replacement");
    }
    tch::manual_seed(3);
    let any_sample = Tensor::ones([64], (Kind::Float, Device::Cpu)).multinomial(64, true);
    for sampler in [
        Sampler::ClassBalanced,
        Sampler::SquareRoot,
        Sampler::ProgressivelyBalanced,
        Sampler::EffectiveNumber { beta: 0.5 },
        Sampler::Reverse,
    ] {
        assert_eq!(order(sampler), any_sample, "{sampler:?}");
    }
}

/// Both need the same initial classifier (the first stage's), rate, sampler and label-aware smoothing; the scales,
/// which classifier re-training lacks, stay at 1.
#[test]
fn mislas_without_shifted_batch_norm_and_scales_is_classifier_retraining_by_label_aware_smoothing() {
    tch::set_num_threads(1);
    let mislas = Retraining {
        epochs: EPOCHS,
        ..Retraining::mislas(Dataset::Cifar10)
    };
    let shifted = Retraining {
        backbone: BackboneMode::Train,
        ..mislas.clone()
    };
    let keep_scales = |model: &Model| {
        let _ = named(model, "linear.scale").set_requires_grad(false);
    };
    let decoupled = retrained(&SecondStage::Crt(mislas.clone()), |_| {});
    assert_eq!(retrained(&SecondStage::Mislas(mislas.clone()), keep_scales), decoupled);
    assert_ne!(
        retrained(&SecondStage::Mislas(mislas), |_| {}),
        decoupled,
        "scales learn"
    );
    assert_ne!(retrained(&SecondStage::Mislas(shifted), keep_scales), decoupled);
}

#[test]
fn weight_balancing_without_max_norm_and_with_its_decay_is_classifier_retraining() {
    tch::set_num_threads(1);
    let balancing = |max_norm| Retraining {
        epochs: EPOCHS,
        max_norm,
        ..Protocol::Paper.classifier_retraining()
    };
    let plain = retrained(&SecondStage::Crt(balancing(None)), |_| {});
    assert_eq!(retrained(&SecondStage::WeightBalancing(balancing(None)), |_| {}), plain);
    assert_ne!(
        retrained(&SecondStage::WeightBalancing(balancing(Some(0.1))), |_| {}),
        plain
    );
}

#[test]
fn ride_of_one_expert_or_of_no_diversity_is_the_sum_of_its_experts_losses() {
    tch::manual_seed(4);
    let double = (Kind::Double, Device::Cpu);
    let logits = Tensor::randn([6, 3, 4], double);
    let weights = Tensor::from_slice(&[0.4, 0.6, 1.0, 2.0]);
    let ldam = Loss::Ldam {
        max_margin: 0.5,
        scale: 30.0,
    };
    for (loss, class_weights) in [
        (Loss::CrossEntropy, None),
        (Loss::BalancedSoftmax, Some(&weights)),
        (ldam, Some(&weights)),
    ] {
        let value = |logits: &Tensor, objective: &dyn Fn(&LossInput<'_>) -> Tensor| {
            let batch = LossInput {
                logits,
                labels: &Tensor::from_slice(&[0_i64, 0, 0, 1, 2, 3]),
                features: logits,
                class_counts: &Tensor::from_slice(&[30.0, 12.0, 5.0, 2.0]),
                class_weights,
                labels_seen: None,
                epoch: 0,
            };
            objective(&batch).double_value(&[])
        };
        let ride = |experts, diversity, logits: &Tensor| {
            let settings = Ride {
                experts,
                diversity,
                ..Ride::default()
            };
            value(logits, &|batch| Experts::Ride(settings).forward(loss, batch))
        };
        let own = [0, 1, 2].map(|expert| value(&logits.select(1, expert), &|batch| loss.forward(batch)));
        assert!(
            (ride(3, 0.0, &logits) - own.iter().sum::<f64>()).abs() < 1e-10,
            "{loss:?}"
        );
        assert!(
            (ride(1, 0.45, &logits.narrow(1, 0, 1)) - own[0]).abs() < 1e-10,
            "{loss:?}"
        );
    }
}
