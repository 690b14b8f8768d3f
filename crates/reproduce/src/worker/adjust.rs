//! Second stages that compute a classifier without training.

use methods::{Augmentation, Evaluation, Images, Model, SecondStage, Shots, features_of};
use serde::Serialize;
use tch::Tensor;

use crate::run::directory::RunDir;

/// One row of `sweep.csv`: a strength and its accuracies. The strength is chosen on the validation split alone; the test accuracies
/// are informative.
#[derive(Debug, Serialize)]
struct SweepRow {
    tau: Option<f64>,
    validation_accuracy: Option<f64>,
    accuracy: f64,
    many: Option<f64>,
    medium: Option<f64>,
    few: Option<f64>,
}

/// One row of `assignment.csv`: the share of test images that this many experts are used for.
#[derive(Debug, Serialize)]
struct AssignmentRow {
    experts: i64,
    share: f64,
}

/// Replaces the classifier of `model`, the finished first stage, with the one that `second_stage` computes, and returns its strength, if it
/// has one. If several strengths are given, the one with the highest accuracy on `validation` is chosen (the first of equals); all are
/// written to `sweep.csv`.
///
/// # Errors
/// If an image cannot be read or a file cannot be written.
pub(crate) fn adjust(
    (second_stage, augmentation): (&SecondStage, &Augmentation),
    model: &mut Model,
    (train, validation, test): (&Images, Option<&Images>, &Images),
    shots: &Shots,
    run_dir: &RunDir,
) -> anyhow::Result<Option<f64>> {
    let test_features = features_of(model, test)?;
    let validation_features = validation.map(|images| features_of(model, images).map(|features| (images, features)));
    let validation_features = validation_features.transpose()?;
    let mut rows = Vec::new();
    let mut chosen = None;
    for adjusted in second_stage.adjusted(model, train, augmentation)? {
        let evaluation = |images: &Images, features: &Tensor| {
            let decisions = adjusted.classifier.forward(features).argmax(1, false);
            Evaluation::new(&decisions, images.labels(), model.classes(), shots)
        };
        let on_validation = validation_features
            .as_ref()
            .map(|(images, features)| evaluation(images, features).accuracy);
        let on_test = evaluation(test, &test_features);
        rows.push(SweepRow {
            tau: adjusted.tau,
            validation_accuracy: on_validation,
            accuracy: on_test.accuracy,
            many: on_test.groups.many,
            medium: on_test.groups.medium,
            few: on_test.groups.few,
        });
        let best = chosen.as_ref().map(|(accuracy, _)| *accuracy);
        if best.is_none_or(|best| on_validation > best) {
            chosen = Some((on_validation, adjusted));
        }
    }
    run_dir.write_rows("sweep.csv", rows)?;
    let tau = chosen.and_then(|(_, adjusted)| {
        model.replace_classifier(adjusted.classifier);
        adjusted.tau
    });
    if let Some(used) = model.experts_used(&test_features) {
        let samples = used.numel() as f64;
        let counts = Vec::<i64>::try_from(used.bincount(None::<Tensor>, 0)).expect("counts are i64");
        let rows = (0..).zip(counts).skip(1).map(|(experts, count)| AssignmentRow {
            experts,
            share: count as f64 / samples,
        });
        run_dir.write_rows("assignment.csv", rows)?;
    }
    Ok(tau)
}
