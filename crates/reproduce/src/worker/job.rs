//! The job of a worker: one run, and where to train it.

use std::path::PathBuf;

use methods::Intervals;
use tch::Device;

use crate::run::directory::RunDir;
use crate::run::settings::Settings;
use crate::schedule::device::Devices;

/// The arguments of a worker besides its run's config.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The run's directory.
    pub(crate) run_dir: PathBuf,
    /// The directory of the finished first stage, if the run is a second stage.
    pub(crate) first_stage: Option<RunDir>,
    /// The directory of the finished run whose network is the initial one, if there is one.
    pub(crate) initial: Option<RunDir>,
    /// The directory of the finished teacher, if there is one.
    pub(crate) teacher: Option<RunDir>,
    /// The directory of the run that trains the first epochs of this one, and how many.
    pub(crate) beginning: Option<(RunDir, i64)>,
    /// Epochs before which the checkpoint is kept for other runs.
    pub(crate) keep: Vec<i64>,
    /// `--data`.
    pub(crate) data: Option<PathBuf>,
    /// The devices to train on.
    pub(crate) devices: Devices,
    /// Settings of the run.
    pub(crate) settings: Settings,
    /// This process among those that train the run together; `None`: the first of them.
    pub(crate) place: Option<Place>,
    /// How often the run is measured while it trains.
    pub(crate) intervals: Intervals,
    /// How many unreadable photographs may be replaced in each pass over the training images.
    pub(crate) skip_bad: usize,
    /// Command that repeats this run alone, for the record.
    pub(crate) command: String,
}

/// A process that the first one has started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) rank: u16,
    /// Where the first one listens on this machine.
    pub(crate) port: u16,
}

impl Job {
    /// The device that holds the run's network.
    pub(crate) fn device(&self) -> Device {
        self.devices.first()
    }
}
