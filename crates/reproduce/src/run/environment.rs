//! The machine and the source code that produced a run's numbers.

use std::fs;

use methods::{Dispatch, Precision};
use serde::{Deserialize, Serialize};
use tch::Device;
use toml::{Table, Value};

use crate::run::RunId;
use crate::run::format::{FORMAT, Newer, check};
use crate::run::outcome::is_zero;
use crate::run::settings::{self, Settings};

/// The environment of a run's last session and of those before it, written to its `environment.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// Commit the binary was built from; a `+` marks uncommitted changes.
    pub(crate) commit: String,
    /// Version of libtorch that tch is bound to.
    pub(crate) libtorch: String,
    /// Processor or GPU model, with libtorch's name for the device.
    pub(crate) device: String,
    /// Precision of the convolutions.
    pub(crate) precision: Precision,
    /// How steps were launched; versions that did not record it launched eagerly.
    #[serde(default)]
    pub(crate) launch: Dispatch,
    /// Threads of libtorch.
    #[serde(deserialize_with = "settings::at_least_one")]
    pub(crate) threads: u16,
    /// Processes that train the run together; versions that did not record it had one.
    #[serde(default = "settings::one_process", deserialize_with = "settings::at_least_one")]
    pub(crate) processes: u16,
    /// SHA-256 of images and labels; missing, like the fields that follow, in files of older versions.
    pub(crate) data_digest: Option<String>,
    /// SHA-256 of the list of kept training images.
    pub(crate) split_digest: Option<String>,
    /// How many unreadable photographs could be replaced in each pass over the training images.
    #[serde(default, skip_serializing_if = "is_zero")]
    skip_bad: usize,
    /// First epoch that this session trained, 0-based.
    first_epoch: Option<i64>,
    /// Earlier sessions, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Environment>,
}

/// Why the text of an `environment.toml` is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    #[error(transparent)]
    Newer(#[from] Newer),
    #[error(transparent)]
    Damaged(#[from] toml::de::Error),
}

/// The data, the split or libtorch differ from those the run was trained with so far.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OtherOrigin {
    #[error(
        "{run} was trained on data with digest {kept}, and the data found here have digest {found}; name the folder of the former \
         with --data, or choose another --out to train on the latter"
    )]
    Data { run: RunId, kept: String, found: String },
    #[error(
        "{run} was trained on a split with digest {kept}, and this program selects a split with digest {found}; continue with \
         the program that started it (commit {commit}) or choose another --out"
    )]
    Split {
        run: RunId,
        kept: String,
        found: String,
        commit: String,
    },
    #[error(
        "{run} was trained with libtorch {kept}, and this program has {found}; continue with a program built for the former or \
         choose another --out"
    )]
    Libtorch { run: RunId, kept: String, found: String },
}

/// Commit this binary was built from; a `+` marks uncommitted changes.
pub(crate) const COMMIT: &str = env!("LONGTAIL_COMMIT");

/// Version of libtorch: the one that tch 0.24 links with.
pub(crate) const LIBTORCH: &str = "2.11.0";

impl Environment {
    /// The environment of this process: `device`, `settings`, the digests of data and split, and the first epoch it trains.
    pub(crate) fn here(
        device: Device,
        settings: Settings,
        (data_digest, split_digest): (&str, &str),
        first_epoch: i64,
    ) -> Environment {
        Environment {
            commit: COMMIT.into(),
            libtorch: LIBTORCH.into(),
            device: match device {
                Device::Cpu => format!("cpu ({}{})", processor(), limits(|name| std::env::var(name).ok())),
                Device::Cuda(index) => match gpu_model(&gpu_descriptions()) {
                    Some(model) => format!("cuda:{index} ({model})"),
                    None => format!("cuda:{index}"),
                },
                other => format!("{other:?}").to_lowercase(),
            },
            precision: settings.precision,
            launch: settings.launch,
            threads: settings.threads,
            processes: settings.processes,
            data_digest: Some(data_digest.to_owned()),
            split_digest: Some(split_digest.to_owned()),
            skip_bad: 0,
            first_epoch: Some(first_epoch),
            earlier: Vec::new(),
        }
    }

    /// The same, in which as many unreadable photographs could be replaced in each pass.
    pub(crate) fn replacing(self, skip_bad: usize) -> Environment {
        Environment { skip_bad, ..self }
    }

