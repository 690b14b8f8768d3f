//! Real training on tiny data: a few images of 8 × 8 pixels and the smallest network.

use std::io;
use std::path::Path;
use std::time::Duration;

use datasets::{Dataset, Split};
use methods::{
    DataParallel, Dispatch, Images, Intervals, LearningRate, Method, Model, Progress, Recipe, Shots, TrainError,
    Training,
};
use models::Backbone;
use tch::{Device, Kind, Tensor};

/// Random images of three classes, as many of each as `class_counts` says.
pub(crate) fn images(class_counts: [i64; 3]) -> Images {
    tch::manual_seed(1);
    let labels: Vec<i64> = (0..)
        .zip(class_counts)
        .flat_map(|(class, images)| vec![class; images as usize])
        .collect();
    let split = Split::new(
        Tensor::randint(256, [labels.len() as i64, 3, 8, 8], (Kind::Uint8, Device::Cpu)),
        Tensor::from_slice(&labels),
        3,
    );
    Images::new(&split, &Dataset::Shapes.facts().normalization, Device::Cpu)
}

pub(crate) fn recipe(epochs: i64, batch_size: i64, weight_decay: f64) -> Recipe {
    Recipe {
        backbone: Backbone::Resnet8,
        epochs,
        batch_size,
        momentum: 0.9,
        weight_decay,
        warmup_epochs: 0,
        learning_rate: LearningRate::Cosine { initial: 0.1 },
    }
}

/// An untrained network for `method`.
pub(crate) fn network(method: &Method, seed: i64) -> Model {
    tch::manual_seed(seed);
    Model::new(Backbone::Resnet8, method, method.classes(3), Kind::Float, Device::Cpu)
}

/// Where a training is stopped: as this step of this epoch ends, both counted from 0.
pub(crate) type Stop = Option<(i64, i64)>;

/// Trains to the end, or until `stop`, with a checkpoint after every step if it stops inside an epoch.
pub(crate) fn train(
    model: &mut Model,
    method: &Method,
    recipe: &Recipe,
    images: &Images,
    checkpoint: &Path,
    stop: Stop,
) -> Result<(), TrainError> {
    train_with(None, model, method, recipe, images, checkpoint, stop)
}

/// As [`train`], with the other processes of `parallel`.
pub(crate) fn train_with(
    parallel: Option<&DataParallel>,
    model: &mut Model,
    method: &Method,
    recipe: &Recipe,
    images: &Images,
    checkpoint: &Path,
    stop: Stop,
) -> Result<(), TrainError> {
    let teacher = method.distillation.as_ref().map(|_| network(&Method::default(), 5));
    let posed = method.pretext.map(|pretext| images.posed(pretext));
    let training = Training {
        method,
        recipe,
        teacher: teacher.as_ref(),
        train: images,
        test: posed.as_ref().unwrap_or(images),
        shots: &Shots::default(),
        validation: None,
        seed: 3,
        intervals: Intervals {
            evaluation: 1,
            collapse: recipe.epochs,
            checkpoint: stop.map_or(Duration::MAX, |_| Duration::ZERO),
        },
        launch: Dispatch::Eager,
        parallel,
        checkpoint,
        beginning: None,
        keep: &[],
    };
    training.run(model, &mut |progress| match progress {
        Progress::Step { epoch, images } if stop == Some((epoch, images / recipe.batch_size - 1)) => {
            Err(io::Error::other("stopped"))
        }
        _ => Ok(()),
    })
}
