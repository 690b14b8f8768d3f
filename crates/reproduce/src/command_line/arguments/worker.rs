//! What `run` tells a worker.

use std::path::PathBuf;

use clap::Args;
use methods::Launch;
use tch::Device;

use super::values::{device, launch, precision};
use crate::run::directory::RunDir;
use crate::run::precision::PrecisionChoice;
use crate::run::worker::Job;

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
    #[arg(long, default_value_t = 1)]
    threads: i32,
    #[arg(long, default_value = "auto", value_parser = precision)]
    precision: PrecisionChoice,
    #[arg(long, default_value = "eager", value_parser = launch)]
    launch: Launch,
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
            threads,
            precision,
            launch,
            metrics_every,
            command,
        }
    }
}
