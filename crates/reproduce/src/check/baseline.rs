//! The baseline: a grid's results as a file of text that git keeps. Each run has its settings, the number of correct images of each
//! class, and one bit for each test image.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bits;
use super::metric::Metric;
use super::settings::differing;
use crate::compare::Group;
use crate::files;
use crate::grid::Plan;
use crate::run::Run;

/// The version of the file that this program writes, and the only one so far.
const FORMAT: u64 = 1;

/// A grid's results and what they are allowed to lose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    format: u64,
    pub(crate) made_by: MadeBy,
    /// SHA-256 of images and labels.
    pub(crate) data_digest: String,
    /// Test images of each class, `[k]`.
    #[serde(with = "counts")]
    pub(crate) images: Vec<usize>,
    /// How much worse a metric may be, by name: accuracies in points, NC1 to NC3 in percent of the baseline.
    pub(crate) margins: BTreeMap<String, f64>,
    pub(crate) methods: Vec<Kept>,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadeBy {
    pub(crate) command: String,
    pub(crate) commit: String,
    pub(crate) libtorch: String,
    pub(crate) device: String,
    pub(crate) precision: String,
    pub(crate) threads: String,
}

/// A method under an imbalance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The lines of the first run's `config.toml`. Those of other seeds differ in the seed alone.
    config: Vec<String>,
    pub(crate) seeds: Vec<KeptSeed>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptSeed {
    pub(crate) seed: i64,
    /// SHA-256 of the list of training images.
    pub(crate) split_digest: String,
    pub(crate) nc1: Option<f64>,
    pub(crate) nc2: Option<f64>,
    pub(crate) nc3: Option<f64>,
    /// Images of each class that are classified correctly, `[k]`.
    #[serde(with = "counts")]
    pub(crate) correct: Vec<usize>,
    /// A bit for each test image, see [`bits`].
    bits: String,
}

impl Baseline {
    /// Of finished runs, with the given margins, or the default ones.
    ///
    /// # Errors
    /// If predictions are missing or damaged.
    pub(crate) fn of(
        groups: &[Group],
        margins: Option<BTreeMap<String, f64>>,
        command: String,
    ) -> anyhow::Result<Baseline> {
        let runs = || groups.iter().flat_map(|group| &group.runs);
        let first = runs().next().context("a baseline is of finished runs")?;
        let values = |value: fn(&crate::run::Outcome) -> String| {
            let mut values: Vec<String> = runs().map(|run| value(&run.outcome)).collect();
            values.sort();
            values.dedup();
            values.join(" and ")
        };
        let labels = first.predictions()?.labels;
        let per_class = |is_it: &dyn Fn(usize) -> bool| {
            let mut counts = vec![0; first.run.dataset.facts().classes() as usize];
            for (image, &label) in labels.iter().enumerate() {
                counts[label as usize] += usize::from(is_it(image));
            }
            counts
        };
        let mut methods = Vec::new();
        for group in groups {
            let mut seeds = Vec::new();
            for finished in &group.runs {
                let hits = finished.predictions()?.hits();
                seeds.push(KeptSeed {
                    seed: finished.run.seed,
                    split_digest: finished.outcome.split_digest.clone(),
                    nc1: Metric::Nc1.measured(&finished.outcome),
                    nc2: Metric::Nc2.measured(&finished.outcome),
                    nc3: Metric::Nc3.measured(&finished.outcome),
                    correct: per_class(&|image| hits[image]),
                    bits: bits::text(&hits),
                });
            }
            methods.push(Kept {
                config: group.runs[0].run.config().lines().map(str::to_owned).collect(),
                seeds,
            });
        }
        let default = || {
            let margins = Metric::ALL.map(|metric| (metric.name().to_owned(), metric.default_margin()));
            BTreeMap::from(margins)
        };
        Ok(Baseline {
            format: FORMAT,
            made_by: MadeBy {
                command,
                commit: values(|outcome| outcome.commit.clone()),
                libtorch: values(|outcome| outcome.libtorch.clone().unwrap_or_default()),
                device: values(|outcome| outcome.device.clone()),
                precision: values(|outcome| outcome.precision.clone()),
                threads: values(|outcome| outcome.threads.to_string()),
            },
            data_digest: first.outcome.data_digest.clone(),
            images: per_class(&|_| true),
            margins: margins.unwrap_or_else(default),
            methods,
        })
    }

