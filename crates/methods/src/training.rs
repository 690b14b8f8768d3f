//! The training loop: epochs of steps, with an evaluation and a checkpoint after each epoch.

pub(crate) mod adjusted;
pub(crate) mod checkpoint;
pub(crate) mod data_parallel;
pub(crate) mod dispatch;
pub(crate) mod expert_assignment;
pub(crate) mod first_batch;
pub(crate) mod intervals;
pub(crate) mod optimizer;
pub(crate) mod partial_epoch;
pub(crate) mod step;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use datasets::DataError;
use tch::{Kind, Tensor};
use torch_shim::GraphError;

use crate::files::remedy::remedy_for_writing;
use crate::images::{Images, Shown};
use crate::measures::evaluate::{Evaluation, evaluate, features_of};
use crate::measures::groups::Shots;
use crate::method::Method;
use crate::network::model::Model;
use crate::parts::augment::Augmenter;
use crate::parts::experts::mean_feature;
use crate::parts::sampler::epoch_seed;
use crate::recipe::Recipe;
use crate::training::checkpoint::{Checkpoint, CheckpointError};
use crate::training::data_parallel::DataParallel;
use crate::training::dispatch::{Dispatch, Steps};
use crate::training::intervals::Intervals;
use crate::training::optimizer::Sgd;
use crate::training::partial_epoch::PartialEpoch;
use crate::training::step::Step;

/// One stage of training: its method, its data, and where its state is kept.
#[derive(Debug)]
pub struct Training<'a> {
    /// The method to train.
    pub method: &'a Method,
    /// Length and learning rate.
    pub recipe: &'a Recipe,
    /// The finished network that [`Method::distillation`] learns from.
    pub teacher: Option<&'a Model>,
    /// The long-tailed training split.
    pub train: &'a Images,
    /// The balanced test split, posed under a pretext task. It is not used to choose an epoch or to stop early.
    pub test: &'a Images,
    /// Groups of classes whose mean accuracies are reported.
    pub shots: &'a Shots,
    /// A balanced part of the training images that is held out. It affects only what is reported.
    pub validation: Option<&'a Images>,
    /// Every draw follows from it and the epoch.
    pub seed: i64,
    /// How often it is measured.
    pub intervals: Intervals,
    /// How steps reach the device.
    pub launch: Dispatch,
    /// The processes that share each batch, of which the first measures and writes; `None`: this one alone.
    pub parallel: Option<&'a DataParallel>,
    /// Path of the checkpoint; an existing one is resumed.
    pub checkpoint: &'a Path,
    /// The checkpoint to go on from if there is none yet: one of a method whose epochs until then are the same
    /// ([`Method::epochs_like`]).
    pub beginning: Option<&'a Checkpoint>,
    /// Epochs before which the checkpoint is kept for other runs to begin with, and where.
    pub keep: &'a [(i64, PathBuf)],
}

/// The callback to which a stage reports while it runs.
pub type Observer<'a> = &'a mut dyn FnMut(Progress<'_>) -> io::Result<()>;

/// What a running stage reports.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A step has been issued.
    Step {
        /// 0-based epoch.
        epoch: i64,
        /// Images of this epoch so far.
        images: i64,
    },
    /// An epoch is finished; its checkpoint follows.
    Epoch(&'a EpochRow),
}

/// One finished epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// 0-based.
    pub epoch: i64,
    /// Learning rate of its steps.
    pub learning_rate: f64,
    /// Mean loss over its batches, including the regularizer.
    pub train_loss: f64,
    /// Accuracies on the test split after it. `None` if this epoch is not evaluated.
    pub test: Option<Evaluation>,
    /// Accuracies on the validation split after it, if it is evaluated and there is one.
    pub validation: Option<Evaluation>,
    /// Neural-collapse metrics of the training features as the epoch's steps saw them, as in the paper's code: in train
    /// mode, augmented, while weights change. `None` if this epoch is not measured.
    pub train_pass: Option<nc::Metrics>,
    /// Neural-collapse metrics of the test split's features in evaluation mode. `None` if this epoch is not measured or not evaluated.
    pub test_pass: Option<nc::Metrics>,
    /// Seconds of training and of evaluation.
    pub seconds: f64,
    /// Training images per second, without evaluation.
    pub images_per_second: f64,
}

/// Why a stage stopped early. Finished epochs are kept.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no longer finite.
    #[error(
        "loss became {train_loss} in epoch {epoch}; the checkpoint before that epoch is kept: lower the learning rate or check the data"
    )]
    Diverged {
        /// 0-based epoch.
        epoch: i64,
        /// NaN or an infinity.
        train_loss: f64,
    },
    /// A batch larger than the training split.
    #[error(
        "batch_size {batch_size} is larger than the {samples} training images; set batch_size to {samples} or less"
    )]
    BatchTooLarge {
        /// The recipe's batch size.
        batch_size: i64,
        /// Images of the training split.
        samples: i64,
    },
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// See [`CheckpointError`].
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The step cannot be recorded or replayed as a CUDA graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The observer could not record an epoch.
    #[error(
        "cannot record epoch: {source}; {}, then run the same command again",
        remedy_for_writing(source)
    )]
    Record {
        /// The operating system's error.
        #[from]
        source: io::Error,
    },
    /// Features from which the regularizer's centres cannot be computed.
    #[error("cannot start the class centres: {0}")]
    Centres(#[from] nc::Error),
}

