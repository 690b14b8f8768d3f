//! The loop: epochs of steps, each evaluated and checkpointed.

pub(crate) mod adjusted;
pub(crate) mod checkpoint;
pub(crate) mod dispatch;
pub(crate) mod expert_assignment;
pub(crate) mod optimizer;
pub(crate) mod step;

use std::io;
use std::path::Path;
use std::time::Instant;

use tch::{Kind, Tensor};
use torch_shim::GraphError;

use crate::files::remedy::remedy_for_writing;
use crate::images::Images;
use crate::measures::evaluate::{Evaluation, evaluate, features_of};
use crate::measures::groups::Shots;
use crate::method::Method;
use crate::network::model::Model;
use crate::parts::augment::Augmenter;
use crate::parts::experts::mean_feature;
use crate::parts::sampler::epoch_seed;
use crate::recipe::Recipe;
use crate::training::checkpoint::{Checkpoint, CheckpointError};
use crate::training::dispatch::{Dispatch, Steps};
use crate::training::optimizer::Sgd;
use crate::training::step::Step;

/// One stage of training: what is learnt from, how, and where its state is kept.
#[derive(Debug)]
pub struct Training<'a> {
    /// What is trained.
    pub method: &'a Method,
    /// For how long and how fast.
    pub recipe: &'a Recipe,
    /// The finished network that [`Method::distillation`] learns from.
    pub teacher: Option<&'a Model>,
    /// The long-tailed training split.
    pub train: &'a Images,
    /// The balanced test split, under a pretext task posed. It picks no epoch and stops nothing.
    pub test: &'a Images,
    /// Classes whose accuracies are reported as means.
    pub shots: &'a Shots,
    /// A balanced part of the training images that is not trained on. It changes nothing but what is reported.
    pub validation: Option<&'a Images>,
    /// Every draw follows from this and the epoch.
    pub seed: i64,
    /// Neural-collapse metrics are measured every so many epochs, and after the last one.
    pub metrics_every: i64,
    /// How its steps reach the device.
    pub dispatch: Dispatch,
    /// Where the checkpoint lies; an existing one is resumed.
    pub checkpoint: &'a Path,
}

/// What a stage reports while it runs.
pub type Observer<'a> = &'a mut dyn FnMut(Progress<'_>) -> io::Result<()>;

/// A sign of life.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A step has been issued: epoch, images of it so far.
    Step {
        /// 0-based epoch.
        epoch: i64,
        /// Images of this epoch so far.
        images: i64,
    },
    /// An epoch is finished and evaluated; its checkpoint comes after this.
    Epoch(&'a EpochRow),
}

/// One finished epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// 0-based.
    pub epoch: i64,
    /// Learning rate of its steps.
    pub learning_rate: f64,
    /// Mean loss over its batches, regularizer included.
    pub train_loss: f64,
    /// Accuracies on the test split after it.
    pub test: Evaluation,
    /// Accuracies on the validation split after it, if there is one.
    pub validation: Option<Evaluation>,
    /// Neural-collapse metrics of the training features as the epoch's steps saw them: train mode, augmented, weights
    /// changing (as the paper's code measures them). Missing where this epoch is not measured.
    pub train_pass: Option<nc::Metrics>,
    /// Neural-collapse metrics of the test split's features in evaluation mode.
    pub test_pass: Option<nc::Metrics>,
    /// Seconds of training and of evaluation.
    pub seconds: f64,
    /// Training images a second, evaluation not counted.
    pub images_per_second: f64,
}

