//! Arguments of `bench`.

use clap::Args;
use methods::Dispatch;
use tch::Device;

use super::values::{launch, precision};
use crate::bench::Bench;
use crate::run::settings::PrecisionChoice;
use crate::schedule::device::device;

/// Synthetic images are held in memory: 3 GB.
const MOST_IMAGES: i64 = 1_000_000;

#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// Training images per epoch
    #[arg(long, default_value_t = 2560, value_parser = clap::value_parser!(i64).range(..=MOST_IMAGES))]
    images: i64,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    batch: i64,
    /// Number of classes, all of the same size
    #[arg(long, default_value_t = 10)]
    classes: i64,
    /// Epochs of each configuration; the first is not counted if there are more
    #[arg(long, default_value_t = 3)]
    epochs: i64,
    /// cpu or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device)]
    device: Device,
    /// Threads of libtorch [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Precision of the network, as in `run`
    #[arg(long, default_value = "f32", value_parser = precision())]
    precision: PrecisionChoice,
    /// How steps reach a GPU, as in `run`
    #[arg(long, default_value = "eager", value_parser = launch())]
    launch: Dispatch,
}

impl BenchArguments {
    pub(crate) fn bench(&self) -> Bench {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Bench {
            images: self.images,
            batch: self.batch,
            classes: self.classes,
            epochs: self.epochs,
            device: self.device,
            threads: self.threads.map_or(cores, usize::from) as i32,
            precision: self.precision.on(self.device),
            launch: self.launch,
        }
    }
}
