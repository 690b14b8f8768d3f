//! Environment: what machine and what source a run's numbers come from.

use std::fs;

use methods::{Launch, Precision};
use serde::{Deserialize, Serialize};
use tch::Device;

/// Written to a run's `environment.toml`: of its last sitting and, where they were otherwise, of those before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// Commit the binary was built from; a `+` marks uncommitted changes.
    pub(crate) commit: String,
    /// Version of libtorch that tch is bound to.
    pub(crate) libtorch: String,
    /// Processor or GPU model, with libtorch's name for the device.
    pub(crate) device: String,
    /// Arithmetic of the convolutions.
    pub(crate) precision: Precision,
    /// How steps reached the device; older versions did not write it down, and had one way only.
    #[serde(default = "eager")]
    pub(crate) launch: String,
    /// Threads of libtorch.
    pub(crate) threads: i32,
    /// The first sitting first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Environment>,
}

fn eager() -> String {
    Launch::Eager.name().into()
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
            precision,
            launch: launch.name().into(),
            threads,
            earlier: Vec::new(),
        }
    }

    /// The same, [`Environment::here`], of a run that was begun or gone on with in `before`.
    pub(crate) fn after(self, mut before: Environment) -> Environment {
        let mut earlier = std::mem::take(&mut before.earlier);
        if before != self {
            earlier.push(before);
        }
        Environment { earlier, ..self }
    }

    /// Every different value that the sittings had, in their order, such as `e90cff5d34ce then 606e6c4dab90`.
    pub(crate) fn in_words(&self, value: fn(&Environment) -> &str) -> String {
        let mut words: Vec<&str> = Vec::new();
        for sitting in self.earlier.iter().chain([self]) {
            if words.last() != Some(&value(sitting)) {
                words.push(value(sitting));
            }
        }
        words.join(" then ")
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
    fn every_sitting_that_was_otherwise_is_remembered() {
        let at = |commit: &str| Environment {
            commit: commit.into(),
            ..Environment::here(Device::Cpu, Precision::F32, Launch::Eager, 1)
        };
        let environment = at("b").after(at("a").after(at("a")));
        let text = environment.text();
        assert!(text.starts_with("commit = \"b\"\n"), "{text}");
        let read: Environment = toml::from_str(&text).expect("its own text");
        assert_eq!(read, environment);
        let environment = at("a").after(read);
        assert_eq!(environment.in_words(|sitting| &sitting.commit), "a then b then a");
        assert_eq!(environment.in_words(|sitting| &sitting.launch), "eager");
    }

    #[test]
    fn what_older_versions_wrote_is_read() {
        let text =
            "commit = \"e90cff5d34ce\"\nlibtorch = \"2.11.0\"\ndevice = \"cpu\"\nprecision = \"f32\"\nthreads = 1\n";
        let read: Environment = toml::from_str(text).expect("a flat table");
        assert_eq!(read.launch, "eager");
    }

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
