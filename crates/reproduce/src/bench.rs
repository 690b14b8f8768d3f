//! `bench`: the speed of the training loop on synthetic images.

use std::fs;

use anyhow::{Context, bail};
use datasets::{Dataset, Split};
use methods::{
    Augmentation, Dispatch, FeatureTerm, Images, Method, Model, Precision, Progress, Protocol, Recipe, Shots, Training,
    evaluate,
};
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use torch_shim::GpuSupport;

use crate::out;
use crate::schedule::slots::check_device;

/// The measurement to make.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// Training images per epoch.
    pub(crate) images: i64,
    /// Images per step.
    pub(crate) batch: i64,
    /// Number of classes, all of the same size.
    pub(crate) classes: i64,
    /// Epochs of each configuration; the first is not counted if there are more.
    pub(crate) epochs: i64,
    /// The device of the tensors.
    pub(crate) device: Device,
    /// Threads of libtorch.
    pub(crate) threads: i32,
    /// Precision of the backbone.
    pub(crate) precision: Precision,
    /// How steps reach the device.
    pub(crate) launch: Dispatch,
}

/// Test images of the evaluation that is timed too.
const EVALUATION_IMAGES: i64 = 2000;

impl Bench {
    /// Prints one line for cross-entropy and one for cross-entropy with the neural-collapse regularizer, both on ResNet-32
    /// with crop and flip: median over the counted epochs.
    ///
    /// # Errors
    /// If there are fewer images than a batch or than classes, or the device is not available.
    pub(crate) fn run(&self, gpu_support: &GpuSupport) -> anyhow::Result<()> {
        let Bench {
            images, batch, classes, ..
        } = *self;
        if images < batch.max(2 * classes) || batch < 1 || classes < 2 || self.epochs < 1 {
            bail!(
                "cannot measure {images} images of {classes} classes in batches of {batch} over {} epochs: give --images \
                 at least --batch and twice --classes, two classes or more, and one epoch or more",
                self.epochs
            );
        }
        check_device(self.device, gpu_support)?;
        tch::set_num_threads(self.threads);
        self.launch.prepare(self.device)?;
        let regularizer = FeatureTerm::Nc(Protocol::Code.nc(Dataset::Cifar10));
        for (name, regularizer) in [("ce", None), ("ce+nc", Some(regularizer))] {
            let method = Method {
                augmentation: Augmentation::default(),
                regularizer,
                ..Method::default()
            };
            out::result(&format!("configuration={name} {}\n", self.measure(&method)?))?;
        }
        Ok(())
    }

    /// Trains `method` and prints its speed.
    fn measure(&self, method: &Method) -> anyhow::Result<String> {
        forget_peak_memory();
        tch::manual_seed(0);
        let recipe = Recipe {
            epochs: self.epochs,
            batch_size: self.batch,
            ..Protocol::Code.recipe()
        };
        let (train, test) = (self.made_up(self.images), self.made_up(EVALUATION_IMAGES));
        let mut model = Model::new(recipe.backbone, method, self.classes, Kind::Float, self.device);
        model.precision = self.precision;
        let folder = std::env::temp_dir().join(format!("longtail-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
        let shots = Shots::new(&train.class_counts());
        let training = Training {
            method,
            recipe: &recipe,
            teacher: None,
            train: &train,
            test: &test,
            shots: &shots,
            validation: None,
            seed: 0,
            metrics_every: 1,
            launch: self.launch,
            checkpoint: &folder.join("checkpoint.safetensors"),
            beginning: None,
            keep: &[],
        };
        let mut speeds = Vec::new();
        let trained = training.run(&mut model, &mut |progress| {
            if let Progress::Epoch(row) = progress {
                speeds.push(row.images_per_second);
            }
            Ok(())
        });
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        trained?;
        let started = Instant::now();
        let _evaluated = evaluate(&model, &test, &shots);
        let evaluated_per_second = EVALUATION_IMAGES as f64 / started.elapsed().as_secs_f64();
        let images_per_second = median(&mut speeds[usize::from(self.epochs > 1)..]);
        Ok(format!(
            "images_per_s={images_per_second:.1} step_ms={:.1} evaluated_images_per_s={evaluated_per_second:.1} \
             peak_rss_mb={:.0} precision={} launch={} threads={} device={:?} batch={}",
            1e3 * self.batch as f64 / images_per_second,
            peak_memory_megabytes().unwrap_or(f64::NAN),
            self.precision.name(),
            self.launch.name(),
            self.threads,
            self.device,
            self.batch,
        ))
    }

    /// `samples` images of noise on the device, whose labels go through the classes in turn.
    fn made_up(&self, samples: i64) -> Images {
        let split = Split {
            images: Tensor::randint(256, [samples, 3, 32, 32], (Kind::Uint8, Device::Cpu)),
            labels: Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(self.classes),
            classes: self.classes,
        };
        Images::new(&split, &Dataset::Cifar10.facts().normalization, self.device)
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Linux keeps the peak resident size of a process until it is reset.
fn forget_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5"); // if that is not allowed, the peak is that of the whole process
}

fn peak_memory_megabytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = kibibytes.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
