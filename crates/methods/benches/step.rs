//! The parts of a training step of ResNet-32 at a batch of 128, and the samplers of an epoch of CIFAR-100-LT.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use methods::{Loss, LossInput, Method, Model, Sampler, Sgd};
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
    let model = Model::new(Backbone::Resnet32, &Method::default(), CLASSES, Kind::Float, device);
    let mut optimizer = Sgd::new(&model.learning_variables(), 0.9, 5e-4);
    let images = Tensor::randn([BATCH, 32, 32, 3], (Kind::Float, device)).permute([0, 3, 1, 2]); // channels-last
    let labels = Tensor::arange(BATCH, (Kind::Int64, device)).remainder(CLASSES);
    let class_counts = Tensor::ones([CLASSES], (Kind::Float, device));
    let loss = || {
        let features = model.training_features(&images);
        Loss::CrossEntropy.forward(&LossInput {
            logits: &model.logits(&features),
            labels: &labels,
            features: &features,
            class_counts: &class_counts,
            class_weights: None,
            labels_seen: None,
            epoch: 0,
        })
    };
    let mut group = criterion.benchmark_group("step");
    group.bench_function("forward", |bencher| {
        bencher.iter(|| finished(loss()));
    });
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            loss().backward();
            finished(());
        });
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
