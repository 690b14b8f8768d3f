//! Measurements of the final network besides accuracy: top-5, confusion, calibration, robustness.

use datasets::DataError;
use methods::{
    Calibration, Evaluation, Experts, Images, Model, Shots, TestPrior, confusion, features_of, noisy_features_of,
    stable_weights, top_accuracy, view_features_of, weighted,
};
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::run::directory::RunDir;
use crate::run::predictions::Predictions;
use crate::run::scores::{CalibrationRow, ConfusionRow, GAUSSIAN_NOISE, RobustnessRow, UNIFORM};

/// Standard deviations of the noise on pixels, whose scale is 0..1.
const NOISE: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
/// Ratios of the test splits (Hong et al. 2021).
const RATIOS: [f64; 5] = [50.0, 25.0, 10.0, 5.0, 2.0];

/// The scores that an outcome keeps, and what they are computed from; the others are in the run's files.
#[derive(Debug)]
pub(crate) struct Scores {
    /// Logits of the test images, `[n, k]`.
    pub(crate) logits: Tensor,
    /// What is predicted from them.
    pub(crate) predictions: Predictions,
    /// Accuracies of the predictions.
    pub(crate) evaluation: Evaluation,
    /// Share of samples with their label among the five largest logits.
    pub(crate) top5: Option<f64>,
    /// Expected calibration error, if a softmax was trained.
    pub(crate) ece: Option<f64>,
    /// SHA-256 of `predictions.npz`.
    pub(crate) predictions_digest: String,
}

#[derive(Serialize)]
struct AggregationRow {
    shift: &'static str,
    strength: Option<f64>,
    long_tailed: f64,
    balanced: f64,
    reversed: f64,
    accuracy: f64,
}

/// Measures `model` on the test split and writes `predictions.npz`, `confusion.csv`, `calibration.csv`, `robustness.csv` and, for experts
/// aggregated at test time, `aggregation.csv`. Draws noise from libtorch's generator.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn score(
    model: &Model,
    experts: Option<Experts>,
    test: &Images,
    shots: &Shots,
    run_dir: &RunDir,
) -> anyhow::Result<Scores> {
    let _no_grad = tch::no_grad_guard();
    let logits = model.logits(&features_of(model, test)?);
    let decisions = logits.argmax(1, false);
    let evaluation = |decisions: &Tensor| Evaluation::new(decisions, test.labels(), model.classes(), shots);

    let counts = confusion(test.labels(), &decisions, model.classes());
    let cells = (0..model.classes()).flat_map(|label| (0..model.classes()).map(move |prediction| (label, prediction)));
    let counts = Vec::<i64>::try_from(counts.flatten(0, 1)).expect("counts are i64");
    let rows = cells
        .zip(counts)
        .filter(|&(_, samples)| samples > 0)
        .map(|((label, prediction), samples)| ConfusionRow {
            label,
            prediction,
            samples,
        });
    run_dir.write_rows("confusion.csv", rows)?;

    let log_odds = model.log_odds(&logits);
    let predictions = Predictions::new(&logits, log_odds.as_ref(), test.labels());
    let predictions_digest = predictions.write(run_dir.path())?;
    let calibration = log_odds.map(|log_odds| Calibration::new(&log_odds, test.labels()));
    if let Some(calibration) = &calibration {
        let rows = calibration.bins.iter().map(|bin| CalibrationRow {
            share: bin.share,
            confidence: bin.confidence,
            accuracy: bin.accuracy,
        });
        run_dir.write_rows("calibration.csv", rows)?;
    }

    let clean = evaluation(&decisions);
    let under_noise = NOISE.iter().map(|&deviation| -> Result<RobustnessRow, DataError> {
        let logits = model.logits(&noisy_features_of(model, test, deviation)?);
        Ok(RobustnessRow {
            shift: GAUSSIAN_NOISE.to_owned(),
            strength: Some(deviation),
            accuracy: evaluation(&logits.argmax(1, false)).accuracy,
        })
    });
    let mut rows = under_noise.collect::<Result<Vec<_>, _>>()?;
    rows.extend(test_priors().map(|prior| {
        let (shift, strength) = in_words(prior);
        RobustnessRow {
            shift: shift.to_owned(),
            strength,
            accuracy: clean.accuracy_under(prior),
        }
    }));
    run_dir.write_rows("robustness.csv", rows)?;
    if let Some(Experts::Sade(_)) = experts {
        run_dir.write_rows("aggregation.csv", aggregation(model, test, shots)?)?;
    }

    Ok(Scores {
        top5: top_accuracy(&logits, test.labels(), 5),
        logits,
        predictions,
        evaluation: clean,
        ece: calibration.map(|calibration| calibration.expected_error()),
        predictions_digest,
    })
}

/// The class distributions that robustness is measured under.
fn test_priors() -> impl Iterator<Item = TestPrior> {
    let forward = RATIOS.map(TestPrior::Forward).into_iter();
    let backward = RATIOS.map(TestPrior::Backward);
    forward.chain([TestPrior::Uniform]).chain(backward)
}

/// The shift and its strength, as in a row of `robustness.csv`.
fn in_words(prior: TestPrior) -> (&'static str, Option<f64>) {
    match prior {
        TestPrior::Forward(ratio) => ("forward", Some(ratio)),
        TestPrior::Uniform => (UNIFORM, None),
        TestPrior::Backward(ratio) => ("backward", Some(ratio)),
    }
}

/// Weights of SADE's experts and their accuracy for each distribution of test classes. The weights are learned without labels on a
/// subset that keeps each image with its class's frequency; accuracies are those expected under that distribution, as in
/// `robustness.csv`. Draws from libtorch's generator.
fn aggregation(model: &Model, test: &Images, shots: &Shots) -> Result<Vec<AggregationRow>, DataError> {
    let logits = model.training_logits(&features_of(model, test)?); // [n, e, k]
    let view = || view_features_of(model, test).map(|features| model.training_logits(&features));
    let views = [view()?, view()?];
    let row = |prior: TestPrior| {
        let frequencies = Tensor::from_slice(&prior.frequencies(model.classes() as usize)).to_device(model.device());
        let frequencies = frequencies.index_select(0, test.labels());
        let kept = frequencies.rand_like().lt_tensor(&frequencies).nonzero().squeeze_dim(1);
        let [first, second] = [&views[0], &views[1]].map(|view| view.index_select(0, &kept));
        let weights = stable_weights([&first, &second]);
        let decisions = weighted(&logits, &weights).argmax(1, false);
        let evaluation = Evaluation::new(&decisions, test.labels(), model.classes(), shots);
        let (shift, strength) = in_words(prior);
        let weight = |expert| weights.to_kind(Kind::Double).double_value(&[expert]);
        AggregationRow {
            shift,
            strength,
            long_tailed: weight(0),
            balanced: weight(1),
            reversed: weight(2),
            accuracy: evaluation.accuracy_under(prior),
        }
    };
    Ok(test_priors().map(row).collect())
}
