//! What is timed, and on what.

use clap::Args;
use methods::Launch;
use tch::Device;

use super::values::{device, launch, precision};
use crate::bench::Bench;
use crate::run::precision::PrecisionChoice;

#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// Training images of an epoch
    #[arg(long, default_value_t = 2560)]
    images: i64,
    /// Images of a step
    #[arg(long, default_value_t = 128)]
    batch: i64,
    /// Classes, all of the same size
    #[arg(long, default_value_t = 10)]
    classes: i64,
    /// Epochs of each configuration; the first is not counted where there are more
    #[arg(long, default_value_t = 3)]
    epochs: i64,
    /// cpu or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    /// Threads of libtorch [default: one a core]
    #[arg(long)]
    threads: Option<i32>,
    /// Arithmetic of the network, as in `run`
    #[arg(long, default_value = "auto", value_parser = precision, value_name = "auto|f32|bf16")]
    precision: PrecisionChoice,
    /// How steps reach a GPU, as in `run`
    #[arg(long, default_value = "eager", value_parser = launch, value_name = "eager|graph")]
    launch: Launch,
}

impl BenchArguments {
    pub(crate) fn bench(&self) -> Bench {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as i32;
        Bench {
            images: self.images,
            batch: self.batch,
            classes: self.classes,
            epochs: self.epochs,
            device: self.device,
            threads: self.threads.unwrap_or(cores),
            precision: self.precision.on(self.device),
            launch: self.launch,
        }
    }
}
