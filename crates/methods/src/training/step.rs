//! A training step, from top to bottom.

use tch::Tensor;

use crate::images::Batch;
use crate::method::Method;
use crate::network::model::Model;
use crate::parts::augment::{Augmenter, Target};
use crate::parts::experts::mean_feature;
use crate::parts::loss::LossInput;
use crate::training::data_parallel::DataParallel;
use crate::training::optimizer::Sgd;

/// What all steps of an epoch share. Nothing in it changes between steps, so a step can be replayed.
#[derive(Debug)]
pub struct Step<'a> {
    /// The method to train.
    pub method: &'a Method,
    /// The epoch's augmentation.
    pub augmenter: Augmenter<'a>,
    /// Samples of each class in the training split, `[k]` in the kind of the logits.
    pub class_counts: &'a Tensor,
    /// Class weights of the epoch, `[k]`; `None` if all are 1.
    pub class_weights: Option<Tensor>,
    /// The finished network that [`Method::distillation`] learns from.
    pub teacher: Option<&'a Model>,
    /// The processes that share each batch; `None`: this one alone.
    pub parallel: Option<&'a DataParallel>,
    /// 0-based.
    pub epoch: i64,
    /// Learning rate of the epoch, including warm-up.
    pub learning_rate: f64,
}

/// The output of a step, without gradients: the batch as the network saw it before the update.
#[derive(Debug)]
pub struct Seen {
    /// Loss of the batch, including the regularizer: a scalar.
    pub loss: Tensor,
    /// Features of the augmented images, `[b, d]`; with experts `[b, e, d]`.
    pub features: Tensor,
    /// Logits of those features, `[b, k]`; with experts `[b, e, k]`.
    pub logits: Tensor,
    /// Labels of the images, `[b]`; of mixed images the first.
    pub labels: Tensor,
}

impl Step<'_> {
    /// Trains `model` on one batch: augmentation, forward pass, loss, backward pass, update. Draws from libtorch's generator
    /// and never waits for the device.
    ///
    /// A second pass over the same images at other weights (SAM) would run from `features` to `backward` twice; an
    /// average of the weights (EMA) would be a line after the update.
    ///
    /// # Panics
    /// If the method distils and there is no teacher, a bug in the caller.
    pub fn take(&self, batch: &Batch, model: &mut Model, optimizer: &mut Sgd) -> Seen {
        let Step {
            method,
            augmenter,
            parallel,
            ..
        } = self;
        let own = |images: Tensor| parallel.map_or_else(|| images.shallow_clone(), |all| all.own(&images));
        let whole = |own: Tensor| {
            let samples = batch.labels.size()[0];
            parallel.map_or_else(|| own.shallow_clone(), |all| all.whole(&own, samples))
        };
        let (images, target) = augmenter.apply(batch); // [b, 3, h, w] f32; with two branches [2b, …], likewise below
        let (images, target) = method.pose(images, target); // a pretext task's, if there is one
        let images = own(images); // of several processes, each has its rows up to the features
        let views = method
            .contrast
            .map(|contrast| augmenter.views(&batch.images, contrast.more_views())); // [vb, 3, h, w]
        let (features, view_features) = model.features_with_views(&images, views.as_ref()); // [b, d]; with experts [b, e, d]
        let (features, target) = augmenter.mix_features(whole(features), target); // manifold mixup
        let logits = model.training_logits(&features); // [b, k]; with experts [b, e, k]
        model.training.count_labels(target.first());

        let loss_input = LossInput {
            logits: &logits,
            labels: &batch.labels,
            features: &features,
            class_counts: self.class_counts,
            class_weights: self.class_weights.as_ref(),
            labels_seen: model.training.labels_seen.as_ref(),
            epoch: self.epoch,
        };
        let mut loss = target.blend(|labels| method.objective(&LossInput { labels, ..loss_input })); // a scalar
        if let Some(distillation) = &method.distillation {
            let teacher = self.teacher.expect("a method that distils is given its teacher");
            loss = distillation.blend(&loss, &(&logits * model.logit_scale), &whole(teacher.answers(&images)));
        }
        if let Some(contrast) = model.contrastive_loss(&loss_input, view_features.as_ref()) {
            loss += contrast;
        }
        if let Some(nc) = &model.training.regularizer {
            loss += regularization(nc, self.epoch, &mean_feature(&features), &target);
        }

        match parallel {
            None => loss.backward(),
            Some(all) => {
                (&loss / all.processes() as f64).backward(); // each process has the loss of the whole batch
                all.sum(optimizer.gradients());
                if let Some(nc) = &model.training.regularizer {
                    nc.centre_gradients().iter().for_each(|gradients| all.sum(gradients));
                }
            }
        }
        optimizer.step(self.learning_rate); // also clears the gradients
        model.keep_norms();
        if let Some(nc) = &mut model.training.regularizer {
            nc.step();
        }
        Seen {
            loss: loss.detach(),
            features: features.detach(),
            logits: logits.detach(),
            labels: target.first().shallow_clone(),
        }
    }
}

impl Seen {
    /// The same tensors.
    pub(crate) fn shallow_clone(&self) -> Seen {
        Seen {
            loss: self.loss.shallow_clone(),
            features: self.features.shallow_clone(),
            logits: self.logits.shallow_clone(),
            labels: self.labels.shallow_clone(),
        }
    }
}

/// The regularizer's term of a batch's loss, a scalar.
fn regularization(nc: &nc::Regularizer, epoch: i64, features: &Tensor, target: &Target) -> Tensor {
    match target {
        Target::Labels(labels) => nc.forward(epoch, features, labels),
        Target::Mixed { first, second, lambda } => nc.forward_mixed(epoch, features, first, second, lambda),
    }
}
