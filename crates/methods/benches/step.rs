//! A training step of ResNet-32 at batch size 128 and its parts, and the samplers of an epoch of CIFAR-100-LT.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use datasets::{Normalization, Split};
use methods::{Augmenter, Images, Method, Model, Sampler, Sgd, Step};
use models::Backbone;
use tch::{Cuda, Device, Kind, Tensor};

const BATCH: i64 = 128;
const CLASSES: i64 = 100;

fn main() {
    torch_shim::keep_freed_memory(); // as the program does
    torch_shim::load_gpu_support();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let device = Device::cuda_if_available();
    step(&mut criterion, device);
    samplers(&mut criterion, device);
    criterion.final_summary();
}

fn step(criterion: &mut Criterion, device: Device) {
    let method = Method::default(); // with crop and flip
    let mut model = Model::new(Backbone::Resnet32, &method, CLASSES, Kind::Float, device);
    let mut optimizer = Sgd::new(&model.learning_variables(), 0.9, 5e-4);
    let split = Split::new(
        Tensor::randint(256, [BATCH, 3, 32, 32], (Kind::Uint8, device)),
        Tensor::arange(BATCH, (Kind::Int64, device)).remainder(CLASSES),
        CLASSES,
    );
    let normalization = Normalization {
        mean: [0.5; 3],
        deviation: [0.25; 3],
    };
    let train = Images::new(&split, &normalization, device);
    let class_counts = Tensor::ones([CLASSES], (Kind::Float, device));
    let batch = train
        .batch(&Tensor::arange(BATCH, (Kind::Int64, device)))
        .expect("images in memory");
    let (images, _) = Augmenter::new(method.augmentation.clone(), &train, &class_counts).apply(&batch);
    let step = Step {
        method: &method,
        augmenter: Augmenter::new(method.augmentation.clone(), &train, &class_counts),
        class_counts: &class_counts,
        class_weights: None,
        teacher: None,
        parallel: None,
        epoch: 0,
        learning_rate: 1e-3,
    };
    let mut group = criterion.benchmark_group("step");
    group.bench_function("whole", |bencher| {
        bencher.iter(|| finished(step.take(&batch, &mut model, &mut optimizer)));
    });
    group.bench_function("forward", |bencher| {
        bencher.iter(|| finished(model.training_logits(&model.training_features(&images))));
    });
    group.bench_function("optimizer", |bencher| {
        bencher.iter(|| {
            optimizer.step(1e-3);
            finished(());
        });
    });
    group.bench_function("evaluation", |bencher| {
        bencher.iter(|| finished(tch::no_grad(|| model.features(&images))));
    });
    group.finish();
}

fn samplers(criterion: &mut Criterion, device: Device) {
    let counts: Vec<i64> = (0..CLASSES)
        .map(|class| (500.0 * 0.01_f64.powf(class as f64 / 99.0)) as i64)
        .collect();
    let labels = Tensor::arange(CLASSES, (Kind::Int64, Device::Cpu));
    let labels = labels
        .repeat_interleave_self_tensor(&Tensor::from_slice(&counts), None, None)
        .to_device(device);
    let counts = Tensor::from_slice(&counts).to_kind(Kind::Float).to_device(device);
    let mut group = criterion.benchmark_group("sampler");
    for (name, sampler) in [
        ("instance-balanced", Sampler::InstanceBalanced),
        ("class-aware", Sampler::ClassAware { samples_per_turn: 4 }),
        ("class-balanced", Sampler::ClassBalanced),
        ("square-root", Sampler::SquareRoot),
        ("progressively-balanced", Sampler::ProgressivelyBalanced),
        ("effective-number", Sampler::EffectiveNumber { beta: 0.9999 }),
        ("reverse", Sampler::Reverse),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| finished(sampler.epoch_order(&labels, &counts, 0.5)));
        });
    }
    group.finish();
}

/// Waits for the device: a GPU's kernels are only queued when a call returns.
fn finished<T>(value: T) -> T {
    if Cuda::is_available() {
        Cuda::synchronize(0);
    }
    black_box(value)
}
