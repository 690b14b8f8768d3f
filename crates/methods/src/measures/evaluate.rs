//! Accuracy: all, many, medium, few, per class.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::images::Images;
use crate::network::model::Model;
use crate::parts::augment::crop_and_flip;

/// Images of an evaluation's batch: on the CPU few enough that its caches hold the maps, on a GPU enough to keep it busy.
fn batch_on(device: Device) -> i64 {
    if device.is_cuda() { 1000 } else { 125 }
}

/// A class with more training images is many-shot (Liu et al. 2019).
pub const MANY_ABOVE: i64 = 100;
/// A class with fewer training images is few-shot (Liu et al. 2019).
pub const FEW_BELOW: i64 = 20;

/// The closed set of meanings of many-, medium- and few-shot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ShotSplit {
    /// By a class's training images, with the usual thresholds: [`Shots::new`].
    #[default]
    Images,
    /// By a class's training images, with thresholds of one's own.
    Thresholds {
        /// A class with more training images is many-shot.
        many: i64,
        /// A class with fewer training images is few-shot; at most `many`.
        few: i64,
    },
    /// By a class's place, whatever its images: [`Shots::by_index`].
    Index,
}

impl ShotSplit {
    /// The groups of classes with these training images, the largest class first.
    pub fn shots(self, class_counts: &[i64]) -> Shots {
        match self {
            ShotSplit::Images => Shots::new(class_counts),
            ShotSplit::Thresholds { many, few } => Shots::by_images(class_counts, many, few),
            ShotSplit::Index => Shots::by_index(class_counts.len()),
        }
    }

    /// Whether it is the usual one.
    pub fn is_by_images(&self) -> bool {
        *self == ShotSplit::Images
    }
}

/// Three groups of classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shots {
    /// Many-shot classes.
    pub many: Vec<usize>,
    /// Medium-shot classes.
    pub medium: Vec<usize>,
    /// Few-shot classes.
    pub few: Vec<usize>,
}

impl Shots {
    /// Groups classes by their actual training counts with the thresholds of Liu et al. (2019): many above
    /// [`MANY_ABOVE`], few below [`FEW_BELOW`], medium between.
    pub fn new(class_counts: &[i64]) -> Shots {
        Shots::by_images(class_counts, MANY_ABOVE, FEW_BELOW)
    }

    /// Groups classes by their actual training counts: more than `many`, fewer than `few`, which is at most `many`, and
    /// between.
    pub fn by_images(class_counts: &[i64], many: i64, few: i64) -> Shots {
        let classes = |belongs: &dyn Fn(i64) -> bool| {
            let classes = class_counts.iter().enumerate();
            classes
                .filter(|&(_, &count)| belongs(count))
                .map(|(class, _)| class)
                .collect()
        };
        Shots {
            many: classes(&|count| count > many),
            medium: classes(&|count| (few..=many).contains(&count)),
            few: classes(&|count| count < few),
        }
    }

    /// Groups the first 36 %, the next 35 % and the last 29 % of classes that are sorted from the largest to the smallest: of 100
    /// classes 36, 35 and 29, of ten 3, 4 and 3, as the public code of Zhong et al. (2021) and Yang et al. (2022) does on
    /// CIFAR-LT at every imbalance.
    pub fn by_index(classes: usize) -> Shots {
        let (medium, few) = (classes * 36 / 100, classes * 71 / 100);
        Shots {
            many: (0..medium).collect(),
            medium: (medium..few).collect(),
            few: (few..classes).collect(),
        }
    }
}

/// Top-1 accuracies of a model on a split, all in 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Share of all samples classified correctly.
    pub accuracy: f64,
    /// Accuracy of each class that has samples.
    pub per_class: Vec<Option<f64>>,
    /// Mean class accuracy over the many-shot classes; `None` if there are none.
    pub many: Option<f64>,
    /// Mean class accuracy over the medium-shot classes; `None` if there are none.
    pub medium: Option<f64>,
    /// Mean class accuracy over the few-shot classes; `None` if there are none.
    pub few: Option<f64>,
}

