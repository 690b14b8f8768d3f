//! Environment: what machine and what source a run's numbers come from.

use std::fs;

use methods::Precision;
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
    /// Threads of libtorch.
    pub(crate) threads: i32,
}

/// Commit this binary was built from; a `+` marks uncommitted changes.
pub(crate) const COMMIT: &str = env!("LONGTAIL_COMMIT");

impl Environment {
    /// Of this process, computing on `device` in `precision`.
    pub(crate) fn here(device: Device, precision: Precision, threads: i32) -> Environment {
        Environment {
            commit: COMMIT.into(),
            libtorch: "2.11.0".into(), // the one version that tch 0.24 links with
            device: match device {
                Device::Cpu => format!("cpu ({})", processor()),
                other => format!("{other:?}").to_lowercase(),
            },
            precision: precision.name().into(),
            threads,
        }
    }

    /// The text of `environment.toml`.
    pub(crate) fn text(&self) -> String {
        toml::to_string(self).expect("words and numbers")
    }
}

/// The processor's model name, as Linux tells it.
fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
