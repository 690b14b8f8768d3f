//! Slots: how many runs at a time, where, and with how many threads.

use std::thread::available_parallelism;

use anyhow::bail;
use tch::{Cuda, Device};
use torch_shim::GpuSupport;

use crate::arguments::device;

/// One device for each run that trains at the same time.
#[derive(Debug, PartialEq)]
pub(crate) struct Slots {
    /// As `worker --device` takes them, one a slot.
    pub(crate) devices: Vec<String>,
    /// Threads of libtorch for each run.
    pub(crate) threads: usize,
}

impl Slots {
    /// For `runs` runs on the devices that were asked for, or the GPUs there are, or the CPU.
    ///
    /// # Errors
    /// If the device is not here.
    pub(crate) fn new(
        asked: Option<&str>,
        per_device: Option<u16>,
        runs: usize,
        gpu_support: &GpuSupport,
    ) -> anyhow::Result<Slots> {
        let gpus = Cuda::device_count().max(0) as usize;
        let all_gpus = || (0..gpus).map(|gpu| format!("cuda:{gpu}")).collect();
        let devices: Vec<String> = match asked {
            None if gpus > 0 => all_gpus(),
            None | Some("cpu") => return Ok(on_cpu(per_device, runs, available_parallelism().map_or(1, usize::from))),
            Some("cuda") => all_gpus(),
            Some(name) => match device(name).map_err(anyhow::Error::msg)? {
                Device::Cuda(gpu) if gpu < gpus => vec![name.to_owned()],
                _ => Vec::new(),
            },
        };
        if devices.is_empty() {
            let why = match gpu_support {
                GpuSupport::Loaded => format!("libtorch sees {gpus} GPUs"),
                GpuSupport::Absent => {
                    "this libtorch has no GPU support: remove .libtorch and start ./justw on the machine \
                     with the GPU"
                        .to_owned()
                }
                GpuSupport::Broken { reason } => format!("libtorch's GPU support does not load: {reason}"),
            };
            bail!(
                "device {} is not here ({why}); say --device cpu to go on without it",
                asked.unwrap_or_default()
            );
        }
        let copies = usize::from(per_device.unwrap_or(1));
        Ok(Slots {
            devices: devices.iter().cycle().take(copies * devices.len()).cloned().collect(),
            threads: 1,
        })
    }
}

/// One single-threaded run a core, as far as there are runs: that trains more images a second in all than one run with
/// every thread, and threads that outnumber the cores wait for each other, spinning.
fn on_cpu(per_device: Option<u16>, runs: usize, cores: usize) -> Slots {
    let slots = per_device.map_or(cores.min(runs), usize::from).max(1);
    Slots {
        devices: vec!["cpu".to_owned(); slots],
        threads: (cores / slots).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_divided_among_runs_and_never_outnumber_the_cores() {
        let split = |per_device, runs, cores| {
            let Slots { devices, threads } = on_cpu(per_device, runs, cores);
            (devices.len(), threads)
        };
        assert_eq!(split(None, 5, 2), (2, 1));
        assert_eq!(split(None, 1, 2), (1, 2));
        assert_eq!(split(None, 3, 16), (3, 5));
        assert_eq!(split(None, 0, 2), (1, 2));
        assert_eq!(split(Some(1), 5, 4), (1, 4));
        assert_eq!(split(Some(8), 8, 2), (8, 1));
    }
}
