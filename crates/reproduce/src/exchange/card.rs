//! The description beside exported weights, `model.json` beside `model.safetensors`: what another program has to know to use
//! them, and this one to read them back.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use datasets::Normalization;
use methods::{Experts, Head, Model};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::out;
use crate::run::settings::Settings;
use crate::run::{Outcome, Run};

/// Version of the description.
const FORMAT: u64 = 1;

/// What `model.json` says.
#[derive(Debug, Serialize)]
pub(super) struct Card<'a> {
    format: u64,
    /// SHA-256 of the weights.
    weights_sha256: String,
    architecture: Architecture,
    input: Input,
    class_names: Vec<&'static str>,
    /// Training images of each class.
    class_counts: Vec<i64>,
    /// Epochs that the network was trained for.
    epochs: i64,
    precision: &'static str,
    threads: u16,
    /// Metrics and origin; missing as long as the run is not finished.
    outcome: Option<&'a Outcome>,
    /// The run's config, every setting written out.
    config: &'a Run,
}

/// What turns an image into logits.
#[derive(Debug, Serialize)]
struct Architecture {
    /// As a grid writes it.
    backbone: models::Backbone,
    /// Entries of a feature vector, those of several experts side by side.
    features: i64,
    classes: i64,
    /// The classifier that the first stage learned; what a second stage adds is among the weights.
    head: Head,
    /// The first part of the names of its tensors.
    head_name: &'static str,
    experts: Option<Experts>,
}

/// How pixels go in: scaled to 0..1, less the mean, divided by the deviation, by channel.
#[derive(Debug, Serialize)]
struct Input {
    shape: [i64; 3],
    mean: [f64; 3],
    std: [f64; 3],
}

impl<'a> Card<'a> {
    /// Of the weights at `weights`, exported of `run`.
    ///
    /// # Errors
    /// If the weights cannot be read, or a class has no training images.
    pub(super) fn new(
        weights: &Path,
        head_name: &'static str,
        model: &Model,
        run: &'a Run,
        outcome: Option<&'a Outcome>,
        (settings, epochs): (Settings, i64),
    ) -> anyhow::Result<Card<'a>> {
        let (_, method) = run.stage();
        let facts = run.dataset.facts();
        let Normalization { mean, deviation } = facts.normalization;
        Ok(Card {
            format: FORMAT,
            weights_sha256: files::digest(weights)?,
            architecture: Architecture {
                backbone: run.recipe.backbone,
                features: model.classifier().0.size()[1],
                classes: model.classes(),
                head: method.head,
                head_name,
                experts: method.experts,
            },
            input: Input {
                shape: [3, facts.side, facts.side],
                mean,
                std: deviation,
            },
            class_names: facts.class_names.clone(),
            class_counts: run.class_counts()?,
            epochs,
            precision: settings.precision.name(),
            threads: settings.threads,
            outcome,
            config: run,
        })
    }

    pub(super) fn text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self).context("a description holds only numbers and words")? + "\n")
    }
}

/// What this program reads of a `model.json`.
#[derive(Debug, Deserialize)]
pub(super) struct ReadCard {
    pub(super) precision: methods::Precision,
    pub(super) threads: u16,
    pub(super) config: Run,
}

impl ReadCard {
    /// Reads the description beside `weights`; `None` if there is none, or a JSON file of another program.
    ///
    /// # Errors
    /// If it cannot be read, is of a newer format, or describes other weights.
    pub(super) fn beside(weights: &Path) -> anyhow::Result<Option<ReadCard>> {
        let path = path_beside(weights);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let (Some(format), Some(stated)) = (value["format"].as_u64(), value["weights_sha256"].as_str()) else {
            out::note(&format!(
                "{} is not used: `reproduce export` did not write it, or it is damaged",
                path.display()
            ));
            return Ok(None);
        };
        if format > FORMAT {
            bail!(
                "{} has format {format}, and this program reads up to {FORMAT}; use the program that wrote it, or move the file \
                 away and say --dataset and --head",
                path.display()
            );
        }
        let found = files::digest(weights).with_context(|| format!("cannot read {}", weights.display()))?;
        ensure!(
            stated == found,
            "{} describes weights of SHA-256 {stated}, and {} has {found}; move the description away and say --dataset and --head",
            path.display(),
            weights.display()
        );
        let card = serde_json::from_value(value);
        let card: ReadCard = card.with_context(|| format!("{} is damaged; export the run again", path.display()))?;
        Ok(Some(card))
    }
}

/// `model.json` of `model.safetensors`.
pub(super) fn path_beside(weights: &Path) -> PathBuf {
    weights.with_extension("json")
}
