//! The first batch of a training, for people to look at.

use datasets::DataError;
use tch::{Kind, Tensor};

use crate::images::{Images, Shown};
use crate::method::Method;
use crate::parts::augment::Augmenter;
use crate::parts::sampler::epoch_seed;
use crate::recipe::Recipe;

/// Images as the first step of the first epoch of [`Training::run`](crate::Training::run) sees them after augmentation: pixels `[b, 3, h, w]`
/// f32 on the scale 0..255, and labels `[b]`, of mixed images those with the weight λ. Seeds libtorch's generator with `seed`.
///
/// # Errors
/// If an image cannot be read.
///
/// # Panics
/// If there is no image.
pub fn first_batch(method: &Method, recipe: &Recipe, train: &Images, seed: i64) -> Result<(Tensor, Tensor), DataError> {
    let class_counts = Tensor::from_slice(&train.class_counts())
        .to_kind(Kind::Float)
        .to_device(train.labels().device());
    let seed = epoch_seed(seed, 0);
    tch::manual_seed(seed);
    let augmenter = Augmenter::new(method.augmentation.in_epoch(0, recipe.epochs), train, &class_counts);
    let mut order = method.batches(0, recipe, train.labels(), &class_counts);
    order.truncate(1);
    let mut batches = train.batches(&order, Shown::in_training(&method.augmentation, seed))?;
    let batch = batches.next().expect("a training has a step")?;
    let (images, target) = augmenter.apply(&batch);
    Ok((train.pixels(&images), target.first().shallow_clone()))
}
