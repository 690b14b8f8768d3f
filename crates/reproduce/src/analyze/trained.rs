//! A trained network, restored from a checkpoint, and the features it computes.

use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;
use datasets::Loaded;
use methods::{Checkpoint, Images, Model, Precision, features_of};
use tch::Device;

use super::features::Features;
use crate::exchange::foreign::{Foreign, Stated};
use crate::files::unwritable;
use crate::run::Run;
use crate::run::directory::{RunDir, RunDirError};
use crate::run::metrics::{self, MetricsRow};
use crate::run::predictions::Predictions;
use crate::run::settings::{Settings, with_threads};
use crate::schedule::view::show_download;
use crate::worker::network;
use crate::worker::splits::Splits;

/// The images whose features are computed, in evaluation mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShownSplit {
    /// The balanced test images, as at the end of each epoch of training
    Test,
    /// The long-tailed training images, not augmented
    Train,
}

impl ShownSplit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ShownSplit::Test => "test",
            ShownSplit::Train => "train",
        }
    }
}

/// A checkpoint and the files of its run.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) run: Run,
    /// The precision in which the network computed the features.
    pub(crate) precision: Precision,
    /// The epoch of the last step that the network was trained for.
    pub(crate) last_epoch: i64,
    pub(crate) features: Features,
    /// Rows of the run's `metrics.csv`.
    pub(crate) epochs: Vec<MetricsRow>,
}

impl Trained {
    /// The last checkpoint of the run in directory `path`, finished or not.
    ///
    /// # Errors
    /// If it is not a run's directory or has no checkpoint, and as [`Trained::at_checkpoint`].
    pub(crate) fn in_directory(path: &Path, split: ShownSplit, data: Option<&Path>) -> anyhow::Result<Trained> {
        Trained::read(&RunDir::at(path), &RunDir::at(path).checkpoint(), split, data)
    }

    /// A checkpoint in its run's directory.
    ///
    /// # Errors
    /// If the run's other files are missing or damaged, the checkpoint does not fit its config, or the data are missing or
    /// not those that it was trained on.
    pub(crate) fn at_checkpoint(path: &Path, split: ShownSplit, data: Option<&Path>) -> anyhow::Result<Trained> {
        let directory = path.parent().context("a file lies in a directory")?;
        Trained::read(&RunDir::at(directory), path, split, data)
    }

    fn read(
        run_dir: &RunDir,
        checkpoint: &Path,
        split: ShownSplit,
        data_root: Option<&Path>,
    ) -> anyhow::Result<Trained> {
        let Restored {
            run,
            model,
            images,
            class_counts,
            settings,
            last_epoch,
        } = Restored::read(run_dir, checkpoint, split, data_root)?;
        let (weight, bias) = model.classifier();
        let features = Features {
            vectors: with_threads(settings.threads, || features_of(&model, &images))?,
            labels: images.labels().shallow_clone(),
            classifier: Some(nc::LinearClassifier { weight, bias }),
            class_counts,
        };
        let epochs = if run_dir.metrics().exists() {
            metrics::read(&run_dir.metrics())?
        } else {
            Vec::new()
        };
        Ok(Trained {
            run,
            precision: settings.precision,
            last_epoch,
            features,
            epochs,
        })
    }
}

/// A run's network and the images to evaluate it on.
struct Restored {
    run: Run,
    model: Model,
    images: Images,
    /// Training images of each class; `None` for pre-training, whose classes are not the data set's.
    class_counts: Option<Vec<i64>>,
    settings: Settings,
    last_epoch: i64,
}

impl Restored {
    fn read(
        run_dir: &RunDir,
        checkpoint: &Path,
        split: ShownSplit,
        data_root: Option<&Path>,
    ) -> anyhow::Result<Restored> {
        if !run_dir.path().join("config.toml").exists() {
            bail!(
                "{} has no config.toml, so it is not a run's directory; name one below out/<grid>/runs/",
                run_dir.path().display()
            );
        }
        let run = run_dir.run()?;
        let Some(checkpoint) = Checkpoint::load(checkpoint)? else {
            bail!(
                "{} is not there, and without the network there are no features; train the run with `reproduce run`",
                checkpoint.display()
            );
        };
        run.dataset.fetch(data_root, &mut show_download())?;
        let data = run.dataset.load(data_root)?;
        let settings = kept(run_dir, &data)?;
        let train = Splits::new(&run, &data)?.train;

        let device = Device::cuda_if_available();
        let mut model = network::restored(&run, &checkpoint, device)?;
        model.precision = settings.precision;
        let images = match split {
            ShownSplit::Test => &data.test,
            ShownSplit::Train => &train,
        };
        let images = Images::new(images, &run.dataset.facts().normalization, device);
        let (images, class_counts) = match run.method.pretext {
            None => (images, Some(train.class_counts())),
            Some(pretext) => (images.posed(pretext), None),
        };
        Ok(Restored {
            run,
            model,
            images,
            class_counts,
            settings,
            last_epoch: checkpoint.last_epoch(),
        })
    }
}