    /// The text of its file.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and words") + "\n"
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it is not there, of a newer version, or damaged; the message names it and the remedy.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Baseline> {
        let text = files::read(path).with_context(|| {
            format!(
                "cannot read the baseline {}; name another with --baseline, or make it with --write-baseline",
                path.display()
            )
        })?;
        Baseline::parse(&text).map_err(|error| {
            let path = path.display();
            anyhow!(
                "the baseline {path} is damaged: {error:#}; take it from git again, or move it away and make it anew with \
                 --write-baseline, which then has the usual margins"
            )
        })?
        .with_context(|| format!("cannot use the baseline {}", path.display()))
    }

    /// The outer error is that of a damaged text, the inner one that of a newer version.
    fn parse(text: &str) -> anyhow::Result<anyhow::Result<Baseline>> {
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let format = value["format"].as_u64().context("it states no format")?;
        if format > FORMAT {
            return Ok(Err(anyhow!(
                "it has format {format}, and this program reads format {FORMAT}; use the program that wrote it, or a newer one"
            )));
        }
        let baseline: Baseline = serde_json::from_value(value)?;
        baseline.check()?;
        Ok(Ok(baseline))
    }

    /// Refuses what cannot be compared with.
    ///
    /// # Errors
    /// With the first fault.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for metric in Metric::ALL {
            let margin = self.margins.get(metric.name());
            let margin = margin.with_context(|| format!("it has no margin of {}", metric.name()))?;
            ensure!(
                margin.is_finite() && *margin >= 0.0,
                "its margin of {} is {margin}; it is a number from 0",
                metric.name()
            );
        }
        let is_known = |name: &&String| Metric::ALL.iter().any(|metric| metric.name() == *name);
        if let Some(name) = self.margins.keys().find(|name| !is_known(name)) {
            let known: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
            bail!(
                "it has a margin of `{name}`, which is none of the metrics {}",
                known.join(", ")
            );
        }
        ensure!(!self.methods.is_empty(), "it has no method");
        let mut names = Vec::new();
        for kept in &self.methods {
            let run = kept.first()?;
            let name = format!("{} at {}", run.name, run.imbalance);
            ensure!(!names.contains(&name), "it has {name} twice");
            let classes = run.dataset.facts().classes() as usize;
            ensure!(
                self.images.len() == classes,
                "it has test images of {} classes, and {} has {classes}",
                self.images.len(),
                run.dataset
            );
            ensure!(!kept.seeds.is_empty(), "it has no seed of {name}");
            for (place, seed) in kept.seeds.iter().enumerate() {
                let is_double = kept.seeds[..place].iter().any(|other| other.seed == seed.seed);
                ensure!(!is_double, "it has seed {} of {name} twice", seed.seed);
                seed.check(&self.images)
                    .map_err(|reason| anyhow!("seed {} of {name}: {reason}", seed.seed))?;
            }
            kept.check_collapse().map_err(|reason| anyhow!("{name}: {reason}"))?;
            names.push(name);
        }
        Ok(())
    }

    /// Refuses a grid whose settings of a run are not those of the baseline: such numbers say nothing about each other.
    ///
    /// # Errors
    /// With the lines that differ.
    pub(crate) fn check_settings(&self, plan: &Plan) -> anyhow::Result<()> {
        for kept in &self.methods {
            for seed in &kept.seeds {
                let before = kept.run(seed)?;
                let same =
                    |run: &Run| run.name == before.name && run.imbalance == before.imbalance && run.seed == before.seed;
                let other_imbalance = |run: &Run| run.name == before.name && run.seed == before.seed;
                let planned = plan.asked().find(|planned| same(&planned.run));
                let planned = planned.or_else(|| plan.asked().find(|planned| other_imbalance(&planned.run)));
                let Some(planned) = planned else {
                    continue; // which fails, after the others are trained
                };
                if planned.run != before {
                    bail!(
                        "the baseline's `{}` at {} was trained with other settings, so that it is not comparable:\n{}\nmake the baseline anew \
                         with --write-baseline, or undo the change",
                        before.name,
                        before.imbalance,
                        differing(&before, &planned.run).join("\n")
                    );
                }
            }
        }
        Ok(())
    }

    /// The margin of a metric, in its unit.
    pub(crate) fn margin(&self, metric: Metric) -> f64 {
        self.margins[metric.name()]
    }
}