    /// Appends this session, [`Environment::here`], to the sessions of `run` recorded in `before`. An earlier session that starts at
    /// the same epoch or a later one left no checkpoint that counts and is dropped.
    ///
    /// # Errors
    /// If data, training images or libtorch differ from those of `before`. Values that an older version did not record are not
    /// compared.
    pub(crate) fn after(self, mut before: Environment, run: &RunId) -> Result<Environment, OtherOrigin> {
        before.check_data(run, self.data_digest.as_deref().unwrap_or_default())?;
        if let (Some(kept), Some(found)) = (&before.split_digest, &self.split_digest)
            && kept != found
        {
            return Err(OtherOrigin::Split {
                run: run.clone(),
                kept: kept.clone(),
                found: found.clone(),
                commit: before.commit,
            });
        }
        if before.libtorch != self.libtorch {
            return Err(OtherOrigin::Libtorch {
                run: run.clone(),
                kept: before.libtorch,
                found: self.libtorch,
            });
        }
        let mut earlier = std::mem::take(&mut before.earlier);
        earlier.push(before);
        earlier.retain(|session| session.first_epoch < self.first_epoch);
        Ok(Environment { earlier, ..self })
    }

    /// Whether a run of `other` computes with the same bits: on the same device and libtorch, with the same settings and data.
    pub(crate) fn computes_as(&self, other: &Environment) -> bool {
        let of = |environment: &Environment| Environment {
            commit: String::new(),
            first_epoch: None,
            earlier: Vec::new(),
            ..environment.clone()
        };
        of(self) == of(other)
    }

    /// Refuses data with another digest than those `run` was trained on.
    ///
    /// # Errors
    /// If the digests differ; the message has both.
    pub(crate) fn check_data(&self, run: &RunId, found: &str) -> Result<(), OtherOrigin> {
        self.data_digest
            .as_deref()
            .map_or(Ok(()), |kept| same_data(run, kept, found))
    }

    /// The settings the run computes with.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            precision: self.precision,
            threads: self.threads,
            processes: self.processes,
            launch: self.launch,
        }
    }

    /// The distinct values over all sessions, in order, such as `e90cff5d34ce then 606e6c4dab90`.
    pub(crate) fn in_words(&self, value: fn(&Environment) -> &str) -> String {
        let mut words: Vec<&str> = Vec::new();
        for session in self.earlier.iter().chain([self]) {
            if words.last() != Some(&value(session)) {
                words.push(value(session));
            }
        }
        words.join(" then ")
    }

    /// The text of `environment.toml`.
    pub(crate) fn text(&self) -> String {
        format!("format = {FORMAT}\n") + &toml::to_string(self).expect("words and numbers")
    }

    /// Reads the text of an `environment.toml` of this version or an older one, which states none.
    ///
    /// # Errors
    /// If it is of a newer version, or damaged.
    pub(crate) fn read(text: &str) -> Result<Environment, EnvironmentError> {
        let mut fields: Table = toml::from_str(text)?;
        let format = fields.remove("format").map_or(Ok(1), Value::try_into)?;
        check(format)?;
        Ok(Value::from(fields).try_into()?)
    }
}

/// Refuses data with digest `found` for `run`, which was trained on data with digest `kept`.
///
/// # Errors
/// If the digests differ; the message has both.
pub(crate) fn same_data(run: &RunId, kept: &str, found: &str) -> Result<(), OtherOrigin> {
    if kept == found {
        return Ok(());
    }
    Err(OtherOrigin::Data {
        run: run.clone(),
        kept: kept.to_owned(),
        found: found.to_owned(),
    })
}

/// The NVIDIA driver's description of each GPU.
fn gpu_descriptions() -> Vec<String> {
    let gpus = fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten();
    gpus.filter_map(|gpu| fs::read_to_string(gpu.path().join("information")).ok())
        .collect()
}

/// The model of all `gpus`, if they are equal: a process may number them differently from the driver.
fn gpu_model(gpus: &[String]) -> Option<&str> {
    let mut models = gpus.iter().map(|gpu| {
        let model = gpu.lines().find_map(|line| line.strip_prefix("Model:"));
        model.map(str::trim)
    });
    let first = models.next()??;
    models.all(|model| model == Some(first)).then_some(first)
}

/// Environment variables that restrict libtorch to a subset of the processor's instructions, which changes the order of
/// additions.
const LIMITS: [&str; 3] = ["ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"];

/// The [`LIMITS`] that are set, such as `, ATEN_CPU_CAPABILITY=avx2`.
fn limits(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = LIMITS
        .into_iter()
        .filter_map(|name| Some(format!(", {name}={}", variable(name)?)));
    set.collect()
}

/// The [`LIMITS`] of this process before a command, such as `ATEN_CPU_CAPABILITY=avx2 `.
pub(crate) fn limits_here() -> String {
    assignments(&limits(|name| std::env::var(name).ok()))
}

/// The [`LIMITS`] that every session of all `devices` states, before a command.
pub(crate) fn limits_of<'a>(devices: impl IntoIterator<Item = &'a str>) -> String {
    let mut sessions = devices
        .into_iter()
        .flat_map(|device| device.split(" then "))
        .map(assignments);
    let first = sessions.next().unwrap_or_default();
    if sessions.all(|session| session == first) {
        first
    } else {
        String::new()
    }
}

