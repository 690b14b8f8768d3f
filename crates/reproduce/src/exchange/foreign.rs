//! A network from a file of weights: exported by this program, or trained in PyTorch.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use datasets::{Dataset, Loaded, LongTail, Normalization, Split};
use methods::{Head, Method, Model, Protocol, Recipe, Shots, StateDict};
use tch::Device;

use crate::exchange::card::ReadCard;
use crate::run::Run;
use crate::run::settings::{PrecisionChoice, Settings};
use crate::worker::network;
use crate::worker::splits::Splits;

/// What a person says of weights; what is left out follows from the description beside them, or from the tensors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) dataset: Option<Dataset>,
    pub(crate) head: Option<Head>,
    /// The split that the network was trained on.
    pub(crate) long_tail: Option<LongTail>,
    pub(crate) mean: Option<[f64; 3]>,
    pub(crate) deviation: Option<[f64; 3]>,
    pub(crate) precision: Option<PrecisionChoice>,
    pub(crate) threads: Option<u16>,
}

/// A network with its weights, and what it is shown.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// The run that it comes from, or one that would train such a network.
    pub(crate) run: Run,
    pub(crate) model: Model,
    pub(crate) normalization: Normalization,
    pub(crate) settings: Settings,
    /// Whether the training images of each class are known.
    knows_its_images: bool,
    /// Tensors of the file that the network does not have.
    pub(crate) unused: Vec<String>,
}

impl Foreign {
    /// Reads the weights at `path` onto `device`. Draws from libtorch's generator.
    ///
    /// # Errors
    /// If they cannot be read, belong to no network here or to another one than the description says, or to another number of classes
    /// than the data set has.
    pub(crate) fn read(path: &Path, stated: &Stated, device: Device) -> anyhow::Result<Foreign> {
        let weights = StateDict::open(path).with_context(|| format!("cannot use weights {}", path.display()))?;
        let card = ReadCard::beside(path)?;
        let knows_its_images = card.is_some() || stated.long_tail.is_some();
        let (mut run, settings) = match card {
            Some(card) => {
                let settings = Settings {
                    precision: card.precision,
                    threads: card.threads,
                    ..Settings::default()
                };
                (card.config, settings)
            }
            None => (assumed(path, &weights, stated)?, Settings::default()),
        };
        run.dataset = stated.dataset.unwrap_or(run.dataset);
        if let Some(long_tail) = stated.long_tail {
            run.imbalance = long_tail.imbalance;
            run.selection = long_tail.selection;
            run.validation = long_tail.validation;
        }
        let settings = Settings {
            precision: stated.precision.map_or(settings.precision, |choice| choice.on(device)),
            threads: stated.threads.unwrap_or(settings.threads),
            ..settings
        };
        let mut model = network::built(&run, device);
        let unused = model.load(&weights, &format!("{} for {}", run.recipe.backbone.name(), run.dataset))?;
        model.precision = settings.precision;
        let usual = run.dataset.facts().normalization;
        Ok(Foreign {
            normalization: Normalization {
                mean: stated.mean.unwrap_or(usual.mean),
                deviation: stated.deviation.unwrap_or(usual.deviation),
            },
            run,
            model,
            settings,
            knows_its_images,
            unused,
        })
    }

    /// The training images: those of the long tail, if it is known, else all.
    ///
    /// # Errors
    /// If a class has too few images.
    pub(crate) fn training_split(&self, data: &Loaded) -> anyhow::Result<Split> {
        Ok(Splits::new(&self.run, data)?.train)
    }

    /// Training images of each class, if they are known.
    ///
    /// # Errors
    /// If a class would have none.
    pub(crate) fn class_counts(&self) -> anyhow::Result<Option<Vec<i64>>> {
        let counts = self.knows_its_images.then(|| self.run.class_counts());
        Ok(counts.transpose()?)
    }

    /// Its many-, medium- and few-shot classes, if the training images of each class are known; else no class is in a group.
    ///
    /// # Errors
    /// If a class would have no training images.
    pub(crate) fn shots(&self) -> anyhow::Result<Shots> {
        let counts = self.class_counts()?;
        Ok(counts.map_or_else(Shots::default, |counts| self.run.shots.shots(&counts)))
    }
}

/// A run that trains the network of `weights`, which have no description beside them.
fn assumed(path: &Path, weights: &StateDict, stated: &Stated) -> anyhow::Result<Run> {
    let backbone = weights.backbone()?;
    let (classes, head) = weights.classifier(backbone.dimension(), stated.head)?;
    let plain = Run::plain(Protocol::default());
    Ok(Run {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        dataset: dataset_of(path, classes, stated.dataset)?,
        recipe: Recipe {
            backbone,
            ..plain.recipe
        },
        method: Method { head, ..plain.method },
        ..plain
    })
}

/// The data set of `classes` classes: the `stated` one, or the only one.
fn dataset_of(path: &Path, classes: i64, stated: Option<Dataset>) -> anyhow::Result<Dataset> {
    let path = path.display();
    if let Some(dataset) = stated {
        let expected = dataset.facts().classes();
        ensure!(
            classes == expected,
            "the classifier of {path} has {classes} classes, and {dataset} has {expected}; name its data set with --dataset"
        );
        return Ok(dataset);
    }
    let fitting = Dataset::ALL
        .into_iter()
        .filter(|dataset| dataset.facts().classes() == classes);
    let fitting: Vec<Dataset> = fitting.collect();
    match fitting[..] {
        [dataset] => Ok(dataset),
        [] => bail!(
            "the classifier of {path} has {classes} classes, and no data set here has so many; save the features that the network \
             computes, which `reproduce analyze` reads"
        ),
        _ => {
            let names: Vec<&str> = fitting.iter().map(|dataset| dataset.name()).collect();
            bail!(
                "{path} has {classes} classes, as {} have; say which with --dataset",
                names.join(" and ")
            )
        }
    }
}

/// Whether the file at `path` has the weights of a network.
pub(crate) fn is_weights(path: &Path) -> bool {
    StateDict::open(path).is_ok_and(|weights| weights.has_network())
}
