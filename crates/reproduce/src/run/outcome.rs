//! The outcome of a finished run.

use methods::Groups;
use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::run::format::{FORMAT, Newer, check};
use crate::run::{RunId, settings};

/// The outcome of a finished run, the only type shared by measuring and reporting. Accuracies are in 0..1. A value that is
/// undefined (no few-shot class, say) is missing, not zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// The run.
    pub(crate) run: RunId,
    /// The run whose network the second stage started from.
    pub(crate) first_stage: Option<RunId>,
    /// As in the grid.
    pub(crate) method: String,
    /// Data set.
    pub(crate) dataset: String,
    /// `paper` or `code`.
    pub(crate) protocol: String,
    /// `exponential`, `step`, `balanced` or `natural`.
    pub(crate) imbalance: String,
    /// Largest class over smallest; missing where the imbalance is natural.
    pub(crate) ratio: Option<f64>,
    /// Seed.
    pub(crate) seed: i64,
    /// Network, as papers print it.
    pub(crate) backbone: String,
    /// Trainable parameters, classifier included.
    pub(crate) parameters: usize,
    /// Epochs of this run's own training; 0 where a classifier was only computed.
    pub(crate) epochs: i64,
    /// Images of the long-tailed training split.
    pub(crate) train_images: i64,
    /// Test accuracy after the last epoch.
    pub(crate) accuracy_last: f64,
    /// Highest test accuracy of any epoch that was evaluated: chosen on the test split, as many papers do. Missing without epochs.
    pub(crate) accuracy_best: Option<f64>,
    /// The epoch it was reached at, 0-based.
    pub(crate) best_epoch: Option<i64>,
    /// Number of epochs that were evaluated, of which that is one; missing without epochs, and in outcomes of older versions, which
    /// evaluated all.
    pub(crate) evaluations: Option<i64>,
    /// Test accuracy after the epoch with the highest accuracy on the validation split, or of the classifier that was
    /// computed; missing without a validation split.
    pub(crate) accuracy_selected: Option<f64>,
    /// That epoch, 0-based.
    pub(crate) selected_epoch: Option<i64>,
    /// Strength of a post-hoc adjustment: the one stated or, of several, the one chosen on the validation split.
    pub(crate) tau: Option<f64>,
    /// Mean class accuracy after the last epoch, many-shot classes: of more than 100 training images, or as the config's
    /// `shots` says.
    pub(crate) many: Option<f64>,
    /// Medium-shot classes: 20 to 100 training images.
    pub(crate) medium: Option<f64>,
    /// Few-shot classes: fewer than 20 training images.
    pub(crate) few: Option<f64>,
    /// As `many`, but grouped by index independently of the config's `shots`: the first 36 % of the classes (medium: the next 35 %, few:
    /// the last 29 %). Missing in pre-training.
    pub(crate) many_by_index: Option<f64>,
    /// See `many_by_index`.
    pub(crate) medium_by_index: Option<f64>,
    /// See `many_by_index`.
    pub(crate) few_by_index: Option<f64>,
    /// Share of test samples with their label among the five largest logits; missing for five classes or fewer, and in
    /// outcomes of older versions.
    pub(crate) top5: Option<f64>,
    /// Expected calibration error on the test split, 15 bins; missing where no softmax was trained, and
    /// in outcomes of older versions.
    pub(crate) ece: Option<f64>,
    /// NC1, tr(Σ_W Σ_B⁺) / K, of the training split in evaluation mode after the last epoch.
    pub(crate) nc1: Option<f64>,
    /// NC2: mean |cos + 1/(K−1)| over pairs of centred class means, same features.
    pub(crate) nc2_equiangularity: Option<f64>,
    /// NC2: smallest angle between centred class means, degrees.
    pub(crate) nc2_min_angle: Option<f64>,
    /// NC2: coefficient of variation of the norms of centred class means.
    pub(crate) nc2_norm_cov: Option<f64>,
    /// NC3: ‖W/‖W‖ − M/‖M‖‖², M centred class means.
    pub(crate) nc3: Option<f64>,
    /// Seconds of training and evaluation, all sessions together.
    pub(crate) seconds: f64,
    /// `cpu` or `cuda`, with its model name. This and the commit are those of all sessions, such as `a then b`.
    pub(crate) device: String,
    /// Arithmetic of the convolutions.
    pub(crate) precision: String,
    /// Threads of libtorch.
    #[serde(deserialize_with = "settings::at_least_one")]
    pub(crate) threads: u16,
    /// Processes that trained the run together; versions that did not record it had one.
    #[serde(default = "settings::one_process", deserialize_with = "settings::at_least_one")]
    pub(crate) processes: u16,
    /// Version of libtorch; missing in outcomes of older versions.
    pub(crate) libtorch: Option<String>,
    /// How steps were launched: `eager` or `graph`.
    pub(crate) launch: String,
    /// Commit of the source, with `+` if it had uncommitted changes.
    pub(crate) commit: String,
    /// SHA-256 of images and labels.
    pub(crate) data_digest: String,
    /// SHA-256 of the list of kept training images.
    pub(crate) split_digest: String,
    /// Training photographs that could not be read and were replaced by others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) replaced: usize,
    /// SHA-256 of `predictions.npz`; missing in outcomes of older versions.
    pub(crate) predictions_digest: Option<String>,
    /// Command that repeats this run alone.
    pub(crate) command: String,
}

