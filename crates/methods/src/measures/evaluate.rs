//! Test accuracy: overall, by group (many, medium, few) and per class.

use datasets::DataError;
use models::channels_last;
use tch::{Device, Kind, Tensor};

use crate::images::{Batch, Images, Shown};
use crate::measures::groups::{Groups, Shots};
use crate::network::model::Model;
use crate::parts::augment::crop_and_flip;

/// Images per batch of an evaluation: few enough for the CPU's caches to hold the feature maps, enough to keep a GPU
/// busy.
fn batch_on(device: Device) -> i64 {
    if device.is_cuda() { 1000 } else { 125 }
}

/// Top-1 accuracies of a model on a split, all in 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Share of all samples classified correctly.
    pub accuracy: f64,
    /// Accuracy of each class that has samples.
    pub per_class: Vec<Option<f64>>,
    /// Mean class accuracy over each group of classes: [`Shots::means`].
    pub groups: Groups<Option<f64>>,
}

impl Evaluation {
    /// From predicted and true labels, both `[n]` and below `classes`.
    ///
    /// # Panics
    /// If they are not one-dimensional tensors of i64, a bug in the caller.
    pub fn new(predictions: &Tensor, labels: &Tensor, classes: i64, shots: &Shots) -> Evaluation {
        let hits = labels.masked_select(&predictions.eq_tensor(labels));
        let counts = |labels: &Tensor| {
            Vec::<i64>::try_from(labels.bincount(None::<Tensor>, classes)).expect("counts are one-dimensional i64")
        };
        let (correct, samples) = (counts(&hits), counts(labels));
        let per_class: Vec<Option<f64>> = correct
            .iter()
            .zip(&samples)
            .map(|(&correct, &samples)| (samples > 0).then(|| correct as f64 / samples as f64))
            .collect();
        Evaluation {
            accuracy: correct.iter().sum::<i64>() as f64 / samples.iter().sum::<i64>().max(1) as f64,
            groups: shots.means(&per_class),
            per_class,
        }
    }
}

/// Evaluates a model on a split; also returns the features, as [`features_of`].
///
/// # Errors
/// If an image cannot be read.
pub fn evaluate(model: &Model, images: &Images, shots: &Shots) -> Result<(Evaluation, Tensor), DataError> {
    let features = features_of(model, images)?;
    let predictions = tch::no_grad(|| model.logits(&features)).argmax(1, false);
    Ok((
        Evaluation::new(&predictions, images.labels(), model.classes(), shots),
        features,
    ))
}

/// Features of a whole split in evaluation mode and in its order: `[n, d]`, with experts `[n, e, d]`.
///
/// # Errors
/// If an image cannot be read.
pub fn features_of(model: &Model, images: &Images) -> Result<Tensor, DataError> {
    features_with(model, images, Tensor::shallow_clone)
}

/// As [`features_of`], with Gaussian noise of standard `deviation` added to the pixels, which are clamped to their
/// range 0..1. Draws from libtorch's generator.
///
/// # Errors
/// If an image cannot be read.
pub fn noisy_features_of(model: &Model, images: &Images, deviation: f64) -> Result<Tensor, DataError> {
    features_with(model, images, |pixels| {
        let pixels = pixels.to_kind(Kind::Float);
        (&pixels + pixels.randn_like() * (deviation * 255.0)).clamp(0.0, 255.0)
    })
}

/// As [`features_of`], for images padded, cropped and flipped at random. Draws from libtorch's generator.
///
/// # Errors
/// If an image cannot be read.
pub fn view_features_of(model: &Model, images: &Images) -> Result<Tensor, DataError> {
    features_with(model, images, |pixels| crop_and_flip(pixels, 4))
}

/// Features of all images after `change`, which maps raw batches on the scale 0..255.
fn features_with(model: &Model, images: &Images, change: impl Fn(&Tensor) -> Tensor) -> Result<Tensor, DataError> {
    let _no_grad = tch::no_grad_guard();
    let order = Tensor::arange(images.samples(), (Kind::Int64, model.device()));
    let order = order.split(batch_on(model.device()), 0);
    let features = |batch: Batch| model.features(&images.normalize(&channels_last(&change(&batch.images))));
    let batches = images.batches(&order, Shown::AsTheyAre)?;
    let features = batches
        .map(|batch| batch.map(features))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::cat(&features, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_means_of_class_accuracies_and_an_empty_group_is_missing() {
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 0, 1, 1]);
        let predictions = Tensor::from_slice(&[0_i64, 0, 0, 1, 1, 0]);
        let evaluation = Evaluation::new(&predictions, &labels, 3, &Shots::new(&[500, 300, 50]));
        assert!((evaluation.accuracy - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(evaluation.per_class, [Some(0.75), Some(0.5), None]);
        let groups = Groups {
            many: Some(0.625),
            medium: None,
            few: None,
        };
        assert_eq!(evaluation.groups, groups);
    }
}
