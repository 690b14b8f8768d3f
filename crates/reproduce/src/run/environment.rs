//! Environment: what machine and what source a run's numbers come from.

use std::fs;

use methods::{Launch, Precision};
use serde::Serialize;
use tch::Device;

/// Written to a run's `environment.toml`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Environment {
    /// Commit the binary was built from; a `+` marks uncommitted changes.
    pub(crate) commit: String,
    /// Version of libtorch that tch is bound to.
    pub(crate) libtorch: String,
    /// Processor or GPU model, with libtorch's name for the device.
    pub(crate) device: String,
    /// Arithmetic of the convolutions.
    pub(crate) precision: String,
    /// How steps reached the device.
    pub(crate) launch: String,
    /// Threads of libtorch.
    pub(crate) threads: i32,
}

/// Commit this binary was built from; a `+` marks uncommitted changes.
pub(crate) const COMMIT: &str = env!("LONGTAIL_COMMIT");

impl Environment {
    /// Of this process, computing on `device` in `precision`, with steps that reach it by `launch`.
    pub(crate) fn here(device: Device, precision: Precision, launch: Launch, threads: i32) -> Environment {
        Environment {
            commit: COMMIT.into(),
            libtorch: "2.11.0".into(), // the one version that tch 0.24 links with
            device: match device {
                Device::Cpu => format!("cpu ({})", processor()),
                Device::Cuda(index) => match gpu_model(&gpus_as_the_driver_tells_them()) {
                    Some(model) => format!("cuda:{index} ({model})"),
                    None => format!("cuda:{index}"),
                },
                other => format!("{other:?}").to_lowercase(),
            },
            precision: precision.name().into(),
            launch: launch.name().into(),
            threads,
        }
    }

    /// The text of `environment.toml`.
    pub(crate) fn text(&self) -> String {
        toml::to_string(self).expect("words and numbers")
    }
}

/// What NVIDIA's driver says of each GPU of this machine.
fn gpus_as_the_driver_tells_them() -> Vec<String> {
    let gpus = fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten();
    gpus.filter_map(|gpu| fs::read_to_string(gpu.path().join("information")).ok())
        .collect()
}

/// The model that all `gpus` are of; `None` where they differ, since a process may number them otherwise than the driver does.
fn gpu_model(gpus: &[String]) -> Option<&str> {
    let mut models = gpus.iter().map(|gpu| {
        let model = gpu.lines().find_map(|line| line.strip_prefix("Model:"));
        model.map(str::trim)
    });
    let first = models.next()??;
    models.all(|model| model == Some(first)).then_some(first)
}

/// The processor's model name, as Linux tells it.
fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_called_by_its_model_where_all_are_alike() {
        let gpu = |model: &str| format!("Model: \t\t {model}\nIRQ:   \t\t 94\nGPU UUID: \t GPU-01\n");
        let (one, other) = (gpu("NVIDIA H200"), gpu("NVIDIA L4"));
        assert_eq!(gpu_model(std::slice::from_ref(&one)), Some("NVIDIA H200"));
        assert_eq!(gpu_model(&[one.clone(), one.clone()]), Some("NVIDIA H200"));
        assert_eq!(gpu_model(&[one, other]), None);
        assert_eq!(gpu_model(&[]), None);
        assert_eq!(gpu_model(&["IRQ: 94\n".to_owned()]), None);
    }
}