/// So that a number that is rarely another is stated only then.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Why the text of an `outcome.json` is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutcomeError {
    #[error(transparent)]
    Newer(#[from] Newer),
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
    /// The confusion matrix, from which an older outcome is completed, cannot be read.
    #[error("{0:#}")]
    Confusion(anyhow::Error),
}

/// The fields of an `outcome.json`.
#[derive(Serialize)]
struct Written<'a> {
    format: u64,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl Outcome {
    /// The text of `outcome.json`.
    pub(crate) fn text(&self) -> String {
        let written = Written {
            format: FORMAT,
            outcome: self,
        };
        serde_json::to_string_pretty(&written).expect("an outcome holds only numbers and words") + "\n"
    }

    /// Reads the text of an `outcome.json` of this version or an older one. The first outcomes lack group accuracies by class index;
    /// `by_index` computes them from the run's confusion matrix.
    ///
    /// # Errors
    /// If it is of a newer version, or damaged, or `by_index` fails.
    pub(crate) fn read(
        text: &str,
        by_index: impl FnOnce() -> anyhow::Result<Groups<Option<f64>>>,
    ) -> Result<Outcome, OutcomeError> {
        let mut fields: Map<String, Value> = serde_json::from_str(text)?;
        let format = fields.remove("format").map_or(Ok(1), serde_json::from_value)?; // the first stated none
        check(format)?;
        if format < 2 {
            upgrade(&mut fields, by_index)?;
        }
        let outcome: Outcome = serde_json::from_value(fields.into())?;
        let accuracies = [
            ("accuracy_last", Some(outcome.accuracy_last)),
            ("accuracy_best", outcome.accuracy_best),
            ("accuracy_selected", outcome.accuracy_selected),
        ];
        for (name, accuracy) in accuracies {
            if accuracy.is_some_and(|accuracy| !(0.0..=1.0).contains(&accuracy)) {
                let value = accuracy.unwrap_or_default();
                return Err(OutcomeError::Damaged(serde_json::Error::custom(format!(
                    "`{name}` is {value}, and an accuracy lies in 0 to 1"
                ))));
            }
        }
        Ok(outcome)
    }
}

/// Adds the fields that outcomes of the first version may lack.
fn upgrade(
    fields: &mut Map<String, Value>,
    by_index: impl FnOnce() -> anyhow::Result<Groups<Option<f64>>>,
) -> Result<(), OutcomeError> {
    fields.entry("launch").or_insert("eager".into()); // there was no other way at first
    if !fields.contains_key("few_by_index") {
        let Groups { many, medium, few } = by_index().map_err(OutcomeError::Confusion)?;
        for (name, accuracy) in [
            ("many_by_index", many),
            ("medium_by_index", medium),
            ("few_by_index", few),
        ] {
            fields.insert(name.to_owned(), accuracy.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::collect::tests::outcome;

    #[test]
    fn an_outcome_is_read_as_it_was_written_and_an_older_one_is_upgraded() {
        let current = |text: &str| Outcome::read(text, || panic!("this version states all groups"));
        let outcome = Outcome {
            many_by_index: Some(0.75),
            few_by_index: None,
            libtorch: None,
            ..outcome("ce", 100.0, 0, 0.1 + 0.2)
        };
        let text = outcome.text();
        assert!(text.starts_with("{\n  \"format\": 2,\n  \"run\": "), "{text}");
        assert_eq!(current(&text).expect("its own text"), outcome);

        let mut older: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        for name in [
            "format",
            "many_by_index",
            "medium_by_index",
            "few_by_index",
            "libtorch",
            "launch",
        ] {
            older.remove(name).expect(name);
        }
        let older = Value::from(older).to_string();
        let groups = Groups {
            many: Some(0.75),
            ..Groups::default()
        };
        assert_eq!(
            Outcome::read(&older, || Ok(groups)).expect("the first version"),
            outcome
        );
        let error = Outcome::read(&older, || anyhow::bail!("confusion.csv is damaged")).expect_err("not completed");
        assert_eq!(error.to_string(), "confusion.csv is damaged");
    }

    #[test]
    fn a_newer_outcome_is_refused_and_not_called_damaged() {
        let newer = outcome("ce", 100.0, 0, 0.5)
            .text()
            .replace("\"format\": 2", "\"format\": 3, \"new\": 1");
        let error = Outcome::read(&newer, || panic!("refused before that")).expect_err("newer");
        let wanted = "it was written by a newer version (format 3), and this one reads formats up to 2; use the version that \
                      wrote it, or a newer one";
        assert_eq!(error.to_string(), wanted);
        assert!(matches!(error, OutcomeError::Newer(_)));
    }
}
