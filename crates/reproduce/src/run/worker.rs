//! Worker: the child process that trains one run in its directory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use methods::{
    Checkpoint, EpochRow, Evaluation, Images, Launch, Method, Model, Precision, Progress, Shots, Training, epoch_seed,
};
use serde::Serialize;
use tch::{Device, Kind};

use crate::grid::Role;
use crate::run::Run;
use crate::run::directory::{RunDir, append_rows, cut_rows};
use crate::run::environment::Environment;
use crate::run::finished::Finished;
use crate::run::groups::GroupsByIndex;
use crate::run::measured::Measured;
use crate::run::message::Message;
use crate::run::metrics::{self, MetricsRow, ValidationRow};
use crate::run::network;
use crate::run::precision::PrecisionChoice;
use crate::run::scores::score;
use crate::run::splits::Splits;

/// What a worker is told besides its run's config.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The run's directory.
    pub(crate) run_dir: PathBuf,
    /// The directory of the finished first stage, where the run has a second.
    pub(crate) first_stage: Option<RunDir>,
    /// The directory of the finished run that this one begins with, where it does.
    pub(crate) initial: Option<RunDir>,
    /// The directory of the finished teacher, where the run has one.
    pub(crate) teacher: Option<RunDir>,
    /// `--data`.
    pub(crate) data: Option<PathBuf>,
    /// Where tensors live.
    pub(crate) device: Device,
    /// Threads of libtorch.
    pub(crate) threads: i32,
    /// Arithmetic of the backbone that is asked for.
    pub(crate) precision: PrecisionChoice,
    /// How steps reach the device.
    pub(crate) launch: Launch,
    /// Epochs from one measurement of neural collapse to the next.
    pub(crate) metrics_every: i64,
    /// Command that repeats this run alone, for the record.
    pub(crate) command: String,
}

/// Trains the run to its end and writes its outcome. Resumes from its checkpoint.
///
/// # Errors
/// With the thing, the value and the remedy; what was recorded and checkpointed before stays.
pub(crate) fn work(job: &Job) -> anyhow::Result<()> {
    // A run whose parent was killed would hold its lock and its core for nobody.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    tch::set_num_threads(job.threads);
    job.launch.prepare(job.device)?;
    let run_dir = RunDir::at(&job.run_dir);
    let run = run_dir.run()?;
    let _lock = run_dir.lock()?;
    if run_dir.outcome()?.is_some() {
        return Ok(()); // somebody else finished it just now
    }
    let checkpoint = Checkpoint::load(&run_dir.checkpoint())?;
    let next_epoch = checkpoint.map_or(0, |checkpoint| checkpoint.next_epoch);
    let (precision, environment) = sitting(job, &run, run_dir.environment()?)?;
    run_dir.write("environment.toml", &environment.text())?;

    let data = run.dataset.load(job.data.as_deref())?;
    let splits = Splits::new(&run, &data)?;
    run_dir.write("indices.txt", &splits.train_list.text)?;
    let images = |split| Images::new(split, &run.dataset.normalization(), job.device);
    let (recipe, method) = run.stage();
    let evaluated = |images: Images| match method.pretext {
        None => images,
        Some(pretext) => images.posed(pretext),
    };
    let (train, test) = (images(&splits.train), evaluated(images(&data.test)));
    let shots = match method.pretext {
        None => run.shots.shots(&train.class_counts()),
        Some(_) => Shots::default(), // its classes are all of one size
    };
    let mut validation = None;
    if let Some((split, list)) = &splits.validation {
        run_dir.write("validation.txt", &list.text)?;
        validation = Some(evaluated(images(split)));
    }

    let mut teacher = method.distillation.as_ref().map(|_| restore_teacher(job)).transpose()?;
    let mut model = starting_network(job, &run, &method)?;
    for network in [Some(&mut model), teacher.as_mut()].into_iter().flatten() {
        network.precision = precision;
    }

    for path in [run_dir.metrics(), run_dir.per_class(), run_dir.validation()] {
        cut_rows(&path, next_epoch).with_context(|| format!("cannot write {}", path.display()))?;
    }
    metrics::complete_columns(&run_dir.metrics())?;
    say(&Message::Started {
        next_epoch,
        epochs: recipe.epochs,
        images: train.samples(),
    })?;
    let seed = if run.method.second_stage.is_some() {
        epoch_seed(run.seed, -2)
    } else {
        run.seed
    };
    let training = Training {
        method: &method,
        recipe: &recipe,
        teacher: teacher.as_ref(),
        train: &train,
        test: &test,
        shots: &shots,
        validation: validation.as_ref(),
        seed,
        metrics_every: job.metrics_every,
        launch: job.launch,
        checkpoint: &run_dir.checkpoint(),
    };
    let mut last_said = Instant::now();
    training.run(&mut model, &mut |progress| match progress {
        Progress::Step { epoch, images } => {
            if last_said.elapsed() > Duration::from_secs(1) {
                last_said = Instant::now();
                say(&Message::Step { epoch, images })?;
            }
            Ok(())
        }
        Progress::Epoch(row) => record(&run_dir, row),
    })?;
    let measured = match &run.method.second_stage {
        Some(second_stage) if second_stage.retraining().is_none() => {
            tch::manual_seed(seed);
            let images = (&train, validation.as_ref(), &test);
            let second_stage = (second_stage, &run.method.augmentation);
            Measured::adjusted(second_stage, &mut model, images, &shots, &run_dir)?
        }
        _ => Measured::trained(&run_dir)?,
    };

    tch::manual_seed(epoch_seed(run.seed, -3));
    let scores = score(&model, method.experts, &test, &shots, &run_dir)?;
    let finished = Finished {
        model: &model,
        measured,
        groups: GroupsByIndex::of(&run, &run_dir)?,
        scores,
        train: &evaluated(train),
        data: &data,
        split: &splits.train_list,
        environment,
    };
    let outcome = finished.outcome(job, &run);
    let text = serde_json::to_string_pretty(&outcome).context("an outcome is numbers and words")?;
    run_dir.write("outcome.json", &(text + "\n"))?;
    Ok(())
}

