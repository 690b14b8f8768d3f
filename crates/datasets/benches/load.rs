//! Reading a data set's files into tensors and selecting the long-tailed part, which every run does once.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use datasets::{Dataset, Imbalance, Selection};

/// As in each of the six files of CIFAR-10.
const RECORDS: usize = 10_000;
const RECORD_BYTES: usize = 1 + 3 * 32 * 32;

fn main() -> std::io::Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let folder = tempfile::tempdir()?;
    write_like_cifar10(&folder.path().join("cifar-10-batches-bin"))?;
    criterion.bench_function("load-cifar10", |bencher| {
        bencher.iter(|| {
            black_box(
                Dataset::Cifar10
                    .load(Some(folder.path()))
                    .expect("files of the right size"),
            )
        });
    });
    criterion.bench_function("draw-shapes", |bencher| {
        bencher.iter(|| black_box(Dataset::Shapes.load(None).expect("no files are needed")));
    });

    let train = Dataset::Cifar10.load(Some(folder.path())).expect("loaded above").train;
    let labels = train.label_list();
    criterion.bench_function("select-cifar10-lt", |bencher| {
        bencher.iter(|| {
            let counts = Imbalance::Exponential { ratio: 100.0 }
                .class_counts(&train.class_counts())
                .expect("no class is empty");
            let indices = Selection::default().select(&labels, &counts).expect("enough images");
            black_box(train.select(&indices))
        });
    });
    criterion.final_summary();
    Ok(())
}

/// Files of the size and layout of CIFAR-10's: classes in turn, all pixels equal.
fn write_like_cifar10(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir(folder)?;
    let mut records = vec![127_u8; RECORDS * RECORD_BYTES];
    for (index, record) in records.chunks_exact_mut(RECORD_BYTES).enumerate() {
        record[0] = (index % 10) as u8;
    }
    let training = (1..=5).map(|number| format!("data_batch_{number}.bin"));
    for name in training.chain(["test_batch.bin".to_owned()]) {
        std::fs::write(folder.join(name), &records)?;
    }
    Ok(())
}
