//! `plan --cost`: how long the runs of a plan take on this machine.

use std::collections::BTreeMap;
use std::fmt::Write;

use methods::{Intervals, Recipe, count};
use tch::Device;
use torch_shim::GpuSupport;

use super::{Speed, Stage, made_up};
use crate::grid::{Plan, Planned};
use crate::out;
use crate::run::Run;
use crate::run::settings::Settings;
use crate::schedule::slots::Slots;
use crate::worker::network::built;

/// Steps of the epoch whose time is taken; the epoch before it is as long.
const STEPS: i64 = 2;

/// Measures a few steps of each method of `plan` on images of noise, and says in words what its runs cost with the default settings: one
/// thread or one GPU each, f32. Runs that are finished already are not subtracted.
///
/// # Errors
/// If no file can be written to the folder of temporary files.
pub(crate) fn text(plan: &Plan, gpu_support: &GpuSupport) -> anyhow::Result<String> {
    let settings = Settings::default();
    let trained: Vec<&Planned> = plan.all().iter().filter(|planned| planned.run.epochs() > 0).collect();
    let slots = Slots::new(None, None, trained.len(), settings.threads, gpu_support)?.devices;
    let device = slots[0].first();
    tch::set_num_threads(settings.threads.into());
    let mut speeds: BTreeMap<&str, Speed> = BTreeMap::new();
    let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
    for planned in &trained {
        let name = planned.run.name.as_str();
        if !speeds.contains_key(name) {
            out::note(&format!("measuring {name}"));
            speeds.insert(name, speed(&planned.run, device)?);
        }
        *seconds.entry(name).or_default() += cost(planned, speeds[name])?;
    }
    let width = speeds.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let mut text = format!("\n{:width$}  images/s    hours\n", "method");
    for (name, hours) in seconds.iter().map(|(name, seconds)| (name, seconds / 3600.0)) {
        let speed = speeds[name].training;
        writeln!(text, "{name:width$}  {speed:>8.0}  {hours:>7.2}")?;
    }
    let hours = seconds.values().sum::<f64>() / 3600.0;
    let machine = if device.is_cuda() { "of one GPU" } else { "of one core" };
    let side_by_side = match slots.len() {
        1 => String::new(),
        runs => format!(
            ", {:.2} with {} at a time",
            hours / runs as f64,
            count(runs as i64, "run")
        ),
    };
    Ok(text
        + &format!(
            "{hours:.2} hours {machine} in all, measured on {STEPS} steps of each method in f32{side_by_side}\n"
        ))
}

/// Seconds of a run at this speed: its own epochs, each with an evaluation.
fn cost(planned: &Planned, speed: Speed) -> anyhow::Result<f64> {
    let run = &planned.run;
    let epochs = run.epochs() - planned.beginning.as_ref().map_or(0, |beginning| beginning.epochs);
    let train: i64 = run.class_counts()?.iter().sum();
    let test: i64 = run.dataset.facts().test.iter().sum();
    Ok(epochs as f64 * (train as f64 / speed.training + test as f64 / speed.evaluation))
}

/// The speed of the stage that `run` trains, on images of noise.
fn speed(run: &Run, device: Device) -> anyhow::Result<Speed> {
    let (recipe, method) = run.stage();
    let facts = run.dataset.facts();
    let recipe = Recipe { epochs: 2, ..recipe };
    let images = STEPS * recipe.batch_size;
    let train = made_up(images, facts.classes(), &facts, device);
    let test = made_up(images, facts.classes(), &facts, device);
    let test = match method.pretext {
        None => test,
        Some(pretext) => test.posed(pretext),
    };
    let mut model = built(run, device);
    let teacher = method.distillation.as_ref().map(|_| built(run, device));
    let stage = Stage {
        method: &method,
        recipe: &recipe,
        teacher: teacher.as_ref(),
        train: &train,
        test: &test,
        intervals: Intervals::AT_THE_END,
        launch: Settings::default().launch,
    };
    stage.speed(&mut model)
}
