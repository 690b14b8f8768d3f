//! One batch through the regularizer (forward, backward, centre step), next to a linear classifier with cross-entropy.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use nc::{BetweenClass, Config, Regularizer};
use tch::{Cuda, Device, Kind, Reduction, Tensor};

/// Batch size, classes, feature dimension: CIFAR-10, CIFAR-100, ImageNet-LT, iNaturalist 2018.
const SIZES: [(i64, i64, i64); 4] = [(128, 10, 64), (128, 100, 64), (256, 1000, 2048), (256, 8142, 2048)];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let device = Device::cuda_if_available();
    for size in SIZES {
        cross_entropy(&mut criterion, size, device);
        for (name, between) in [
            ("v0", BetweenClass::V0),
            ("v1", BetweenClass::V1),
            ("v2", BetweenClass::V2),
        ] {
            regularizer(&mut criterion, name, between, size, device);
        }
    }
    criterion.final_summary();
}

fn id(name: &str, (batch, classes, dimension): (i64, i64, i64)) -> BenchmarkId {
    BenchmarkId::new(name, format!("b{batch}-k{classes}-d{dimension}"))
}

/// Waits for the device to finish: kernels run asynchronously.
fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

fn batch((batch, classes, dimension): (i64, i64, i64), device: Device) -> (Tensor, Tensor) {
    let features = Tensor::randn([batch, dimension], (Kind::Float, device)).set_requires_grad(true);
    (features, Tensor::randint(classes, [batch], (Kind::Int64, device)))
}

fn cross_entropy(criterion: &mut Criterion, size: (i64, i64, i64), device: Device) {
    let (mut features, labels) = batch(size, device);
    let mut weight = Tensor::randn([size.1, size.2], (Kind::Float, device)).set_requires_grad(true);
    criterion.bench_with_input(id("cross-entropy", size), &size, |bencher, _| {
        bencher.iter(|| {
            let logits = features.matmul(&weight.tr());
            logits
                .cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)
                .backward();
            features.zero_grad();
            weight.zero_grad();
            synchronize(device);
        });
    });
}

fn regularizer(criterion: &mut Criterion, name: &str, between: BetweenClass, size: (i64, i64, i64), device: Device) {
    let (mut features, labels) = batch(size, device);
    let config = Config {
        between,
        ..Config::default()
    };
    let mut nc = Regularizer::new(config, size.1, size.2, Kind::Float, device);
    criterion.bench_with_input(id(&format!("regularizer-{name}"), size), &size, |bencher, _| {
        bencher.iter(|| {
            black_box(nc.forward(0, &features, &labels)).backward();
            nc.step();
            features.zero_grad();
            synchronize(device);
        });
    });
}