/// What the run's numbers are computed in, as it was begun or as it is asked for, and what it has been trained on so far, `before`
/// and here.
fn sitting(job: &Job, run: &Run, before: Option<Environment>) -> anyhow::Result<(Precision, Environment)> {
    let here = |precision| Environment::here(job.device, precision, job.launch, job.threads);
    let Some(before) = before else {
        let precision = job.precision.on(job.device);
        return Ok((precision, here(precision)));
    };
    let precision = before.precision;
    job.precision.admits(&run.id(), precision.name())?;
    Ok((precision, here(precision).after(before)))
}

/// The network as its training finds it: of random weights, another's, or the finished first stage's.
fn starting_network(job: &Job, run: &Run, method: &Method) -> anyhow::Result<Model> {
    tch::manual_seed(epoch_seed(run.seed, -1));
    let classes = method.classes(run.dataset.classes());
    let mut model = Model::new(run.recipe.backbone, method, classes, Kind::Float, job.device);
    if let Some(second_stage) = &run.method.second_stage {
        let (_, checkpoint) = network::needed(job.first_stage.as_ref(), Role::FirstStage)?;
        checkpoint.restore_model(&mut model)?;
        second_stage.prepare(&mut model);
    } else if let Some(initial) = &method.initial {
        model.start_from(&network::initial_file(initial, job.initial.as_ref())?)?;
    }
    Ok(model)
}

/// The network that the run learns from, as its own run left it.
fn restore_teacher(job: &Job) -> anyhow::Result<Model> {
    let (directory, checkpoint) = network::needed(job.teacher.as_ref(), Role::Teacher)?;
    network::restored(&directory.run()?, &checkpoint, job.device)
}

/// Appends an epoch to the run's tables and tells the parent.
fn record(run_dir: &RunDir, row: &EpochRow) -> io::Result<()> {
    append_rows(&run_dir.metrics(), [MetricsRow::from(row)])?;
    append_per_class(&run_dir.per_class(), row.epoch, &row.test)?;
    if let Some(validation) = &row.validation {
        let row = ValidationRow {
            epoch: row.epoch,
            accuracy: validation.accuracy,
        };
        append_rows(&run_dir.validation(), [row])?;
    }
    say(&Message::Epoch {
        epoch: row.epoch,
        train_loss: row.train_loss,
        accuracy: row.test.accuracy,
        images_per_second: row.images_per_second,
        seconds: row.seconds,
    })
}

/// `per_class.csv` has one row an epoch and class: a long table, so that it reads the same for 10 classes and 8142.
fn append_per_class(path: &Path, epoch: i64, evaluation: &Evaluation) -> io::Result<()> {
    #[derive(Serialize)]
    struct Row {
        epoch: i64,
        class: usize,
        accuracy: Option<f64>,
    }
    let rows = evaluation.per_class.iter().enumerate();
    append_rows(path, rows.map(|(class, &accuracy)| Row { epoch, class, accuracy }))
}

/// One line to the parent. If the parent is gone this fails, and the run stops: it resumes with its next parent.
fn say(message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_string(message).map_err(io::Error::other)?;
    line.push('\n');
    io::stdout().lock().write_all(line.as_bytes())
}
