//! What `run` tells a worker.

use std::path::PathBuf;

use clap::Args;
use methods::{Dispatch, Precision};
use tch::Device;

use super::values::{self, launch};
use crate::run::directory::RunDir;
use crate::run::settings::Settings;
use crate::schedule::device::device;
use crate::worker::job::Job;

#[derive(Args, Debug)]
pub(crate) struct WorkerArguments {
    run_dir: PathBuf,
    #[arg(long)]
    first_stage: Option<PathBuf>,
    #[arg(long)]
    initial: Option<PathBuf>,
    #[arg(long)]
    teacher: Option<PathBuf>,
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    #[arg(long, default_value = "f32", value_parser = values::one_precision)]
    precision: Precision,
    #[arg(long, default_value = "eager", value_parser = launch)]
    launch: Dispatch,
    #[arg(long, default_value_t = 1)]
    metrics_every: i64,
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
            data,
            device,
            threads,
            precision,
            launch,
            metrics_every,
            command,
        } = self;
        let at = |path: Option<PathBuf>| path.map(|path| RunDir::at(&path));
        Job {
            run_dir,
            first_stage: at(first_stage),
            initial: at(initial),
            teacher: at(teacher),
            data,
            device,
            settings: Settings {
                precision,
                threads,
                launch,
            },
            metrics_every,
            command,
        }
    }
}
