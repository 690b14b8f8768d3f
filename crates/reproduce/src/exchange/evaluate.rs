//! `evaluate`: every metric of a run, of a network that comes as a file of weights.

use std::fmt::Write;
use std::path::Path;

use datasets::Loaded;
use methods::{Images, epoch_seed, features_of};
use serde::Serialize;

use crate::exchange::foreign::Foreign;
use crate::files::{self, ANOTHER_OUT, unwritable, write_whole};
use crate::markdown::MISSING;
use crate::run::directory::RunDir;
use crate::run::groups::by_index;
use crate::run::predictions::Predictions;
use crate::run::settings::with_threads;
use crate::worker::scores::score;

/// Files that an evaluation leaves beside those of a run: `predictions.npz`, `confusion.csv`, `calibration.csv` and
/// `robustness.csv`.
const METRICS: &str = "metrics.json";
const PREDICTIONS: &str = "predictions.csv";
const LOGITS: &str = "logits.npy";

/// Metrics of a network, named as those of a run's outcome. Accuracies are in 0..1; what is not defined is missing.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    network: String,
    head: String,
    dataset: &'static str,
    /// The images that the network was trained on, if they are known, else all.
    train_images: i64,
    test_images: usize,
    correct: usize,
    accuracy_last: f64,
    many: Option<f64>,
    medium: Option<f64>,
    few: Option<f64>,
    many_by_index: Option<f64>,
    medium_by_index: Option<f64>,
    few_by_index: Option<f64>,
    top5: Option<f64>,
    ece: Option<f64>,
    nc1: Option<f64>,
    nc2_equiangularity: Option<f64>,
    nc2_min_angle: Option<f64>,
    nc2_norm_cov: Option<f64>,
    nc3: Option<f64>,
    parameters: usize,
    precision: &'static str,
    threads: u16,
    normalization_mean: [f64; 3],
    normalization_std: [f64; 3],
    data_digest: String,
    predictions_digest: String,
}

/// Measures the network on the test images of `data`, and neural collapse on its training images, and writes the files into `out`.
///
/// # Errors
/// If a class has too few images, or a file cannot be written.
pub(crate) fn evaluate(foreign: &Foreign, data: &Loaded, out: &Path) -> anyhow::Result<(Measured, Predictions)> {
    files::make_folder(out).map_err(|error| unwritable(out, error, ANOTHER_OUT))?;
    with_threads(foreign.settings.threads, || measure(foreign, data, out))
}

fn measure(foreign: &Foreign, data: &Loaded, out: &Path) -> anyhow::Result<(Measured, Predictions)> {
    let Foreign {
        run,
        model,
        normalization,
        settings,
        ..
    } = foreign;
    let (_, method) = run.stage();
    let images = |split| Images::new(split, normalization, model.device());
    let (test, train) = (images(&data.test), images(&foreign.training_split(data)?));
    let shots = foreign.shots()?;
    tch::manual_seed(epoch_seed(run.seed, -3)); // as at the end of a run, for the same noise
    let scores = score(model, method.experts, &test, &shots, &RunDir::at(out))?;
    let names = run.dataset.facts().class_names;
    write_whole(
        &out.join(PREDICTIONS),
        scores.predictions.csv(&names, data.test.photographs()),
    )?;
    let path = out.join(LOGITS);
    let logits = scores.logits.to_device(tch::Device::Cpu).contiguous();
    files::replace(&path, |temporary| {
        logits.write_npy(temporary).map_err(std::io::Error::other)
    })
    .map_err(|error| unwritable(&path, error, ANOTHER_OUT))?;

    let collapse = model.collapse(&features_of(model, &train)?, train.labels());
    let collapse = collapse.as_ref();
    let by_index = by_index(run, &scores.evaluation.per_class);
    let measured = Measured {
        network: run.recipe.backbone.name().to_owned(),
        head: method.head.to_string(),
        dataset: run.dataset.name(),
        train_images: train.samples(),
        test_images: scores.predictions.labels.len(),
        correct: scores.predictions.correct(),
        accuracy_last: scores.evaluation.accuracy,
        many: scores.evaluation.groups.many,
        medium: scores.evaluation.groups.medium,
        few: scores.evaluation.groups.few,
        many_by_index: by_index.many,
        medium_by_index: by_index.medium,
        few_by_index: by_index.few,
        top5: scores.top5,
        ece: scores.ece,
        nc1: collapse.map(|metrics| metrics.nc1),
        nc2_equiangularity: collapse.map(|metrics| metrics.nc2_equiangularity),
        nc2_min_angle: collapse.map(|metrics| metrics.nc2_smallest_angle_degrees),
        nc2_norm_cov: collapse.map(|metrics| metrics.nc2_norm_variation),
        nc3: collapse.and_then(|metrics| metrics.nc3),
        parameters: model.parameter_count(),
        precision: settings.precision.name(),
        threads: settings.threads,
        normalization_mean: normalization.mean,
        normalization_std: normalization.deviation,
        data_digest: data.digest.clone(),
        predictions_digest: scores.predictions_digest,
    };
    let text = serde_json::to_string_pretty(&measured)? + "\n";
    write_whole(&out.join(METRICS), text)?;
    Ok((measured, scores.predictions))
}

impl Measured {
    /// What a person reads.
    pub(crate) fn in_words(&self) -> String {
        let mut text = format!(
            "{}, {}, on {}, {}: {} of {} test images are classified correctly\n",
            self.network, self.head, self.dataset, self.precision, self.correct, self.test_images
        );
        let percents = [
            ("accuracy %", Some(self.accuracy_last)),
            ("many %", self.many),
            ("medium %", self.medium),
            ("few %", self.few),
            ("top-5 %", self.top5),
            ("calibration error %", self.ece),
        ];
        let numbers = [
            ("NC1", self.nc1),
            ("NC2 cosines", self.nc2_equiangularity),
            ("NC2 norms", self.nc2_norm_cov),
            ("NC3", self.nc3),
        ];
        let percents = percents.map(|(name, value)| (name, value.map(|value| format!("{:.2}", 100.0 * value))));
        let numbers = numbers.map(|(name, value)| (name, value.map(|value| format!("{value:.4}"))));
        for (name, value) in percents.into_iter().chain(numbers) {
            let value = value.unwrap_or_else(|| MISSING.to_owned());
            writeln!(text, "{name:<20}{value:>8}").expect("a string takes all");
        }
        text
    }
}
