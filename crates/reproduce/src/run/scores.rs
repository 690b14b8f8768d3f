//! Scores: what a finished network is measured on beside accuracy, once, at the end of its run.

use methods::{
    Calibration, Evaluation, Images, Model, Shots, TestPrior, confusion, features_of, noisy_features_of, top_accuracy,
};
use serde::Serialize;
use tch::Tensor;

use crate::run::directory::{RunDir, RunDirError};

/// Standard deviations of the noise on pixels, whose scale is 0..1.
const NOISE: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
/// Ratios of the test splits (Hong et al. 2021).
const RATIOS: [f64; 5] = [50.0, 25.0, 10.0, 5.0, 2.0];

/// The scores that an outcome keeps; the others are in the run's files.
#[derive(Debug)]
pub(crate) struct Scores {
    /// Share of samples with their label among the five largest logits.
    pub(crate) top5: Option<f64>,
    /// Expected calibration error, where logits are meant as log-probabilities.
    pub(crate) ece: Option<f64>,
}

#[derive(Serialize)]
struct ConfusionRow {
    label: i64,
    prediction: i64,
    samples: i64,
}

#[derive(Serialize)]
struct CalibrationRow {
    share: f64,
    confidence: f64,
    accuracy: f64,
}

#[derive(Serialize)]
struct RobustnessRow {
    shift: &'static str,
    strength: Option<f64>,
    accuracy: f64,
}

/// Measures `model` on the test split and writes `confusion.csv`, `calibration.csv` and `robustness.csv`. Draws noise from
/// libtorch's generator.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn score(model: &Model, test: &Images, shots: &Shots, run_dir: &RunDir) -> Result<Scores, RunDirError> {
    let _no_grad = tch::no_grad_guard();
    let logits = model.logits(&features_of(model, test));
    let decisions = logits.argmax(1, false);
    let evaluation = |decisions: &Tensor| Evaluation::new(decisions, test.labels(), model.classes(), shots);

    let counts = confusion(test.labels(), &decisions, model.classes());
    let cells = (0..model.classes()).flat_map(|label| (0..model.classes()).map(move |prediction| (label, prediction)));
    let counts = Vec::<i64>::try_from(counts.flatten(0, 1)).expect("counts are i64");
    let rows = cells.zip(counts).map(|((label, prediction), samples)| ConfusionRow {
        label,
        prediction,
        samples,
    });
    run_dir.write_rows("confusion.csv", rows)?;

    let calibration = model
        .gives_probabilities()
        .then(|| Calibration::new(&logits, test.labels()));
    if let Some(calibration) = &calibration {
        let rows = calibration.bins.iter().map(|bin| CalibrationRow {
            share: bin.share,
            confidence: bin.confidence,
            accuracy: bin.accuracy,
        });
        run_dir.write_rows("calibration.csv", rows)?;
    }

    let clean = evaluation(&decisions);
    let under = |shift, strength: Option<f64>, prior| RobustnessRow {
        shift,
        strength,
        accuracy: clean.accuracy_under(prior),
    };
    let mut rows: Vec<RobustnessRow> = NOISE
        .iter()
        .map(|&deviation| {
            let logits = model.logits(&noisy_features_of(model, test, deviation));
            RobustnessRow {
                shift: "gaussian-noise",
                strength: Some(deviation),
                accuracy: evaluation(&logits.argmax(1, false)).accuracy,
            }
        })
        .collect();
    rows.extend(RATIOS.map(|ratio| under("forward", Some(ratio), TestPrior::Forward(ratio))));
    rows.push(under("uniform", None, TestPrior::Uniform));
    rows.extend(RATIOS.map(|ratio| under("backward", Some(ratio), TestPrior::Backward(ratio))));
    run_dir.write_rows("robustness.csv", rows)?;

    Ok(Scores {
        top5: top_accuracy(&logits, test.labels(), 5),
        ece: calibration.map(|calibration| calibration.expected_error()),
    })
}
