//! Settings that change the numbers of a run beside its config and its data: precision, threads, processes, launch. A run keeps them to its
//! end.

use std::num::NonZeroU16;

use methods::{Dispatch, Precision, count};
use serde::{Deserialize, Deserializer};
use tch::Device;

use crate::run::{Outcome, RunId};

/// How a run computes, from its first epoch to its last: the numbers of a run with mixed settings would belong to neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Precision of the backbone.
    pub(crate) precision: Precision,
    /// Threads of libtorch: another number of them adds in another order.
    pub(crate) threads: u16,
    /// Processes that train the run together, each with part of every batch: another number of them adds in another order too.
    pub(crate) processes: u16,
    /// How steps reach the device.
    pub(crate) launch: Dispatch,
}

/// Reads a number of threads or processes, at least one, from a file.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(file: D) -> Result<u16, D::Error> {
    NonZeroU16::deserialize(file).map(NonZeroU16::get)
}

impl Default for Settings {
    /// The same on every machine.
    fn default() -> Settings {
        Settings {
            precision: Precision::F32,
            threads: 1,
            processes: 1,
            launch: Dispatch::Eager,
        }
    }
}

/// The number of processes of runs that do not state it.
pub(crate) fn one_process() -> u16 {
    1
}

impl Settings {
    /// The settings of a finished run; `None` if this version does not know its precision.
    pub(crate) fn of(outcome: &Outcome) -> Option<Settings> {
        Some(Settings {
            precision: Precision::by_name(&outcome.precision)?,
            threads: outcome.threads,
            processes: outcome.processes,
            launch: if outcome.launch == Dispatch::Graph.name() {
                Dispatch::Graph
            } else {
                Dispatch::Eager
            },
        })
    }

    /// The options of `run` for these settings, such as ` --precision f32`.
    pub(crate) fn options(self) -> String {
        words(
            Some(self.precision.name()),
            Some(self.threads),
            Some(self.processes),
            Some(self.launch.name()),
        )
    }
}

/// Computes with a number of threads, such as the one that trained the network: another number adds in another order.
pub(crate) fn with_threads<T>(threads: u16, compute: impl FnOnce() -> T) -> T {
    let usual = tch::get_num_threads();
    tch::set_num_threads(threads.into());
    let computed = compute();
    tch::set_num_threads(usual);
    computed
}

/// The precision that the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrecisionChoice {
    /// The one in which the hardware that starts the run is faster.
    Automatic,
    /// This one.
    Forced(Precision),
}

/// The settings that the user asks for. A run that has been started keeps its own where they are left out; another one takes
/// [`Settings::default`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) precision: Option<PrecisionChoice>,
    pub(crate) threads: Option<u16>,
    pub(crate) processes: Option<u16>,
    pub(crate) launch: Option<Dispatch>,
}

/// The settings that a run has been trained with so far, from its files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    precision: &'a str,
    threads: u16,
    processes: u16,
    /// Missing in outcomes of older versions.
    launch: &'a str,
}

impl From<Settings> for Kept<'_> {
    fn from(settings: Settings) -> Self {
        Kept {
            precision: settings.precision.name(),
            threads: settings.threads,
            processes: settings.processes,
            launch: settings.launch.name(),
        }
    }
}

impl<'a> From<&'a Outcome> for Kept<'a> {
    fn from(outcome: &'a Outcome) -> Kept<'a> {
        Kept {
            precision: &outcome.precision,
            threads: outcome.threads,
            processes: outcome.processes,
            launch: &outcome.launch,
        }
    }
}

/// The settings of a run differ from those it would have here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OtherSettings {
    #[error("{run} was trained {trained}, and {asked} is asked for; leave the option out or choose another --out")]
    Asked {
        /// The run.
        run: RunId,
        /// Its own setting, as text.
        trained: String,
        /// The option.
        asked: String,
    },
    #[error(
        "{run} needs {}, trained in {}, and {}, trained in {}; train all of them in one precision in another --out",
        first.0, first.1, second.0, second.1
    )]
    Needed {
        /// The run.
        run: RunId,
        /// A run it needs, and that run's precision.
        first: (RunId, String),
        /// Another such run.
        second: (RunId, String),
    },
    #[error(
        "{run} was trained with --launch graph, which needs a GPU, and would continue on the CPU; continue on a GPU or \
         choose another --out"
    )]
    NoGpu {
        /// The run.
        run: RunId,
    },
}

impl Asked {
    /// These settings, all of them.
    pub(crate) fn all(settings: Settings) -> Asked {
        Asked {
            precision: Some(PrecisionChoice::Forced(settings.precision)),
            threads: Some(settings.threads),
            processes: Some(settings.processes),
            launch: Some(settings.launch),
        }
    }

