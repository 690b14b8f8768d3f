//! From the bytes of a JPEG file to the view of a network, on one core: images/s is the figure.
//!
//! The files are one made here, of the size of most photographs in ImageNet, or those of the folder `LONGTAIL_PHOTOGRAPHS`.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use datasets::photographs::{ColorJitter, EvaluationView, PIXEL_LIMIT, Showing, TrainingView, View, Viewer, decode};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

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
    let jitter = ColorJitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
    };
    for (name, view) in [
        ("training", View::Training(TrainingView::new(224))),
        (
            "training-jitter",
            View::Training(TrainingView {
                jitter: Some(jitter),
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
    criterion.final_summary();
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