/// The features that the network of the weights at `path` computes of `split` of its data, and the precision that it computes in.
///
/// # Errors
/// If the weights cannot be used, or the data are missing.
pub(crate) fn features_of_weights(
    path: &Path,
    stated: &Stated,
    split: ShownSplit,
    data_root: Option<&Path>,
) -> anyhow::Result<(Features, Precision)> {
    let device = Device::cuda_if_available();
    let foreign = Foreign::read(path, stated, device)?;
    let dataset = foreign.run.dataset;
    dataset.fetch(data_root, &mut show_download())?;
    let data = dataset.load(data_root)?;
    let images = match split {
        ShownSplit::Test => data.test.to_device(Device::Cpu),
        ShownSplit::Train => foreign.training_split(&data)?,
    };
    let images = Images::new(&images, &foreign.normalization, device);
    let (weight, bias) = foreign.model.classifier();
    let features = Features {
        vectors: with_threads(foreign.settings.threads, || features_of(&foreign.model, &images))?,
        labels: images.labels().shallow_clone(),
        classifier: Some(nc::LinearClassifier { weight, bias }),
        class_counts: foreign.class_counts()?,
    };
    Ok((features, foreign.settings.precision))
}

/// Writes the predictions of the finished run in `run_dir` again, from its checkpoint, and states their digest in its outcome.
///
/// # Errors
/// If the run is not finished, has no network of its own (only a computed classifier), or its data are missing or different; if the
/// accuracy of the predictions is not the one its outcome states; if a file cannot be written.
pub(crate) fn predict_again(run_dir: &RunDir, data: Option<&Path>) -> anyhow::Result<()> {
    let directory = run_dir.path().display();
    let Some(mut outcome) = run_dir.outcome()? else {
        bail!("{directory} has no outcome; finish the run, or name another");
    };
    let _lock = run_dir.lock().map_err(|error| match error {
        RunDirError::Io { path, source } => unwritable(&path, source, "work on a copy of the run's folder"),
        error => error.into(),
    })?;
    if outcome.epochs == 0 {
        bail!(
            "{directory} has no network of its own, only a classifier that was computed: delete its outcome.json and run its grid again"
        );
    }
    if !run_dir.checkpoint().exists() {
        bail!(
            "{directory} has no checkpoint to predict with: delete its outcome.json and run its grid again, which trains it anew"
        );
    }
    let restored = Restored::read(run_dir, &run_dir.checkpoint(), ShownSplit::Test, data)?;
    let model = &restored.model;
    let logits = with_threads(restored.settings.threads, || {
        tch::no_grad(|| features_of(model, &restored.images).map(|features| model.logits(&features)))
    })?;
    let predictions = Predictions::new(&logits, model.log_odds(&logits).as_ref(), restored.images.labels());
    let accuracy = predictions.accuracy();
    if (accuracy - outcome.accuracy_last).abs() > 1e-9 {
        bail!(
            "the checkpoint in {directory} classifies {:.2} % of the test images correctly here, and the outcome states {:.2} %: \
             the checkpoint is another one, or this processor rounds otherwise than the one that trained the run; nothing was written",
            100.0 * accuracy,
            100.0 * outcome.accuracy_last
        );
    }
    outcome.predictions_digest = Some(predictions.write(run_dir.path())?);
    Ok(run_dir.write("outcome.json", &outcome.text())?)
}

/// The settings the run was trained with, from its outcome or, before it is finished, its environment. Refuses `data` that it was not
/// trained on: CIFAR exists in more than one order, so other images would be kept.
fn kept(run_dir: &RunDir, data: &Loaded) -> anyhow::Result<Settings> {
    let outcome = run_dir.outcome()?;
    let environment = match outcome {
        Some(_) => None, // it states everything
        None => run_dir.environment()?,
    };
    let kept_digest = match (&outcome, &environment) {
        (Some(outcome), _) => Some(&outcome.data_digest),
        (None, Some(environment)) => environment.data_digest.as_ref(),
        (None, None) => None,
    };
    if let Some(kept) = kept_digest
        && *kept != data.digest
    {
        bail!(
            "the run was trained on data with digest {kept}, and the data found here have digest {}; name the folder of the former with --data",
            data.digest
        );
    }
    let of_outcome = outcome.and_then(|outcome| Settings::of(&outcome));
    Ok(of_outcome
        .or(environment.map(|environment| environment.settings()))
        .unwrap_or_default())
}