    /// Checks that they agree with the settings that `run` has been trained with so far.
    ///
    /// # Errors
    /// With the first setting that differs.
    pub(crate) fn admits(self, run: &RunId, kept: Kept<'_>) -> Result<(), OtherSettings> {
        let refused = |trained: String, asked: String| {
            let run = run.clone();
            Err(OtherSettings::Asked { run, trained, asked })
        };
        if let Some(PrecisionChoice::Forced(asked)) = self.precision
            && asked.name() != kept.precision
        {
            return refused(
                format!("in {}", kept.precision),
                format!("--precision {}", asked.name()),
            );
        }
        if let Some(asked) = self.threads
            && asked != kept.threads
        {
            let threads = count(kept.threads.into(), "thread");
            return refused(format!("with {threads}"), format!("--threads {asked}"));
        }
        if let Some(asked) = self.processes
            && asked != kept.processes
        {
            let trained = match kept.processes {
                1 => "by one process".to_owned(),
                processes => format!("by {processes} processes"),
            };
            return refused(trained, format!("--processes {asked}"));
        }
        match self.launch {
            Some(asked) if asked.name() != kept.launch => refused(
                format!("with --launch {}", kept.launch),
                format!("--launch {}", asked.name()),
            ),
            _ => Ok(()),
        }
    }

    /// The settings of `run` on `device`: its own if it has been started. Otherwise it takes the precision of the runs it needs, unless
    /// another is asked for: a second stage computes as its first stage does, whatever the machine.
    ///
    /// # Errors
    /// If `run`, or a run it needs, was trained with other settings than those asked for.
    pub(crate) fn settings(
        self,
        run: &RunId,
        begun: Option<Settings>,
        needed: &[Outcome],
        device: Device,
    ) -> Result<Settings, OtherSettings> {
        if let Some(begun) = begun {
            self.admits(run, begun.into())?;
            if begun.launch == Dispatch::Graph && !device.is_cuda() {
                return Err(OtherSettings::NoGpu { run: run.clone() });
            }
            return Ok(begun);
        }
        for outcome in needed {
            let precision_alone = Asked {
                precision: self.precision,
                ..Asked::default()
            };
            precision_alone.admits(&outcome.run, outcome.into())?;
        }
        let default = Settings::default();
        Ok(Settings {
            precision: match (common_precision(run, needed)?, self.precision) {
                (Some(needed), _) => needed,
                (None, Some(PrecisionChoice::Forced(asked))) => asked,
                (None, Some(PrecisionChoice::Automatic)) => Precision::automatic(device),
                (None, None) => default.precision,
            },
            threads: self.threads.unwrap_or(default.threads),
            processes: self.processes.unwrap_or(default.processes),
            launch: self.launch.unwrap_or(default.launch),
        })
    }
}

/// The precision of all runs that `run` needs; `None` if it needs none.
fn common_precision(run: &RunId, needed: &[Outcome]) -> Result<Option<Precision>, OtherSettings> {
    let Some(first) = needed.first() else {
        return Ok(None);
    };
    if let Some(second) = needed.iter().find(|outcome| outcome.precision != first.precision) {
        let named = |outcome: &Outcome| (outcome.run.clone(), outcome.precision.clone());
        return Err(OtherSettings::Needed {
            run: run.clone(),
            first: named(first),
            second: named(second),
        });
    }
    Ok(Precision::by_name(&first.precision))
}

impl PrecisionChoice {
    /// The precision on a device.
    pub(crate) fn on(self, device: Device) -> Precision {
        match self {
            PrecisionChoice::Automatic => Precision::automatic(device),
            PrecisionChoice::Forced(precision) => precision,
        }
    }
}

/// The options for the settings that all `outcomes` share, such as ` --precision f32 --threads 2`.
pub(crate) fn options(outcomes: &[&Outcome]) -> String {
    fn common<'a, T: PartialEq>(outcomes: &[&'a Outcome], value: fn(&'a Outcome) -> T) -> Option<T> {
        let mut values = outcomes.iter().map(|outcome| value(outcome));
        values.next().filter(|first| values.all(|other| other == *first))
    }
    words(
        common(outcomes, |outcome| outcome.precision.as_str()),
        common(outcomes, |outcome| outcome.threads),
        common(outcomes, |outcome| outcome.processes),
        common(outcomes, |outcome| outcome.launch.as_str()),
    )
}

