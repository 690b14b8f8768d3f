//! The child process that trains one run in its directory.

mod adjust;
mod angles;
mod beginning;
mod finished;
pub(crate) mod job;
mod measured;
pub(crate) mod network;
mod record;
mod replaced;
pub(crate) mod scores;
pub(crate) mod splits;
mod team;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use datasets::Loaded;
use methods::{Checkpoint, EpochRow, Images, Method, Model, Progress, Shots, Training, epoch_seed, features_of};
use tch::Kind;

use crate::run::directory::RunDir;
use crate::run::environment::Environment;
use crate::run::message::Message;
use crate::run::settings::Asked;
use crate::run::{Role, Run};
use crate::worker::beginning::Beginning;
use crate::worker::finished::Finished;
use crate::worker::job::Job;
use crate::worker::measured::Measured;
use crate::worker::record::Record;
use crate::worker::replaced::Replaced;
use crate::worker::scores::score;
use crate::worker::splits::Splits;
use crate::worker::team::Team;

/// Trains the run to its end and writes its outcome. Resumes from its checkpoint.
///
/// # Errors
/// With the thing, the value and the remedy; earlier records and checkpoints are kept.
pub(crate) fn work(job: &Job) -> anyhow::Result<()> {
    // A worker whose parent was killed would occupy its lock and its core for nothing.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    tch::set_num_threads(job.settings.threads.into());
    job.devices.check_single()?;
    job.settings.launch.prepare(job.device())?;
    let run_dir = RunDir::at(&job.run_dir);
    let run = run_dir.run()?;
    if job.place.is_some() {
        return follow(job, &run, &run_dir);
    }
    let _lock = run_dir.lock()?;
    if run_dir.outcome()?.is_some() {
        return Ok(()); // another process has just finished it
    }
    let (recipe, method) = run.stage();
    let classes = method.classes(run.dataset.facts().classes());
    let Session {
        data,
        splits,
        next_epoch,
        environment,
        record,
        beginning,
    } = Session::open(job, &run, &run_dir, classes as usize)?;
    let normalization = run.dataset.facts().normalization;
    let images = |split| Images::new(split, &normalization, job.device());
    let evaluated = |images: Images| match method.pretext {
        None => images,
        Some(pretext) => images.posed(pretext),
    };
    let (train, test) = (images(&splits.train), evaluated(images(&data.test)));
    let shots = shots(&run, &method, &train);
    let validation = splits.validation.as_ref().map(|(split, _)| evaluated(images(split)));

    let (mut model, teacher) = networks(job, &run, &method)?;

    say(&Message::Started {
        next_epoch,
        epochs: recipe.epochs,
        images: train.samples(),
    })?;
    let kept = |epoch: &i64| (*epoch, run_dir.kept_checkpoint(*epoch));
    let kept: Vec<_> = job.keep.iter().map(kept).collect();
    let team = Team::gather(job)?;
    let training = Training {
        method: &method,
        recipe: &recipe,
        teacher: teacher.as_ref(),
        train: &train,
        test: &test,
        shots: &shots,
        validation: validation.as_ref(),
        seed: training_seed(&run),
        intervals: job.intervals,
        launch: job.settings.launch,
        parallel: team.as_ref().map(|team| &team.parallel),
        checkpoint: &run_dir.checkpoint(),
        beginning: beginning.as_ref(),
        keep: &kept,
    };
    let mut last_said = Instant::now();
    let mut replaced = Replaced::of(&run_dir)?;
    let mut observe = |progress: Progress<'_>| match progress {
        Progress::Step { epoch, images } => {
            if last_said.elapsed() > Duration::from_secs(1) {
                last_said = Instant::now();
                say(&Message::Step { epoch, images })?;
            }
            Ok(())
        }
        Progress::Epoch(row) => {
            record.append(row)?;
            replaced.write(&splits.train)?;
            say_epoch(row)
        }
    };
    match &team {
        None => training.run(&mut model, &mut observe)?,
        Some(team) => team.train(|| Ok(training.run(&mut model, &mut observe)?))?,
    }
    team.into_iter().for_each(Team::part);
    let images = (&train, validation.as_ref(), &test);
    let measured = measured(&run, &mut model, images, &shots, &run_dir, &record)?;

    tch::manual_seed(epoch_seed(run.seed, -3));
    let scores = score(&model, method.experts, &test, &shots, &run_dir)?;
    let train = evaluated(train);
    let features = features_of(&model, &train)?;
    replaced.write(&splits.train)?;
    angles::write(&run_dir, &features, train.labels(), classes)?;
    let finished = Finished {
        model: &model,
        measured,
        scores,
        train: &train,
        collapse: model.collapse(&features, train.labels()),
        data: &data,
        split: &splits.train_list,
        replaced: replaced.number(),
        environment,
    };
    run_dir.write("outcome.json", &finished.outcome(job, &run).text())?;
    Ok(())
}

