//! The number of runs that train at the same time, and their devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::anyhow;
use tch::{Cuda, Device};
use torch_shim::GpuSupport;

use crate::out;
use crate::schedule::device::{Devices, device};

/// The devices of each run that trains at the same time.
#[derive(Debug, PartialEq)]
pub(crate) struct Slots {
    /// The devices of each slot.
    pub(crate) devices: Vec<Devices>,
}

impl Slots {
    /// The slots for `runs` runs of at most `threads` threads each, on the requested devices, else on the GPUs there are, else on the CPU.
    ///
    /// # Errors
    /// If the device is not available.
    pub(crate) fn new(
        asked: Option<&str>,
        per_device: Option<u16>,
        runs: usize,
        threads: u16,
        gpu_support: &GpuSupport,
    ) -> anyhow::Result<Slots> {
        let gpus = Cuda::device_count().max(0) as usize;
        let all_gpus = || (0..gpus).map(Device::Cuda).collect();
        let devices: Vec<Device> = match asked {
            None if gpus > 0 => all_gpus(),
            None | Some("cpu") => {
                if let (None, GpuSupport::Broken { reason }) = (asked, gpu_support) {
                    out::note(&format!(
                        "warning: libtorch's GPU support does not load, so runs train on the CPU: {reason}"
                    ));
                }
                let cores = available_parallelism().map_or(1, usize::from);
                let slots = on_cpu(per_device, runs, cores / usize::from(threads), available_memory());
                let needed = slots.min(runs) * usize::from(threads);
                if let Some(warning) = load().and_then(|load| busy(load, needed, cores)) {
                    out::note(&warning);
                }
                return Ok(Slots {
                    devices: vec![Devices::one(Device::Cpu); slots],
                });
            }
            Some("cuda") => all_gpus(),
            Some(name) => match device(name).map_err(anyhow::Error::msg)? {
                Device::Cuda(gpu) if gpu < gpus => vec![Device::Cuda(gpu)],
                _ => Vec::new(),
            },
        };
        if devices.is_empty() {
            return Err(not_here(asked.unwrap_or_default(), gpu_support));
        }
        let copies = usize::from(per_device.unwrap_or(1));
        let slots = devices.iter().cycle().take(copies * devices.len());
        Ok(Slots {
            devices: slots.map(|&device| Devices::one(device)).collect(),
        })
    }
}

/// Refuses a device that is not available.
///
/// # Errors
/// If it is a GPU that libtorch cannot use; the message says why.
pub(crate) fn check_device(device: Device, gpu_support: &GpuSupport) -> anyhow::Result<()> {
    match device {
        Device::Cuda(gpu) if gpu >= Cuda::device_count().max(0) as usize => {
            Err(not_here(&format!("cuda:{gpu}"), gpu_support))
        }
        _ => Ok(()),
    }
}

fn not_here(device: &str, gpu_support: &GpuSupport) -> anyhow::Error {
    let why = match gpu_support {
        GpuSupport::Loaded => format!("libtorch sees {} GPUs", Cuda::device_count()),
        GpuSupport::Absent => {
            "this libtorch has no GPU support: remove .libtorch and start ./justw on the machine with the GPU"
                .to_owned()
        }
        GpuSupport::Broken { reason } => format!("libtorch's GPU support does not load: {reason}"),
    };
    anyhow!("device {device} is not available ({why}); give --device cpu to train without it")
}

/// Threads that were running or waiting for a core of this machine in the last minute, on average.
fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A warning if `load` threads of other programs leave less than `needed` of the `cores` idle.
fn busy(load: f64, needed: usize, cores: usize) -> Option<String> {
    let is_busy = needed > 0 && load >= 0.5 && load + needed as f64 > cores as f64 + 0.5;
    is_busy.then(|| {
        format!(
            "warning: other programs have kept {load:.1} of this machine's {cores} cores busy in the last minute, and these runs want \
             {needed}: they train more slowly than on an idle machine"
        )
    })
}