/// The precision is always stated, since its default has changed; the others only if they are not the default.
fn words(precision: Option<&str>, threads: Option<u16>, processes: Option<u16>, launch: Option<&str>) -> String {
    let default = Settings::default();
    let threads = threads.filter(|&threads| threads != default.threads);
    let processes = processes.filter(|&processes| processes != default.processes);
    let launch = launch.filter(|&launch| launch != default.launch.name());
    [
        precision.map(|precision| format!(" --precision {precision}")),
        threads.map(|threads| format!(" --threads {threads}")),
        processes.map(|processes| format!(" --processes {processes}")),
        launch.map(|launch| format!(" --launch {launch}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::collect::tests::outcome;

    fn run() -> RunId {
        RunId::named("ce.r100.s0.1")
    }

    fn asked(precision: Option<PrecisionChoice>, threads: Option<u16>, launch: Option<Dispatch>) -> Asked {
        Asked {
            precision,
            threads,
            processes: None,
            launch,
        }
    }

    #[test]
    fn a_run_goes_on_with_its_own_settings_and_no_others() {
        let begun = Settings {
            precision: Precision::Bf16,
            threads: 2,
            processes: 1,
            launch: Dispatch::Eager,
        };
        for asked in [
            Asked::default(),
            asked(Some(PrecisionChoice::Automatic), None, None),
            asked(
                Some(PrecisionChoice::Forced(Precision::Bf16)),
                Some(2),
                Some(Dispatch::Eager),
            ),
        ] {
            assert_eq!(asked.settings(&run(), Some(begun), &[], Device::Cpu), Ok(begun));
        }
        let refusal = |asked: Asked| {
            let refusal = asked.settings(&run(), Some(begun), &[], Device::Cpu);
            refusal.expect_err("it was begun otherwise").to_string()
        };
        assert_eq!(
            refusal(asked(Some(PrecisionChoice::Forced(Precision::F32)), None, None)),
            "ce.r100.s0.1 was trained in bf16, and --precision f32 is asked for; leave the option out or choose another --out"
        );
        assert_eq!(
            refusal(asked(None, Some(1), None)),
            "ce.r100.s0.1 was trained with 2 threads, and --threads 1 is asked for; leave the option out or choose another \
             --out"
        );
        assert_eq!(
            refusal(asked(None, None, Some(Dispatch::Graph))),
            "ce.r100.s0.1 was trained with --launch eager, and --launch graph is asked for; leave the option out or choose \
             another --out"
        );
    }

    #[test]
    fn a_run_that_is_begun_without_options_has_one_thread_and_f32_or_the_precision_of_what_it_needs() {
        let settings = |needed: &[Outcome], asked: Asked| asked.settings(&run(), None, needed, Device::Cpu);
        assert_eq!(settings(&[], Asked::default()), Ok(Settings::default()));
        let in_bf16 = Outcome {
            precision: "bf16".into(),
            threads: 2,
            ..outcome("first", 100.0, 0, 0.5)
        };
        let in_f32 = Outcome {
            precision: "f32".into(),
            ..outcome("second", 100.0, 0, 0.5)
        };
        let expected = Settings {
            precision: Precision::Bf16,
            ..Settings::default()
        };
        assert_eq!(settings(std::slice::from_ref(&in_bf16), Asked::default()), Ok(expected));
        let forced = asked(Some(PrecisionChoice::Forced(Precision::F32)), None, None);
        let refusal = settings(std::slice::from_ref(&in_bf16), forced).expect_err("its first stage is bf16");
        assert_eq!(
            refusal.to_string(),
            format!(
                "{} was trained in bf16, and --precision f32 is asked for; leave the option out or choose another --out",
                in_bf16.run
            )
        );
        let refusal = settings(&[in_bf16.clone(), in_f32.clone()], Asked::default()).expect_err("they differ");
        assert_eq!(
            refusal.to_string(),
            format!(
                "ce.r100.s0.1 needs {}, trained in bf16, and {}, trained in f32; train all of them in one precision in \
                 another --out",
                in_bf16.run, in_f32.run
            )
        );
    }

    #[test]
    fn the_command_of_a_table_asks_for_the_settings_that_all_its_runs_have() {
        let one = outcome("ce", 100.0, 0, 0.5);
        let two = Outcome {
            precision: "bf16".into(),
            threads: 2,
            launch: "graph".into(),
            ..one.clone()
        };
        assert_eq!(options(&[&two, &two]), " --precision bf16 --threads 2 --launch graph");
        assert_eq!(options(&[&one]), format!(" --precision {}", one.precision));
        assert_eq!(options(&[&one, &two]), "");
        assert_eq!(options(&[]), "");
    }
}