/// The groups of classes by their training images.
fn shots(run: &Run, method: &Method, train: &Images) -> Shots {
    match method.pretext {
        None => run.shots.shots(&train.class_counts()),
        Some(_) => Shots::default(), // all of its classes have the same size
    }
}

/// What was measured while the network was trained; a second stage that trains nothing computes its classifier first.
fn measured(
    run: &Run,
    model: &mut Model,
    images: (&Images, Option<&Images>, &Images),
    shots: &Shots,
    run_dir: &RunDir,
    record: &Record,
) -> anyhow::Result<Measured> {
    match &run.method.second_stage {
        Some(second_stage) if second_stage.retraining().is_none() => {
            tch::manual_seed(training_seed(run));
            let second_stage = (second_stage, &run.method.augmentation);
            Measured::adjusted(second_stage, model, images, shots, run_dir)
        }
        _ => {
            record.trim_to(run.stage().0.epochs)?; // no row has been removed since
            Measured::trained(run_dir, images.1.is_some())
        }
    }
}

/// Trains the run with the process that has started this one, which measures and writes.
fn follow(job: &Job, run: &Run, run_dir: &RunDir) -> anyhow::Result<()> {
    let Some(team) = Team::gather(job)? else { return Ok(()) };
    team.train(|| {
        let (recipe, method) = run.stage();
        let data = run.dataset.load(job.data.as_deref())?;
        let mut splits = Splits::new(run, &data)?;
        splits.train.replace_unreadable(job.skip_bad);
        let train = Images::new(&splits.train, &run.dataset.facts().normalization, job.device());
        let (mut model, teacher) = networks(job, run, &method)?;
        let training = Training {
            method: &method,
            recipe: &recipe,
            teacher: teacher.as_ref(),
            train: &train,
            test: &train, // it is the first process that measures
            shots: &Shots::default(),
            validation: None,
            seed: training_seed(run),
            intervals: job.intervals,
            launch: job.settings.launch,
            parallel: Some(&team.parallel),
            checkpoint: &run_dir.checkpoint(),
            beginning: None,
            keep: &[],
        };
        Ok(training.run(&mut model, &mut |_| Ok(()))?)
    })?;
    team.part();
    Ok(())
}

/// Everything that a session of a run starts with.
struct Session {
    data: Loaded,
    splits: Splits,
    /// First epoch to train.
    next_epoch: i64,
    environment: Environment,
    record: Record,
    /// The checkpoint of another run to go on from, if this one has none.
    beginning: Option<Checkpoint>,
}

