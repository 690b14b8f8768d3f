//! `bench`: the speed of the training loop on synthetic images.

pub(crate) mod cost;

use std::fs;

use anyhow::{Context, bail};
use datasets::{Dataset, Facts, Split};
use methods::{
    Augmentation, Dispatch, FeatureTerm, Images, Intervals, Method, Model, Precision, Progress, Protocol, Recipe,
    Shots, Training, evaluate,
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
        let of_noise = |images| made_up(images, self.classes, &Dataset::Cifar10.facts(), self.device);
        let mut model = Model::new(recipe.backbone, method, self.classes, Kind::Float, self.device);
        model.precision = self.precision;
        let Speed { training, evaluation } = Stage {
            method,
            recipe: &recipe,
            teacher: None,
            train: &of_noise(self.images),
            test: &of_noise(EVALUATION_IMAGES),
            intervals: Intervals::EACH_EPOCH,
            launch: self.launch,
        }
        .speed(&mut model)?;
        Ok(format!(
            "images_per_s={training:.1} step_ms={:.1} evaluated_images_per_s={evaluation:.1} \
             peak_rss_mb={:.0} precision={} launch={} threads={} device={:?} batch={}",
            1e3 * self.batch as f64 / training,
            peak_memory_megabytes().unwrap_or(f64::NAN),
            self.precision.name(),
            self.launch.name(),
            self.threads,
            self.device,
            self.batch,
        ))
    }
}

/// Images per second.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Of training: the median over the epochs but the first, if there are more.
    training: f64,
    /// Of an evaluation.
    evaluation: f64,
}

/// A stage of training whose speed is measured.
struct Stage<'a> {
    method: &'a Method,
    recipe: &'a Recipe,
    teacher: Option<&'a Model>,
    train: &'a Images,
    test: &'a Images,
    intervals: Intervals,
    launch: Dispatch,
}

impl Stage<'_> {
    /// Trains `model`, then evaluates it.
    fn speed(&self, model: &mut Model) -> anyhow::Result<Speed> {
        let folder =
            tempfile::tempdir().context("cannot write to the folder of temporary files; set TMPDIR to another")?;
        let shots = Shots::new(&self.test.class_counts());
        let training = Training {
            method: self.method,
            recipe: self.recipe,
            teacher: self.teacher,
            train: self.train,
            test: self.test,
            shots: &shots,
            validation: None,
            seed: 0,
            intervals: self.intervals,
            launch: self.launch,
            parallel: None,
            checkpoint: &folder.path().join("checkpoint.safetensors"),
            beginning: None,
            keep: &[],
        };
        let mut speeds = Vec::new();
        training.run(model, &mut |progress| {
            if let Progress::Epoch(row) = progress {
                speeds.push(row.images_per_second);
            }
            Ok(())
        })?;
        let started = Instant::now();
        let _evaluated = evaluate(model, self.test, &shots)?;
        Ok(Speed {
            training: median(&mut speeds[usize::from(self.recipe.epochs > 1)..]),
            evaluation: self.test.samples() as f64 / started.elapsed().as_secs_f64(),
        })
    }
}

/// `samples` images of noise of the size in `facts`, whose labels go through the classes in turn.
fn made_up(samples: i64, classes: i64, facts: &Facts, device: Device) -> Images {
    let split = Split::new(
        Tensor::randint(256, [samples, 3, facts.side, facts.side], (Kind::Uint8, Device::Cpu)),
        Tensor::arange(samples, (Kind::Int64, Device::Cpu)).remainder(classes),
        classes,
    );
    Images::new(&split, &facts.normalization, device)
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
