//! Trains the unfinished runs of a plan, for `run` and for `check`.

use std::collections::HashSet;
use std::path::Path;

use anyhow::bail;
use methods::{Dispatch, Intervals};
use torch_shim::GpuSupport;

use crate::command_line::arguments::MachineArguments;
use crate::grid::{Grid, Plan, Planned};
use crate::results::{check, claim, find};
use crate::run::RunId;
use crate::run::environment::limits_here;
use crate::run::settings::{Asked, Settings};
use crate::schedule::process::Processes;
use crate::schedule::slots::Slots;
use crate::schedule::view::{View, show_download};
use crate::schedule::{Failure, preflight, schedule};

/// The runs to train.
pub(crate) struct Job<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) plan: &'a Plan,
    /// Folder of the results.
    pub(crate) out: &'a Path,
    /// `--data`.
    pub(crate) data: Option<&'a Path>,
    /// Settings that the user asked for.
    pub(crate) asked: Asked,
    /// How often runs are measured while they train.
    pub(crate) intervals: Intervals,
    /// How many unreadable photographs may be replaced in each pass over the training images.
    pub(crate) skip_bad: usize,
    /// Whether runs that other processes train are skipped.
    pub(crate) leave_others: bool,
    /// The command that trains this grid, which outcomes state.
    pub(crate) command: String,
}

/// Trains the unfinished runs, and returns the failures.
///
/// # Errors
/// If the folder, the data or the settings must be corrected; nothing was started then.
pub(crate) fn train(
    job: &Job<'_>,
    machine: &MachineArguments,
    gpu_support: &GpuSupport,
) -> anyhow::Result<Vec<Failure>> {
    let Job {
        grid, plan, out, data, ..
    } = *job;
    check(out, grid, plan)?;
    plan.first().dataset.fetch(data, &mut show_download())?; // once, before anything starts; a grid has one data set

    let finished = find(out, plan).finished;
    let is_finished: HashSet<&RunId> = finished.iter().map(|outcome| &outcome.run).collect();
    let unfinished = plan.all().iter().filter(|planned| !is_finished.contains(&planned.id));
    let unfinished: Vec<Planned> = unfinished.cloned().collect();
    let begun = preflight::check_settings(job.asked, &finished, &unfinished, out)?;
    let usual = Settings::default();
    let most_threads = begun.iter().map(|begun| begun.threads).chain(job.asked.threads).max();
    let most_processes = begun
        .iter()
        .map(|begun| begun.processes)
        .chain(job.asked.processes)
        .max();
    let (most_threads, most_processes) = (
        most_threads.unwrap_or(usual.threads),
        most_processes.unwrap_or(usual.processes),
    );
    preflight::check_processes(most_processes, &unfinished)?;
    let slots = Slots::new(
        machine.device.as_deref(),
        machine.per_device,
        unfinished.len(),
        most_threads.saturating_mul(most_processes),
        gpu_support,
    )?;
    if most_processes > 1 && slots.devices.iter().any(|devices| devices.first().is_cuda()) {
        bail!(
            "--processes {most_processes} trains on the CPU, and these runs would train on GPUs; add --device cpu, or leave it out"
        );
    }
    if job.asked.launch == Some(Dispatch::Graph) && slots.devices.iter().any(|devices| !devices.first().is_cuda()) {
        bail!("--launch graph needs a GPU, and these runs would train on the CPU; leave it out");
    }
    preflight::check_data(&unfinished, &finished, out, data)?;
    claim(out, grid, plan)?;

    let view = View::new(plan.all().len(), finished.len());
    let processes = Processes {
        out,
        data: data.map(Path::to_owned),
        devices: slots.devices.clone(),
        asked: job.asked,
        intervals: job.intervals,
        skip_bad: job.skip_bad,
        command: limits_here() + &job.command,
        view: &view,
    };
    let failures = schedule(unfinished, slots.devices.len(), job.leave_others, &processes);
    view.close();
    Ok(failures)
}