impl Evaluation {
    /// From predicted and true labels, both `[n]` and below `classes`.
    ///
    /// # Panics
    /// If they are not one-dimensional tensors of i64: a bug of the caller.
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
        let mean_over = |group: &[usize]| {
            let accuracies: Vec<f64> = group.iter().filter_map(|&class| per_class[class]).collect();
            (!accuracies.is_empty()).then(|| accuracies.iter().sum::<f64>() / accuracies.len() as f64)
        };
        Evaluation {
            accuracy: correct.iter().sum::<i64>() as f64 / samples.iter().sum::<i64>().max(1) as f64,
            many: mean_over(&shots.many),
            medium: mean_over(&shots.medium),
            few: mean_over(&shots.few),
            per_class,
        }
    }
}

/// Evaluates a model on a split and returns the features it saw, as [`features_of`].
pub fn evaluate(model: &Model, images: &Images, shots: &Shots) -> (Evaluation, Tensor) {
    let features = features_of(model, images);
    let predictions = tch::no_grad(|| model.logits(&features)).argmax(1, false);
    (
        Evaluation::new(&predictions, images.labels(), model.classes(), shots),
        features,
    )
}

/// Evaluation-mode features of a whole split, `[n, d]`, of experts `[n, e, d]`, in its order.
pub fn features_of(model: &Model, images: &Images) -> Tensor {
    features_with(model, images, Tensor::shallow_clone)
}

/// As [`features_of`], with Gaussian noise of standard `deviation` on pixels, whose scale is 0..1 and which are kept in it.
/// Draws from libtorch's generator.
pub fn noisy_features_of(model: &Model, images: &Images, deviation: f64) -> Tensor {
    features_with(model, images, |pixels| {
        let pixels = pixels.to_kind(Kind::Float);
        (&pixels + pixels.randn_like() * (deviation * 255.0)).clamp(0.0, 255.0)
    })
}

/// As [`features_of`], of images padded, cropped and flipped at random. Draws from libtorch's generator.
pub fn view_features_of(model: &Model, images: &Images) -> Tensor {
    features_with(model, images, |pixels| crop_and_flip(pixels, 4))
}

/// Features of all images after `change`, which is given raw batches on the scale 0..255.
fn features_with(model: &Model, images: &Images, change: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let _no_grad = tch::no_grad_guard();
    let order = Tensor::arange(images.samples(), (Kind::Int64, model.device()));
    let order = order.split(batch_on(model.device()), 0);
    let batches = images
        .batches(&order)
        .map(|batch| model.features(&images.normalize(&channels_last(&change(&batch.images)))));
    Tensor::cat(&batches.collect::<Vec<_>>(), 0)
}

/// The same images, channels-last in memory: what the convolutions are fastest on.
fn channels_last(images: &Tensor) -> Tensor {
    images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_follow_the_training_counts_with_both_thresholds_in_medium() {
        let counts = [500, 101, 100, 20, 19, 5];
        let stated = ShotSplit::Thresholds { many: 101, few: 20 }.shots(&counts);
        assert_eq!(
            (stated.many, stated.medium, stated.few),
            (vec![0], vec![1, 2, 3], vec![4, 5])
        );
        let shots = Shots::new(&counts);
        assert_eq!(
            shots,
            Shots {
                many: vec![0, 1],
                medium: vec![2, 3],
                few: vec![4, 5]
            }
        );
    }

    #[test]
    fn a_split_by_index_is_that_of_the_public_cifar_code_whatever_the_counts() {
        let hundred = ShotSplit::Index.shots(&[500; 100]);
        assert_eq!(
            (hundred.many.len(), hundred.medium.len(), hundred.few.len()),
            (36, 35, 29)
        );
        assert_eq!((hundred.medium[0], hundred.few[0]), (36, 71));
        let ten = Shots::by_index(10);
        assert_eq!(
            (ten.many.as_slice(), ten.medium[0], ten.few[0]),
            ([0, 1, 2].as_slice(), 3, 7)
        );
        let counts = [500, 101, 100, 20, 19, 5];
        assert_eq!(ShotSplit::Images.shots(&counts), Shots::new(&counts));
    }

    #[test]
    fn groups_are_means_of_class_accuracies_and_an_empty_group_is_missing() {
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 0, 1, 1]);
        let predictions = Tensor::from_slice(&[0_i64, 0, 0, 1, 1, 0]);
        let evaluation = Evaluation::new(&predictions, &labels, 3, &Shots::new(&[500, 300, 50]));
        assert!((evaluation.accuracy - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(evaluation.per_class, [Some(0.75), Some(0.5), None]);
        assert_eq!(evaluation.many, Some(0.625));
        assert_eq!((evaluation.medium, evaluation.few), (None, None));
    }
}
