//! Augmentation of a batch of 128 images of 32 × 32 pixels, by each part and by none.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use datasets::{Normalization, Split};
use methods::{Augmentation, Augmenter, Cmo, CutMix, Cutout, Images, Mix, Mixup, Policy, RandAugment, Remix};
use tch::{Cuda, Device, Kind, Tensor};

const BATCH: i64 = 128;
const CLASSES: i64 = 100;

/// Size of CIFAR-100-LT at ratio 100, which CMO draws from.
const SAMPLES: i64 = 10_847;

fn main() {
    torch_shim::keep_freed_memory(); // as the program does
    torch_shim::load_gpu_support();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let device = Device::cuda_if_available();
    let split = Split::new(
        Tensor::randint(256, [SAMPLES, 3, 32, 32], (Kind::Uint8, device)),
        Tensor::randint(CLASSES, [SAMPLES], (Kind::Int64, device)),
        CLASSES,
    );
    let normalization = Normalization {
        mean: [0.5; 3],
        deviation: [0.25; 3],
    };
    let train = Images::new(&split, &normalization, device);
    let class_counts = Tensor::from_slice(&train.class_counts())
        .to_kind(Kind::Float)
        .to_device(device);

    let mixup = Mixup { alpha: 1.0 };
    let with_policy = |policy| Augmentation {
        policy: Some(policy),
        ..none()
    };
    let with_mix = |mix| Augmentation {
        mix: Some(mix),
        ..none()
    };
    for (name, settings) in [
        ("none", none()),
        ("crop-and-flip", Augmentation::default()),
        ("auto-augment", with_policy(Policy::AutoAugment)),
        ("rand-augment", with_policy(Policy::RandAugment(RandAugment::default()))),
        (
            "cutout",
            Augmentation {
                cutout: Some(Cutout::default()),
                ..none()
            },
        ),
        ("mixup", with_mix(Mix::Mixup(mixup))),
        ("remix", with_mix(Mix::Remix(Remix::default()))),
        ("manifold-mixup", with_mix(Mix::ManifoldMixup(mixup))),
        ("cutmix", with_mix(Mix::CutMix(CutMix::default()))),
        ("cmo", with_mix(Mix::Cmo(Cmo::default()))),
    ] {
        let augmenter = Augmenter::new(settings, &train, &class_counts);
        augment(&mut criterion, name, &augmenter, &train, device);
    }
    criterion.final_summary();
}

fn none() -> Augmentation {
    Augmentation {
        crop_and_flip: false,
        ..Augmentation::default()
    }
}

/// From raw images to the inputs of network and loss, including features of dimension 64.
fn augment(criterion: &mut Criterion, name: &str, augmenter: &Augmenter<'_>, train: &Images, device: Device) {
    let batch = train
        .batch(&Tensor::arange(BATCH, (Kind::Int64, device)))
        .expect("images in memory");
    let features = Tensor::randn([BATCH, 64], (Kind::Float, device));
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (images, target) = augmenter.apply(&batch);
            let mixed = augmenter.mix_features(features.shallow_clone(), target);
            let _given = black_box((images, mixed));
            if let Device::Cuda(index) = device {
                Cuda::synchronize(index as i64); // kernels run asynchronously
            }
        });
    });
}