impl Training<'_> {
    /// Trains `model` to the end of the recipe, resuming from the checkpoint if there is one.
    ///
    /// # Errors
    /// [`TrainError`]; earlier checkpoints are kept.
    ///
    /// # Panics
    /// If the method distils and there is no teacher, a bug in the caller.
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
        let (first_epoch, mut interrupted) = self.resume(model, &optimizer)?;
        let mut steps = Steps::new(self.launch);
        let is_first = self.parallel.is_none_or(DataParallel::is_first);

        for epoch in first_epoch..recipe.epochs {
            let interrupted = interrupted.take(); // of the first epoch alone
            let ends = |interval| Intervals::end(interval, epoch, recipe.epochs);
            let evaluated = is_first && ends(self.intervals.evaluation);
            let measured = is_first && ends(self.intervals.collapse);
            let mut so_far = PartialEpoch::new(measured, model.device());
            tch::manual_seed(epoch_seed(self.seed, epoch)); // every draw follows from (seed, epoch): no generator state to save
            if interrupted.is_none() {
                for (_, kept) in self.keep.iter().filter(|(first, _)| *first == epoch) {
                    Checkpoint::keep(self.checkpoint, kept)?;
                }
                self.start_centres(model, epoch)?;
                model.training.begin_epoch();
            }
            let learning_rate = recipe.learning_rate_at(epoch);
            steps.begin_epoch();
            let step = Step {
                method,
                augmenter: Augmenter::new(method.augmentation.in_epoch(epoch, recipe.epochs), train, &class_counts),
                class_counts: &class_counts,
                class_weights: method
                    .reweight
                    .and_then(|reweight| reweight.class_weights(epoch, &class_counts)),
                teacher: self.teacher,
                parallel: self.parallel,
                epoch,
                learning_rate,
            };
            let order = method.batches(epoch, recipe, train.labels(), &class_counts); // [b] each; with two branches [2b]
            let shown = Shown::in_training(&method.augmentation, epoch_seed(self.seed, epoch));
            if let Some(checkpoint) = interrupted {
                checkpoint.restore_epoch(&mut so_far)?; // with the state of the generators, which the order has drawn from
            }
            let mut last_checkpoint = Instant::now();

            for batch in train.batches_after(so_far.steps, &order, shown)? {
                let seen = steps.run(&batch?, |batch| step.take(batch, model, &mut optimizer))?;
                so_far.add(&seen);
                observe(Progress::Step {
                    epoch,
                    images: so_far.steps as i64 * recipe.batch_size,
                })?;
                if is_first && last_checkpoint.elapsed() >= self.intervals.checkpoint && so_far.steps < order.len() {
                    let state = model.state().chain(optimizer.state());
                    Checkpoint::save_inside(self.checkpoint, epoch, &so_far, state)?;
                    last_checkpoint = Instant::now();
                }
            }

            let train_loss = so_far.loss_sum.double_value(&[]) / order.len() as f64;
            let training_seconds = so_far.duration().as_secs_f64();
            if !train_loss.is_finite() {
                return Err(TrainError::Diverged { epoch, train_loss });
            }
            if !is_first {
                continue;
            }
            let (test_accuracies, features) = evaluated.then(|| evaluate(model, test, shots)).transpose()?.unzip();
            let validation = self.validation.filter(|_| evaluated);
            let validation = validation.map(|images| evaluate(model, images, shots)).transpose()?;
            observe(Progress::Epoch(&EpochRow {
                epoch,
                learning_rate,
                train_loss,
                test: test_accuracies,
                validation: validation.map(|(accuracies, _)| accuracies),
                train_pass: so_far
                    .features()
                    .and_then(|(features, labels)| model.collapse(&features, &labels)),
                test_pass: features
                    .filter(|_| measured)
                    .and_then(|features| model.collapse(&features, test.labels())),
                seconds: so_far.duration().as_secs_f64(),
                images_per_second: train.samples() as f64 / training_seconds,
            }))?;
            Checkpoint::save(self.checkpoint, epoch + 1, model.state().chain(optimizer.state()))?;
        }
        Ok(())
    }

    /// Restores the checkpoint, else the beginning, and returns the next epoch, 0 if there is neither, and the checkpoint if it is of the
    /// middle of that epoch.
    fn resume(&self, model: &Model, optimizer: &Sgd) -> Result<(i64, Option<Checkpoint>), CheckpointError> {
        let state = model.state().chain(optimizer.state());
        match (Checkpoint::load(self.checkpoint)?, self.beginning) {
            (Some(checkpoint), _) => {
                checkpoint.restore(state)?;
                Ok((
                    checkpoint.next_epoch,
                    Some(checkpoint).filter(|checkpoint| checkpoint.steps > 0),
                ))
            }
            (None, Some(beginning)) => {
                beginning.restore_shared(state)?;
                Ok((beginning.next_epoch, None))
            }
            (None, None) => Ok((0, None)),
        }
    }

    fn check_batch_size(&self) -> Result<(), TrainError> {
        let (batch_size, samples) = (self.recipe.batch_size, self.train.samples());
        if batch_size > samples {
            return Err(TrainError::BatchTooLarge { batch_size, samples });
        }
        Ok(())
    }

    /// Gives the regularizer the training split's class means as centres, in the epoch in which it wants them.
    fn start_centres(&self, model: &mut Model, epoch: i64) -> Result<(), TrainError> {
        let is_wanted = |nc: &nc::Regularizer| nc.wants_class_means(epoch);
        if model.training.regularizer.as_ref().is_some_and(is_wanted) {
            let features = mean_feature(&features_of(model, self.train)?);
            let nc = model.training.regularizer.as_mut().expect("it wants class means");
            nc.initialise_from_class_means(&features, self.train.labels())?;
        }
        Ok(())
    }
}
