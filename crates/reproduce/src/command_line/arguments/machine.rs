//! Arguments that say where and how runs are computed.

use clap::Args;

use super::values::{device_name, precision};
use crate::run::settings::{Asked, PrecisionChoice};

/// The devices and the arithmetic.
#[derive(Args, Debug)]
pub(crate) struct MachineArguments {
    /// cpu, cuda (all GPUs) or cuda:N [default: the GPUs if there are any]
    #[arg(long, value_parser = device_name)]
    pub(crate) device: Option<String>,
    /// Runs at the same time on each device [default: 1 on a GPU; on the CPU as many as there are cores for their threads and
    /// memory for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) per_device: Option<u16>,
    /// Precision of the networks; auto is bf16 where the hardware that starts a run is faster in it, else f32 [default: the run's own,
    /// or that of its first stage, else f32]
    #[arg(long, value_parser = precision())]
    precision: Option<PrecisionChoice>,
    /// Threads of each run; another number adds in another order, so a run keeps its own [default: the run's own, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Processes that train each run together on the CPU, each with part of every batch; a run keeps its own number [default: the
    /// run's own, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    processes: Option<u16>,
}

impl MachineArguments {
    /// The settings the user asked for.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            precision: self.precision,
            threads: self.threads,
            processes: self.processes,
            launch: None,
        }
    }
}