/// Why a stage stopped early. What was finished before is kept.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no longer a number.
    #[error(
        "loss became {train_loss} in epoch {epoch}; the checkpoint before that epoch is kept: lower the learning rate or check the data"
    )]
    Diverged {
        /// 0-based epoch.
        epoch: i64,
        /// NaN or an infinity.
        train_loss: f64,
    },
    /// More images in a step than there are.
    #[error(
        "batch_size {batch_size} is larger than the {samples} training images; set batch_size to {samples} or less"
    )]
    BatchTooLarge {
        /// From the recipe.
        batch_size: i64,
        /// Of the training split.
        samples: i64,
    },
    /// See [`CheckpointError`].
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The step does not become a CUDA graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The observer could not keep what it was told.
    #[error(
        "cannot record epoch: {source}; {}, then run the same command again",
        remedy_for_writing(source)
    )]
    Record {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// Features that no metric can be computed from.
    #[error("cannot start the class centres: {0}")]
    Centres(#[from] nc::Error),
}

impl Training<'_> {
    /// Trains `model` to the end of the recipe, resuming from the checkpoint if there is one.
    ///
    /// # Errors
    /// [`TrainError`]; whatever was checkpointed before stays.
    ///
    /// # Panics
    /// If the method distils and there is no teacher: a bug of the caller.
    pub fn run(&self, model: &mut Model, observe: Observer<'_>) -> Result<(), TrainError> {
        let Training {
            method,
            recipe,
            train,
            test,
            shots,
            ..
        } = self;
        self.check_batch_size()?;
        let class_counts = Tensor::from_slice(&train.class_counts())
            .to_kind(Kind::Float)
            .to_device(model.device());
        let mut optimizer = Sgd::new(&model.learning_variables(), recipe.momentum, recipe.weight_decay);
        let first_epoch = self.resume(model, &optimizer)?;
        let mut steps = Steps::new(self.dispatch);

        for epoch in first_epoch..recipe.epochs {
            let started = Instant::now();
            tch::manual_seed(epoch_seed(self.seed, epoch)); // every draw follows from (seed, epoch): no generator state to save
            let learning_rate = recipe.learning_rate_at(epoch);
            self.start_centres(model, epoch)?;
            model.training.begin_epoch();
            steps.begin_epoch();
            let step = Step {
                method,
                augmenter: Augmenter::new(method.augmentation.in_epoch(epoch, recipe.epochs), train, &class_counts),
                class_counts: &class_counts,
                class_weights: method
                    .reweight
                    .and_then(|reweight| reweight.class_weights(epoch, &class_counts)),
                teacher: self.teacher,
                epoch,
                learning_rate,
            };
            let order = method.batches(epoch, recipe, train.labels(), &class_counts); // [b] each; of two branches [2b]
            let measured = (epoch + 1) % self.metrics_every == 0 || epoch + 1 == recipe.epochs;
            let mut loss_sum = Tensor::zeros([], (Kind::Float, model.device()));
            let mut train_pass = Vec::new(); // features and labels of a measured epoch

            for (number, batch) in (1..).zip(train.batches(&order)) {
                let seen = steps.run(&batch, |batch| step.take(batch, model, &mut optimizer))?;
                loss_sum += &seen.loss; // stays on the device: no host sync inside the batch loop
                if measured {
                    train_pass.push((seen.features.copy(), seen.labels.copy())); // a replay writes to the same place
                }
                observe(Progress::Step {
                    epoch,
                    images: number * recipe.batch_size,
                })?;
            }

            let train_loss = loss_sum.double_value(&[]) / order.len() as f64;
            let training_seconds = started.elapsed().as_secs_f64();
            if !train_loss.is_finite() {
                return Err(TrainError::Diverged { epoch, train_loss });
            }
            let (evaluation, features) = evaluate(model, test, shots);
            observe(Progress::Epoch(&EpochRow {
                epoch,
                learning_rate,
                train_loss,
                test: evaluation,
                validation: self.validation.map(|images| evaluate(model, images, shots).0),
                train_pass: measured.then(|| collapse_of_batches(model, &train_pass)).flatten(),
                test_pass: measured.then(|| model.collapse(&features, test.labels())).flatten(),
                seconds: started.elapsed().as_secs_f64(),
                images_per_second: train.samples() as f64 / training_seconds,
            }))?;
            Checkpoint::save(self.checkpoint, epoch + 1, model.state().chain(optimizer.state()))?;
        }
        Ok(())
    }

    /// Goes back to the checkpoint, if there is one, and says which epoch is next.
    fn resume(&self, model: &Model, optimizer: &Sgd) -> Result<i64, CheckpointError> {
        let Some(checkpoint) = Checkpoint::load(self.checkpoint)? else {
            return Ok(0);
        };
        checkpoint.restore(model.state().chain(optimizer.state()))?;
        Ok(checkpoint.next_epoch)
    }

    fn check_batch_size(&self) -> Result<(), TrainError> {
        let (batch_size, samples) = (self.recipe.batch_size, self.train.samples());
        if batch_size > samples {
            return Err(TrainError::BatchTooLarge { batch_size, samples });
        }
        Ok(())
    }

    /// Gives the regularizer the training split's class means as centres, in the epoch that it asks for them.
    fn start_centres(&self, model: &mut Model, epoch: i64) -> Result<(), TrainError> {
        let is_wanted = |nc: &nc::Regularizer| nc.wants_class_means(epoch);
        if model.training.regularizer.as_ref().is_some_and(is_wanted) {
            let features = mean_feature(&features_of(model, self.train));
            let nc = model.training.regularizer.as_mut().expect("it asked for them");
            nc.initialise_from_class_means(&features, self.train.labels())?;
        }
        Ok(())
    }
}

/// Metrics of the features and labels that an epoch's batches left behind.
fn collapse_of_batches(model: &Model, seen: &[(Tensor, Tensor)]) -> Option<nc::Metrics> {
    let cat = |part: fn(&(Tensor, Tensor)) -> &Tensor| Tensor::cat(&seen.iter().map(part).collect::<Vec<_>>(), 0);
    model.collapse(&cat(|(features, _)| features), &cat(|(_, labels)| labels))
}
