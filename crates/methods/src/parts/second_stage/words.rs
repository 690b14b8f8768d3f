//! The description of second stages in plans and tables.

use std::fmt;

use super::{BackboneMode, FeatureTransform, InitialClassifier, Nearness, Retraining, SecondStage, Sweep};
use crate::words::{count, in_words};

/// The most strengths that are listed; more are given by their range.
const FEW_STRENGTHS: usize = 6;

/// What follows the first stage, such as `then cRT for 10 epochs (class-balanced sampling)`.
impl fmt::Display for SecondStage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fresh, kept) = (InitialClassifier::Fresh, InitialClassifier::FirstStage);
        formatter.write_str(&match self {
            SecondStage::Crt(retraining) => trained("cRT", retraining, fresh),
            SecondStage::Lws(retraining) => trained("LWS", retraining, kept),
            SecondStage::Mislas(retraining) => trained("MiSLAS", retraining, kept),
            SecondStage::DisAlign(retraining) => trained("DisAlign", retraining, kept),
            SecondStage::WeightBalancing(retraining) => trained("weight balancing", retraining, kept),
            SecondStage::TauNormalization(sweep) => swept("τ-normalisation", sweep),
            SecondStage::LogitAdjustment(sweep) => swept("logit adjustment", sweep),
            SecondStage::NearestClassMean { features, nearness } => {
                format!("then nearest class mean ({features} features, {nearness})")
            }
            SecondStage::ExpertAssignment(assignment) => {
                let epochs = count(assignment.epochs, "epoch");
                format!("then expert assignment for {epochs} (class-balanced sampling)")
            }
        })
    }
}

impl fmt::Display for FeatureTransform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FeatureTransform::None => "raw",
            FeatureTransform::Normalized => "normalised",
            FeatureTransform::CentredNormalized => "centred, normalised",
        })
    }
}

impl fmt::Display for Nearness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Nearness::Euclidean => "Euclidean",
            Nearness::Cosine => "cosine",
        })
    }
}

/// Sampling, loss and weights of `name`, then the settings that differ from most second stages; its classifier usually
/// `starts` so.
fn trained(name: &str, retraining: &Retraining, starts: InitialClassifier) -> String {
    let usual = Retraining::over_ten_epochs(0.1);
    let mut parts = vec![retraining.sampler.to_string()];
    parts.extend(retraining.loss.map(|loss| loss.to_string()));
    parts.extend(retraining.reweight.map(|reweight| reweight.to_string()));
    if retraining.classifier != starts {
        let start = match retraining.classifier {
            InitialClassifier::Fresh => "a fresh classifier",
            InitialClassifier::FirstStage => "the first stage's classifier",
        };
        parts.push(start.to_owned());
    }
    if retraining.learning_rate != usual.learning_rate {
        parts.push(retraining.learning_rate.to_string());
    }
    let classifier_rate = retraining.classifier_rate;
    parts.extend(classifier_rate.map(|factor| format!("the classifier's learning rate times {factor}")));
    if retraining.weight_decay.to_bits() != usual.weight_decay.to_bits() {
        parts.push(format!("weight decay {}", retraining.weight_decay));
    }
    if retraining.backbone == BackboneMode::Train {
        parts.push("batch norm of the batch".to_owned());
    }
    let max_norm = retraining.max_norm;
    parts.extend(max_norm.map(|threshold| format!("MaxNorm (threshold {threshold})")));
    format!(
        "then {name} for {} ({})",
        count(retraining.epochs, "epoch"),
        parts.join(", ")
    )
}

/// `name` of the one strength, or of several.
fn swept(name: &str, Sweep { taus }: &Sweep) -> String {
    let values: Vec<String> = taus.iter().map(f64::to_string).collect();
    let (least, most) = taus
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &tau| {
            (tau.min(least), tau.max(most))
        });
    match taus.len() {
        1 => format!("then {name} (τ {least})"),
        2..=FEW_STRENGTHS => format!(
            "then {name} (τ of {}, chosen on the validation split)",
            in_words(&values)
        ),
        several => format!("then {name} (τ of {several} from {least} to {most}, chosen on the validation split)"),
    }
}

#[cfg(test)]
mod tests {
    use datasets::Dataset;

    use super::*;
    use crate::protocol::Protocol;

    #[test]
    fn a_second_stage_names_only_unusual_settings() {
        for (stage, words) in [
            (
                SecondStage::Lws(Retraining::lws()),
                "then LWS for 5 epochs (class-balanced sampling)",
            ),
            (
                SecondStage::Crt(Protocol::Code.classifier_retraining()),
                "then cRT for 50 epochs (effective-number sampling (β 0.9999), the first stage's classifier, learning rate \
                 0.1, times 0.1 at epochs 10 and 15, weight decay 0, batch norm of the batch)",
            ),
            (
                SecondStage::Mislas(Retraining::mislas(Dataset::Cifar100)),
                "then MiSLAS for 10 epochs (class-aware sampling (4 images a turn), label-aware smoothing (ε 0.4 to 0.1, \
                 concave), the classifier's learning rate times 0.2, weight decay 0.0002, batch norm of the batch)",
            ),
            (
                SecondStage::DisAlign(Retraining::dis_align()),
                "then DisAlign for 10 epochs (instance-balanced sampling, cross-entropy, re-weighted from epoch 0 (inverse \
                 frequency, power 1.2), batch norm of the batch)",
            ),
            (
                SecondStage::WeightBalancing(Retraining::weight_balancing()),
                "then weight balancing for 10 epochs (instance-balanced sampling, binary cross-entropy of the softmax, \
                 re-weighted from epoch 0 (β 0.9999), learning rate 0.01, falling to 0 along a cosine, weight decay 0.1, batch \
                 norm of the batch, MaxNorm (threshold 0.1))",
            ),
        ] {
            assert_eq!(stage.to_string(), words);
        }
    }

    #[test]
    fn many_strengths_are_given_by_their_range() {
        let words = |taus: Vec<f64>| SecondStage::TauNormalization(Sweep { taus }).to_string();
        assert_eq!(words(vec![1.0]), "then τ-normalisation (τ 1)");
        assert_eq!(
            words(vec![0.0, 0.5]),
            "then τ-normalisation (τ of 0 and 0.5, chosen on the validation split)"
        );
        assert_eq!(
            words((0..21).map(|tenths| f64::from(tenths) / 10.0).collect()),
            "then τ-normalisation (τ of 21 from 0 to 2, chosen on the validation split)"
        );
    }
}
