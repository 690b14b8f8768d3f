//! Arguments that `run` passes to a worker.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use methods::{Dispatch, Intervals, Precision};

use super::values::{self, launch};
use crate::run::directory::RunDir;
use crate::run::settings::Settings;
use crate::schedule::device::Devices;
use crate::worker::job::{Job, Place};

#[derive(Args, Debug)]
pub(crate) struct WorkerArguments {
    run_dir: PathBuf,
    #[arg(long)]
    first_stage: Option<PathBuf>,
    #[arg(long)]
    initial: Option<PathBuf>,
    #[arg(long)]
    teacher: Option<PathBuf>,
    #[arg(long, requires = "beginning_epochs")]
    beginning: Option<PathBuf>,
    #[arg(long)]
    beginning_epochs: Option<i64>,
    #[arg(long)]
    keep: Vec<i64>,
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long = "device", default_value = "cpu", value_parser = Devices::parse)]
    devices: Devices,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    processes: u16,
    #[arg(long, requires = "port")]
    rank: Option<u16>,
    #[arg(long)]
    port: Option<u16>,
    #[arg(long, default_value = "f32", value_parser = values::decided_precision())]
    precision: Precision,
    #[arg(long, default_value = "eager", value_parser = launch())]
    launch: Dispatch,
    #[arg(long, default_value_t = 1)]
    evaluate_every: i64,
    #[arg(long, default_value_t = 1)]
    metrics_every: i64,
    #[arg(long, default_value_t = f64::MAX)]
    checkpoint_seconds: f64,
    #[arg(long, default_value_t = 0)]
    skip_bad: usize,
    #[arg(long, default_value = "")]
    command: String,
}

impl WorkerArguments {
    pub(crate) fn job(self) -> Job {
        let WorkerArguments {
            run_dir,
            first_stage,
            initial,
            teacher,
            beginning,
            beginning_epochs,
            keep,
            data,
            devices,
            threads,
            processes,
            rank,
            port,
            precision,
            launch,
            evaluate_every,
            metrics_every,
            checkpoint_seconds,
            skip_bad,
            command,
        } = self;
        let at = |path: Option<PathBuf>| path.map(|path| RunDir::at(&path));
        Job {
            run_dir,
            first_stage: at(first_stage),
            initial: at(initial),
            teacher: at(teacher),
            beginning: at(beginning).zip(beginning_epochs),
            keep,
            data,
            devices,
            settings: Settings {
                precision,
                threads,
                processes,
                launch,
            },
            place: rank.zip(port).map(|(rank, port)| Place { rank, port }),
            intervals: Intervals {
                evaluation: evaluate_every,
                collapse: metrics_every,
                checkpoint: Duration::try_from_secs_f64(checkpoint_seconds).unwrap_or(Duration::MAX),
            },
            skip_bad,
            command,
        }
    }
}