/// The [`LIMITS`] in the text of a device, as assignments of a shell. A value that a shell would have to quote is left out: libtorch knows
/// none.
fn assignments(device: &str) -> String {
    let set = LIMITS.into_iter().filter_map(|name| {
        let (_, value) = device.split_once(&format!(", {name}="))?;
        let value = value.split([',', ')']).next().filter(|value| !value.is_empty())?;
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_plain.then(|| format!("{name}={value} "))
    });
    set.collect()
}

/// The processor's model name, as Linux reports it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(commit: &str, first_epoch: i64) -> Environment {
        Environment {
            commit: commit.into(),
            ..Environment::here(Device::Cpu, Settings::default(), ("d1", "s1"), first_epoch)
        }
    }

    #[test]
    fn limits_of_the_instructions_are_stated() {
        let limited = |name: &str| (name == "ONEDNN_MAX_CPU_ISA").then(|| "AVX2".to_owned());
        assert_eq!(limits(limited), ", ONEDNN_MAX_CPU_ISA=AVX2");
        assert_eq!(limits(|_| None), "");
        assert_eq!(assignments(&limits(limited)), "ONEDNN_MAX_CPU_ISA=AVX2 ");
        assert_eq!(assignments(", ONEDNN_MAX_CPU_ISA=$(x)"), "");
        let (limited, free) = (
            "cpu (AMD EPYC, ATEN_CPU_CAPABILITY=avx2, ONEDNN_MAX_CPU_ISA=AVX2)",
            "cpu (AMD EPYC)",
        );
        let both = format!("{limited} then {free}");
        assert_eq!(
            limits_of([limited, limited]),
            "ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 "
        );
        assert_eq!(
            (limits_of([limited, &both]), limits_of([])),
            (String::new(), String::new())
        );
    }

    #[test]
    fn every_session_that_left_an_epoch_is_remembered() {
        let after = |session: Environment, before: Environment| {
            session.after(before, &RunId::named("ce")).expect("nothing differs")
        };
        let environment = after(session("c", 2), after(session("b", 2), session("a", 0)));
        let text = environment.text();
        assert!(text.starts_with("format = 2\ncommit = \"c\"\n"), "{text}");
        let newer = Environment::read(&text.replace("format = 2", "format = 3")).expect_err("newer");
        assert!(matches!(newer, EnvironmentError::Newer(_)), "{newer}");
        let read = Environment::read(&text).expect("its own text");
        assert_eq!(read, environment);
        let environment = after(session("c", 3), read);
        assert_eq!(environment.earlier.len(), 2, "b left nothing: {environment:?}");
        assert_eq!(environment.in_words(|session| &session.commit), "a then c");
        assert_eq!(environment.in_words(|session| session.launch.name()), "eager");
    }

    #[test]
    fn what_its_numbers_come_from_stays_the_same_for_a_run_and_what_is_not_known_is_not_compared() {
        let refusal = |before: &Environment| {
            let refusal = session("b", 1).after(before.clone(), &RunId::named("ce"));
            refusal.expect_err("it differs").to_string()
        };
        let begun = session("a", 0);
        let before = |change: fn(&mut Environment)| {
            let mut before = begun.clone();
            change(&mut before);
            before
        };
        assert_eq!(
            refusal(&before(|before| before.data_digest = Some("d0".into()))),
            "ce was trained on data with digest d0, and the data found here have digest d1; name the folder of the former with \
             --data, or choose another --out to train on the latter"
        );
        assert_eq!(
            refusal(&before(|before| before.split_digest = Some("s0".into()))),
            "ce was trained on a split with digest s0, and this program selects a split with digest s1; continue with the program \
             that started it (commit a) or choose another --out"
        );
        assert_eq!(
            refusal(&before(|before| before.libtorch = "2.10.0".into())),
            "ce was trained with libtorch 2.10.0, and this program has 2.11.0; continue with a program built for the former or \
             choose another --out"
        );
        let older = before(|before| (before.data_digest, before.split_digest, before.first_epoch) = (None, None, None));
        assert!(session("b", 1).after(older, &RunId::named("ce")).is_ok());
    }

    #[test]
    fn what_older_versions_wrote_is_read() {
        let text =
            "commit = \"e90cff5d34ce\"\nlibtorch = \"2.11.0\"\ndevice = \"cpu\"\nprecision = \"f32\"\nthreads = 1\n";
        let read = Environment::read(text).expect("a flat table");
        assert_eq!((read.launch, read.data_digest), (Dispatch::Eager, None));
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
