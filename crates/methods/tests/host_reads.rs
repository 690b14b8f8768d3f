//! Nothing between the first and the last step of an epoch waits for the device: twice the steps cause no more host
//! reads.

mod parts;

use datasets::{Dataset, Split};
use methods::{
    Augmentation, BalancedContrast, Cmo, ContrastiveTerm, CutMix, Cutout, Dispatch, Distillation, Experts, FeatureTerm,
    Head, Images, Intervals, KPositiveContrast, LearningRate, Loss, Method, Mix, Mixup, Model, ParametricContrast,
    Policy, ProbabilisticContrast, RandAugment, Recipe, Remix, Resample, Reweight, Ride, Sampler, Shots, Training,
};
use models::Backbone;
use tch::{Device, Kind, Tensor};
use torch_shim::host_reads;

const BATCH: i64 = 8;

/// `steps` batches of 8 × 8 images of three classes, of sizes 5 : 2 : 1.
fn images(steps: i64) -> Images {
    let labels: Vec<i64> = (0..steps).flat_map(|_| [0, 0, 0, 0, 0, 1, 1, 2]).collect();
    let split = Split::new(
        Tensor::randint(256, [steps * BATCH, 3, 8, 8], (Kind::Uint8, Device::Cpu)),
        Tensor::from_slice(&labels),
        3,
    );
    Images::new(&split, &Dataset::Shapes.facts().normalization, Device::Cpu)
}

/// Host reads of one epoch of `steps` steps, including everything before and after them.
fn reads_of_an_epoch(method: &Method, steps: i64) -> i64 {
    let recipe = Recipe {
        backbone: Backbone::Resnet8,
        epochs: 1,
        batch_size: BATCH,
        momentum: 0.9,
        weight_decay: 5e-4,
        warmup_epochs: 0,
        learning_rate: LearningRate::Cosine { initial: 0.01 },
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (train, test) = (images(steps), images(2));
    let network = |method: &Method| Model::new(recipe.backbone, method, 3, Kind::Float, Device::Cpu);
    let (teacher, mut model) = (network(&Method::default()), network(method));
    let training = Training {
        method,
        recipe: &recipe,
        teacher: Some(&teacher),
        train: &train,
        test: &test,
        shots: &Shots::default(),
        validation: None,
        seed: 0,
        intervals: Intervals::EACH_EPOCH,
        launch: Dispatch::Eager,
        parallel: None,
        checkpoint: &folder.path().join("checkpoint.safetensors"),
        beginning: None,
        keep: &[],
    };
    let (trained, reads) = host_reads(|| training.run(&mut model, &mut |_| Ok(())));
    trained.expect("it trains");
    reads
}

fn with_loss(loss: Loss) -> Method {
    let reweight = Some(Reweight::ClassBalanced {
        beta: 0.9999,
        start_epoch: 0,
    });
    Method {
        loss,
        head: parts::head_for(loss),
        reweight,
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        ..Method::default()
    }
}

fn with_augmentation(policy: Option<Policy>, mix: Mix) -> Method {
    let augmentation = Augmentation {
        policy,
        cutout: Some(Cutout { side: 4 }),
        mix: Some(mix),
        ..Augmentation::default()
    };
    Method {
        augmentation,
        regularizer: Some(FeatureTerm::Nc(nc::Config::default())),
        ..Method::default()
    }
}

fn with_contrast(contrast: ContrastiveTerm) -> Method {
    Method {
        head: Head::ScaledCosine { scale: 30.0 },
        contrast: Some(contrast),
        ..Method::default()
    }
}

fn with_experts(experts: Experts) -> Method {
    Method {
        head: Head::ScaledCosine { scale: 30.0 },
        experts: Some(experts),
        ..Method::default()
    }
}

#[test]
fn a_read_of_a_value_is_counted() {
    let value = Tensor::from_slice(&[1.0, 2.0]);
    let (sum, reads) = host_reads(|| value.double_value(&[0]) + value.double_value(&[1]));
    assert_eq!((sum, reads), (3.0, 2));
    let (_, reads) = host_reads(|| value.masked_select(&value.gt(1.0)).sum(Kind::Double));
    assert!(reads >= 1);
    let (_, reads) = host_reads(|| &value * 2.0 + value.sum(Kind::Double));
    assert_eq!(reads, 0);
}

#[test]
fn a_step_reads_nothing_on_the_host() {
    tch::set_num_threads(1);
    let resampled = Method {
        sampler: Sampler::ClassBalanced,
        resample: Some(Resample {
            sampler: Sampler::SquareRoot,
            start_epoch: 0,
        }),
        ..Method::default()
    };
    let distilled = Method {
        distillation: Some(Distillation {
            teacher: "the network beside it".into(),
            temperature: 3.0,
            weight: 0.5,
            labels_weight: None,
            power: 0.5,
        }),
        ..Method::default()
    };
    let cmo = Cmo {
        start_epoch: 0,
        last_plain_epochs: 0,
        ..Cmo::default()
    };
    let taught_experts = Method {
        distillation: distilled.distillation.clone(),
        ..with_experts(Experts::Ride(Ride::default()))
    };
    let mut methods = vec![resampled, distilled, taught_experts];
    methods.extend(parts::losses(0).map(with_loss));
    methods.extend(parts::ensembles(1).map(with_experts));
    methods.extend([
        with_augmentation(Some(Policy::AutoAugment), Mix::Mixup(Mixup { alpha: 0.2 })),
        with_augmentation(
            Some(Policy::RandAugment(RandAugment::default())),
            Mix::Remix(Remix::default()),
        ),
        with_augmentation(None, Mix::CutMix(CutMix::default())),
        with_augmentation(None, Mix::Cmo(cmo)),
        with_augmentation(None, Mix::ManifoldMixup(Mixup { alpha: 1.0 })),
        with_contrast(ContrastiveTerm::Balanced(BalancedContrast::default())),
        with_contrast(ContrastiveTerm::KPositive(KPositiveContrast::default())),
        with_contrast(ContrastiveTerm::Parametric(ParametricContrast::default())),
        with_contrast(ContrastiveTerm::Probabilistic(ProbabilisticContrast::default())),
    ]);
    for method in methods {
        let (short, long) = (reads_of_an_epoch(&method, 4), reads_of_an_epoch(&method, 8));
        assert_eq!(short, long, "host reads of 4 and of 8 steps of {method:?}");
    }
}