impl Session {
    /// Reads the data and the environment of earlier sessions, and writes the environment and the splits of this one.
    ///
    /// # Errors
    /// If data or settings differ from earlier sessions, if rows are missing, or a file cannot be read or written; nothing is written
    /// before everything has been compared.
    fn open(job: &Job, run: &Run, run_dir: &RunDir, classes: usize) -> anyhow::Result<Session> {
        let checkpoint = Checkpoint::load(&run_dir.checkpoint())?;
        let data = run.dataset.load(job.data.as_deref())?;
        let mut splits = Splits::new(run, &data)?;
        splits.train.replace_unreadable(job.skip_bad);
        let digests = (data.digest.as_str(), splits.train_list.sha256.as_str());
        let here =
            |next_epoch| Environment::here(job.device(), job.settings, digests, next_epoch).replacing(job.skip_bad);
        let beginning = match (&checkpoint, &job.beginning) {
            (None, Some((directory, epochs))) => Beginning::of(directory, *epochs, &here(*epochs))?,
            _ => None,
        };
        let begun = checkpoint.map(|checkpoint| checkpoint.next_epoch);
        let next_epoch = begun.or(beginning.as_ref().map(Beginning::epochs)).unwrap_or(0);
        let mut environment = here(next_epoch);
        if let Some(before) = run_dir.environment()? {
            // The parent has checked this, but another program may have started the run since.
            Asked::all(job.settings).admits(&run.id(), before.settings().into())?;
            environment = environment.after(before, &run.id())?;
        }
        run_dir.check_tables()?; // before anything is written
        run_dir.remove_temporary()?;
        let beginning = match beginning {
            None => None,
            Some(beginning) => {
                environment = environment.after(beginning.environment.clone(), &run.id())?;
                Some(beginning.copy_into(run_dir)?)
            }
        };
        let record = Record::of(run_dir, classes, splits.validation.is_some());
        record.trim_to(next_epoch)?;
        Record::upgrade(run_dir)?;
        run_dir.write("environment.toml", &environment.text())?;
        run_dir.write("indices.txt", &splits.train_list.text)?;
        if let Some((_, list)) = &splits.validation {
            run_dir.write("validation.txt", &list.text)?;
        }
        Ok(Session {
            data,
            splits,
            next_epoch,
            environment,
            record,
            beginning,
        })
    }
}

/// The network before training: with random weights, the weights of another run, or those of the finished first stage.
fn starting_network(job: &Job, run: &Run, method: &Method) -> anyhow::Result<Model> {
    tch::manual_seed(epoch_seed(run.seed, -1));
    let classes = method.classes(run.dataset.facts().classes());
    let mut model = Model::new(run.recipe.backbone, method, classes, Kind::Float, job.device());
    if let Some(second_stage) = &run.method.second_stage {
        let (_, checkpoint) = network::needed(job.first_stage.as_ref(), Role::FirstStage)?;
        checkpoint.restore(model.state())?;
        second_stage.prepare(&mut model);
    } else if let Some(initial) = &method.initial {
        model.start_from(&network::initial_file(initial, job.initial.as_ref())?)?;
    }
    Ok(model)
}

/// The network to train, and its teacher's if it has one, both in the precision of the job.
fn networks(job: &Job, run: &Run, method: &Method) -> anyhow::Result<(Model, Option<Model>)> {
    let mut teacher = method.distillation.as_ref().map(|_| restore_teacher(job)).transpose()?;
    let mut model = starting_network(job, run, method)?;
    for network in [Some(&mut model), teacher.as_mut()].into_iter().flatten() {
        network.precision = job.settings.precision;
    }
    Ok((model, teacher))
}

/// Seed of the draws of its epochs: a second stage draws others than its first.
fn training_seed(run: &Run) -> i64 {
    match run.method.second_stage {
        None => run.seed,
        Some(_) => epoch_seed(run.seed, -2),
    }
}

/// The teacher's network, as its own run left it.
fn restore_teacher(job: &Job) -> anyhow::Result<Model> {
    let (directory, checkpoint) = network::needed(job.teacher.as_ref(), Role::Teacher)?;
    network::restored(&directory.run()?, &checkpoint, job.device())
}

/// Sends an epoch to the parent.
fn say_epoch(row: &EpochRow) -> io::Result<()> {
    say(&Message::Epoch {
        epoch: row.epoch,
        train_loss: row.train_loss,
        accuracy: row.test.as_ref().map(|test| test.accuracy),
        images_per_second: row.images_per_second,
        seconds: row.seconds,
    })
}

/// Sends one line to the parent. If the parent has ended this fails, and the run stops; the next parent resumes it.
fn say(message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_string(message).map_err(io::Error::other)?;
    line.push('\n');
    io::stdout().lock().write_all(line.as_bytes())
}