impl Kept {
    /// The first run.
    fn first(&self) -> anyhow::Result<Run> {
        toml::from_str(&self.config.join("\n"))
            .map_err(|error| anyhow!("a config in it is damaged: {}", error.message()))
    }

    /// Whether none of its seeds has the metric, so that it is not compared.
    pub(crate) fn lacks(&self, metric: Metric) -> bool {
        self.seeds.iter().all(|seed| seed.collapse(metric).is_none())
    }

    /// Refuses NC1 to NC3 that are no positive numbers, or that only some seeds have.
    fn check_collapse(&self) -> Result<(), String> {
        for metric in Metric::OF_COLLAPSE {
            for seed in &self.seeds {
                match seed.collapse(metric) {
                    None if self.lacks(metric) => {}
                    None => return Err(format!("seed {} has no {}, and others have", seed.seed, metric.name())),
                    Some(value) if value.is_finite() && value > 0.0 => {}
                    Some(value) => {
                        return Err(format!(
                            "{} of seed {} is {value}; it is a positive number",
                            metric.name(),
                            seed.seed
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// The run of a seed.
    ///
    /// # Errors
    /// If the config is damaged.
    pub(crate) fn run(&self, seed: &KeptSeed) -> anyhow::Result<Run> {
        Ok(Run {
            seed: seed.seed,
            ..self.first()?
        })
    }
}

impl KeptSeed {
    /// NC1 to NC3; `None` for accuracies, which follow from the bits.
    pub(crate) fn collapse(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy(_) => None,
            Metric::Nc1 => self.nc1,
            Metric::Nc2 => self.nc2,
            Metric::Nc3 => self.nc3,
        }
    }

    /// Whether each of the `n` test images is classified correctly.
    ///
    /// # Errors
    /// In words, if the bits are damaged.
    pub(crate) fn hits(&self, n: usize) -> Result<Vec<bool>, String> {
        bits::read(&self.bits, n)
    }

    fn check(&self, images: &[usize]) -> Result<(), String> {
        let hits = self.hits(images.iter().sum())?;
        let (found, stated) = (
            hits.iter().filter(|hit| **hit).count(),
            self.correct.iter().sum::<usize>(),
        );
        if self.correct.len() != images.len() || found != stated {
            return Err(format!(
                "its bits say that {found} images are classified correctly, and its counts of {} classes {stated}",
                self.correct.len()
            ));
        }
        Ok(())
    }
}

/// Counts in one line, `998 1000 7`: as an array each would have a line of its own.
mod counts {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(counts: &[usize], file: S) -> Result<S::Ok, S::Error> {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        file.serialize_str(&counts.join(" "))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(file: D) -> Result<Vec<usize>, D::Error> {
        let text = String::deserialize(file)?;
        let count = |word: &str| {
            word.parse()
                .map_err(|_| D::Error::custom(format!("`{word}` is no count")))
        };
        text.split(' ').map(count).collect()
    }
}