/// Number of runs to train at the same time: at most `side_by_side` (the number for which each thread has a core), at most the number of
/// runs, and at most as many as fit into `memory` bytes. An explicit request overrides all of these.
fn on_cpu(per_device: Option<u16>, runs: usize, side_by_side: usize, memory: Option<u64>) -> usize {
    let fitting = memory.map_or(usize::MAX, |memory| (memory / RUN_MEMORY) as usize);
    per_device
        .map_or(side_by_side.min(runs).min(fitting), usize::from)
        .max(1)
}

/// Peak memory of a run: ResNet-32 at a batch of 128 with CIFAR was measured at 0.8 GB.
const RUN_MEMORY: u64 = 1 << 30;

/// Bytes of memory available on the machine and in this process's control group, where a cluster or container limits it.
pub(super) fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = kibibytes.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024;
    let own_group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own_group = own_group
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap_or_default();
    let group = left_in_groups(Path::new("/sys/fs/cgroup"), Path::new(own_group));
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// Bytes left in the control group `own` (version 2) below `root` and in its parents; `None` without a limit.
fn left_in_groups(root: &Path, own: &Path) -> Option<u64> {
    let bytes = |file: PathBuf| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok(); // without a limit the file has the word `max`
    let left = own.ancestors().filter_map(|group| {
        let limit = bytes(root.join(group).join("memory.max"))?;
        Some(limit.saturating_sub(bytes(root.join(group).join("memory.current")).unwrap_or(0)))
    });
    left.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_a_core_for_each_of_their_threads_unless_more_are_asked_for() {
        let slots = |per_device, runs, threads| {
            let slots = Slots::new(Some("cpu"), per_device, runs, threads, &GpuSupport::Absent);
            slots.expect("the CPU is here").devices.len()
        };
        let cores = available_parallelism().map_or(1, usize::from);
        assert_eq!(slots(None, 1, 1), 1);
        assert_eq!(slots(None, 0, 1), 1);
        assert_eq!(slots(None, 9, u16::MAX), 1);
        assert_eq!(slots(Some(9), 1, u16::MAX), 9);
        assert!(slots(None, 1000, 1) <= cores, "or fewer, where memory is short");
        assert_eq!(on_cpu(None, 5, 2, None), 2);
        assert_eq!(on_cpu(None, 3, 16, None), 3);
    }

    #[test]
    fn programs_that_keep_the_cores_busy_are_warned_of() {
        assert_eq!(busy(0.2, 2, 2), None, "an idle machine is never quite idle");
        assert_eq!(busy(3.0, 1, 4), None);
        assert_eq!(busy(9.0, 0, 4), None, "nothing is left to train");
        let warning = busy(1.5, 2, 2).expect("three and a half threads for two cores");
        assert!(warning.contains("1.5 of this machine's 2 cores"), "{warning}");
    }

    #[test]
    fn runs_that_memory_does_not_hold_wait_unless_they_are_asked_for() {
        let slots = |per_device| on_cpu(per_device, 8, 8, Some(3 * RUN_MEMORY + 1));
        assert_eq!(slots(None), 3);
        assert_eq!(slots(Some(6)), 6);
        assert_eq!(on_cpu(None, 8, 8, Some(0)), 1);
    }

    #[test]
    fn the_tightest_control_group_around_this_process_counts() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let write = |file: &str, text: &str| fs::write(root.path().join(file), text).expect("a small file");
        fs::create_dir_all(root.path().join("job/task")).expect("folders");
        write("job/task/memory.max", "max\n");
        let left = || left_in_groups(root.path(), Path::new("job/task"));
        assert_eq!(left(), None);
        write("job/memory.max", "5000\n");
        write("job/memory.current", "2000\n");
        assert_eq!(left(), Some(3000));
        write("job/task/memory.max", "4000\n");
        write("job/task/memory.current", "1500\n");
        assert_eq!(left(), Some(2500));
    }
}
