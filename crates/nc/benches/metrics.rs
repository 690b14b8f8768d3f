//! The whole report on a split, next to the matrix products that it cannot avoid.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use nc::measure;
use tch::{Cuda, Device, Kind, Tensor};

/// Samples, classes, feature dimension: CIFAR-100, and a part of a data set like ImageNet-LT.
const SIZES: [(i64, i64, i64); 2] = [(50_000, 100, 64), (10_000, 1000, 2048)];

/// Rows converted to f64 at a time, as `measure` does.
const ROWS_AT_ONCE: i64 = 1024;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let device = Device::cuda_if_available();
    let mut group = criterion.benchmark_group("metrics");
    for (samples, classes, dimension) in SIZES {
        let features = Tensor::randn([samples, dimension], (Kind::Float, device));
        let labels = Tensor::arange(samples, (Kind::Int64, device)).remainder(classes);
        let size = format!("n{samples}-k{classes}-d{dimension}");
        // Scatter of the features, and their products with the class means; an element is one operation.
        let operations = 2 * samples * dimension * (dimension + classes);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(BenchmarkId::new("measure", &size), |bencher| {
            bencher.iter(|| black_box(measure(&features, &labels, classes, None)).expect("random features differ"));
        });
        let means = Tensor::randn([classes, dimension], (Kind::Double, device));
        group.bench_function(BenchmarkId::new("matrix-products", &size), |bencher| {
            bencher.iter(|| {
                let mut scatter = Tensor::zeros([dimension, dimension], (Kind::Double, device));
                for rows in features.split(ROWS_AT_ONCE, 0) {
                    let rows = rows.to_kind(Kind::Double);
                    let _ = scatter.addmm_(&rows.tr(), &rows);
                    let _ = black_box(rows.matmul(&means.tr()));
                }
                if let Device::Cuda(index) = device {
                    Cuda::synchronize(index as i64);
                }
                scatter
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
