//! From the bytes of a JPEG file to the view of a network, on one core: images/s is the figure. `loader` is whole epochs of batches with one
//! thread that reads, from files and from packs of them.
//!
//! The files are one made here, of the size of most photographs in ImageNet, or those of the folder `LONGTAIL_PHOTOGRAPHS`.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{Criterion, Throughput};
use datasets::photographs::{
    ColorJitter, EvaluationView, PIXEL_LIMIT, PackFormat, Packing, PhotographSet, PhotographSettings, Showing,
    TrainingView, View, Viewer, decode,
};
use datasets::{DataError, Dataset, Pixels, Validation};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

/// As for ImageNet-LT.
const JITTER: ColorJitter = ColorJitter {
    brightness: 0.4,
    contrast: 0.4,
    saturation: 0.4,
};

fn main() -> std::io::Result<()> {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let files = files()?;
    let mut group = criterion.benchmark_group("photographs");
    group.throughput(Throughput::Elements(files.len() as u64));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for file in &files {
                black_box(decode(file, PIXEL_LIMIT).expect("an image"));
            }
        });
    });
    for (name, view) in [
        ("training", View::Training(TrainingView::new(224))),
        (
            "training-jitter",
            View::Training(TrainingView {
                jitter: Some(JITTER),
                ..TrainingView::new(224)
            }),
        ),
        (
            "evaluation",
            View::Evaluation(EvaluationView { resize: 256, side: 224 }),
        ),
    ] {
        let mut viewer = Viewer::new(view).expect("possible settings");
        let mut planes = vec![0; view.bytes()];
        let mut epoch = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                epoch += 1;
                for (position, file) in (0..).zip(&files) {
                    let showing = Showing {
                        seed: 0,
                        epoch,
                        position,
                    };
                    viewer.view(file, showing, &mut planes).expect("an image");
                }
                black_box(&planes);
            });
        });
    }
    group.finish();
    loader(&mut criterion, &files).expect("a temporary folder with free space");
    criterion.final_summary();
    Ok(())
}

/// Reads epochs of the same photographs from files, a JPEG pack and a raw pack.
fn loader(criterion: &mut Criterion, files: &[Vec<u8>]) -> Result<(), DataError> {
    /// Of each of two classes, one of which is the test.
    const PHOTOGRAPHS: usize = 65;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("photographs");
    for (number, file) in (0..2 * PHOTOGRAPHS).zip(files.iter().cycle()) {
        let class = root.join((number % 2).to_string());
        std::fs::create_dir_all(&class).expect("a temporary folder");
        std::fs::write(class.join(format!("{number}.jpg")), file).expect("free space");
    }
    let settings = PhotographSettings {
        set: None,
        lists: None,
        side: 224,
        hold_out: Validation { per_class: 1, seed: 0 },
    };
    let set = PhotographSet::open(&root, &settings)?;
    let mut sources = vec![("files", root.clone())];
    for (name, format) in [("jpeg-90", PackFormat::Jpeg { quality: 90 }), ("raw", PackFormat::Raw)] {
        let pack = folder.path().join(name);
        set.pack(&root, &pack, Packing { side: 256, format }, &|_| {})?;
        sources.push((name, pack));
    }
    let mut group = criterion.benchmark_group("loader");
    for (name, source) in sources {
        let split = Dataset::Photographs(PhotographSet::open(&source, &settings)?)
            .load(Some(&source))?
            .train;
        let Pixels::Files(mut photographs) = split.pixels else {
            continue;
        };
        photographs.workers = NonZeroUsize::MIN;
        let number = photographs.index.len();
        group.throughput(Throughput::Elements(number as u64));
        let batch = NonZeroUsize::new(32).expect("not 0");
        for (shown, jitter) in [("training", None), ("training-jitter", Some(JITTER))] {
            photographs.training.jitter = jitter;
            let mut epoch = 0;
            group.bench_function(format!("{shown}/{name}"), |bencher| {
                bencher.iter(|| {
                    epoch += 1;
                    let order = (0..number as i64).collect();
                    let batches = photographs.training_batches(order, batch, 0, epoch).expect("a thread");
                    batches.for_each(|batch| drop(black_box(batch.expect("readable photographs"))));
                });
            });
        }
        group.bench_function(format!("evaluation/{name}"), |bencher| {
            bencher.iter(|| {
                let order = (0..number as i64).collect();
                let batches = photographs.evaluation_batches(order, batch, 0).expect("a thread");
                batches.for_each(|batch| drop(black_box(batch.expect("readable photographs"))));
            });
        });
    }
    group.finish();
    Ok(())
}

fn files() -> std::io::Result<Vec<Vec<u8>>> {
    let Some(folder) = std::env::var_os("LONGTAIL_PHOTOGRAPHS") else {
        return Ok(vec![like_a_photograph()]);
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// 500×375 pixels of noise on a gradient, about 100 kB as in ImageNet.
fn like_a_photograph() -> Vec<u8> {
    const WIDTH: usize = 500;
    const HEIGHT: usize = 375;
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 27) as u8
    };
    let pixels: Vec<u8> = (0..WIDTH * HEIGHT * 3)
        .map(|at| (at / 3 % WIDTH / 4) as u8 + noise())
        .collect();
    compress(&pixels, WIDTH, HEIGHT, PixelFormat::Rgb, 90, Subsampling::S420).expect("pixels of that size")
}
