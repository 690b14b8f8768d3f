//! Training a run in a child process.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use methods::Intervals;
use tch::Device;

use crate::exit::Exit;
use crate::grid::{Beginning, Planned, Ratio};
use crate::openmp;
use crate::run::directory::{RunDir, RunDirError};
use crate::run::message::Message;
use crate::run::settings::{Asked, Settings};
use crate::run::{Outcome, Role, Run};
use crate::schedule::device::Devices;
use crate::schedule::view::View;
use crate::schedule::{Ended, Launcher};

/// Starts workers and shows their progress.
pub(crate) struct Processes<'a> {
    /// Folder of the grid's results.
    pub(crate) out: &'a Path,
    /// `--data`.
    pub(crate) data: Option<PathBuf>,
    /// The devices of each slot.
    pub(crate) devices: Vec<Devices>,
    /// The settings the user asked for.
    pub(crate) asked: Asked,
    /// How often runs are measured while they train.
    pub(crate) intervals: Intervals,
    /// How many unreadable photographs may be replaced in each pass over the training images.
    pub(crate) skip_bad: usize,
    /// The command without its selection of runs, which the outcome states.
    pub(crate) command: String,
    /// The progress display.
    pub(crate) view: &'a View,
}

impl Launcher for Processes<'_> {
    fn launch(&self, planned: &Planned, slot: usize) -> Result<(), Ended> {
        let run_dir = RunDir::of(self.out, &planned.id);
        let refused = |error: RunDirError| match error {
            RunDirError::Held { .. } => Ended::Elsewhere,
            error => Ended::Refused(error.to_string()),
        };
        if run_dir.outcome().map_err(refused)?.is_some() {
            return Ok(()); // another process finished it
        }
        run_dir.prepare(&planned.run).map_err(refused)?;
        let devices = &self.devices[slot];
        let settings = self.settings(planned, &run_dir, devices.first());
        let settings = settings.map_err(|error| Ended::Refused(error.to_string()))?;
        let line = self.view.start(&planned.run);
        let ended = self.train(planned, &run_dir, (devices, settings), |message| line.show(message));
        line.finish();
        ended
    }

    fn has_trained(&self, beginning: &Beginning) -> bool {
        self.of_beginning(beginning).kept_checkpoint(beginning.epochs).exists()
    }
}

impl Processes<'_> {
    /// The directory of the run that trains the beginning of another.
    fn of_beginning(&self, beginning: &Beginning) -> RunDir {
        RunDir::of(self.out, &beginning.run)
    }

    /// The settings of a run on `device`: its own if it was started before, else the requested ones.
    fn settings(&self, planned: &Planned, run_dir: &RunDir, device: Device) -> anyhow::Result<Settings> {
        let needed = planned
            .needs
            .iter()
            .map(|(_, needed)| RunDir::of(self.out, needed).outcome());
        let needed: Vec<Outcome> = needed.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let begun = run_dir.environment()?.map(|environment| environment.settings());
        Ok(self.asked.settings(&planned.id, begun, &needed, device)?)
    }

    fn train(
        &self,
        planned: &Planned,
        run_dir: &RunDir,
        (devices, settings): (&Devices, Settings),
        show: impl Fn(&Message),
    ) -> Result<(), Ended> {
        let cannot = |error: std::io::Error| Ended::Refused(format!("cannot start its process: {error}"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(run_dir.log())
            .map_err(cannot)?;
        let program = std::env::current_exe().map_err(cannot)?;
        let mut worker = Command::new(program);
        worker.arg("worker").arg(run_dir.path());
        let threads = settings.threads.to_string();
        worker.args(["--device", &devices.to_string(), "--threads", &threads]);
        worker.args(["--processes", &settings.processes.to_string()]);
        worker.args([
            "--precision",
            settings.precision.name(),
            "--launch",
            settings.launch.name(),
            "--evaluate-every",
            &self.intervals.evaluation.to_string(),
            "--metrics-every",
            &self.intervals.collapse.to_string(),
            "--checkpoint-seconds",
            &self.intervals.checkpoint.as_secs_f64().to_string(),
            "--skip-bad",
            &self.skip_bad.to_string(),
        ]);
        worker.args(["--command", &self.command_of(&planned.run, settings)]);
        worker.args(self.data.iter().flat_map(|data| ["--data".as_ref(), data.as_os_str()]));
        for (role, needed) in &planned.needs {
            worker.arg(role.option()).arg(RunDir::of(self.out, needed).path());
        }
        // Beginnings are of one process: the others of a run would have to read what its first one copies.
        if let Some(beginning) = planned.beginning.as_ref().filter(|_| settings.processes == 1) {
            let epochs = beginning.epochs.to_string();
            worker.args(["--beginning-epochs", &epochs, "--beginning"]);
            worker.arg(self.of_beginning(beginning).path());
        }
        for epoch in &planned.keeps {
            worker.args(["--keep", &epoch.to_string()]);
        }
        worker.env("OMP_NUM_THREADS", threads);
        openmp::let_threads_sleep(&mut worker);
        let mut child = worker
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(cannot)?;
        let output = child.stdout.take().expect("its standard output is piped");
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Ok(message) = serde_json::from_str(&line) {
                show(&message);
            }
        }
        let status = child.wait().map_err(cannot)?;
        if status.success() {
            Ok(())
        } else {
            Err(ended(status, run_dir))
        }
    }

    /// The command that repeats this run alone.
    fn command_of(&self, run: &Run, settings: Settings) -> String {
        let method = Role::of_name(&run.name).map_or(run.name.as_str(), |(_, method)| method);
        format!(
            "{} --methods {method} --imbalance {} --seeds {}{}",
            self.command,
            Ratio::of(run.imbalance),
            run.seed,
            settings.options()
        )
    }
}

/// Exit status of a Rust program that panicked, as it does on errors that libtorch throws when a GPU runs out of memory.
const PANICKED: i32 = 101;

/// How a worker ended: with the last error in its log, by a signal, or by a panic.
fn ended(status: ExitStatus, run_dir: &RunDir) -> Ended {
    let log = std::fs::read_to_string(run_dir.log()).unwrap_or_default();
    let said = log.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let unsaid = || format!("its process ended with {status}; see {}", run_dir.log().display());
    match status.code() {
        None | Some(PANICKED) => Ended::Crashed(unsaid()),
        Some(code) if code == Exit::Held.code() => Ended::Elsewhere,
        Some(code) if code == Exit::GraphFailed.code() => Ended::Crashed(said.map_or_else(unsaid, str::to_owned)),
        Some(_) => Ended::Refused(said.map_or_else(unsaid, str::to_owned)),
    }
}
