//! Classifiers computed afterwards: their weights, logits, decisions and accuracies on test features.

use methods::{ClassMeans, Classifier, Evaluation, FeatureTransform, Nearness, Shots, logit_adjusted, tau_normalized};
use tch::Kind;

use crate::fixture::{Comparison, Fixture};

#[test]
fn golden_posthoc_adjustments_and_their_accuracies() {
    for fixture in Fixture::all("metrics_") {
        let mut comparison = Comparison::new(&fixture);
        let input = |name: &str| fixture.input(name).to_kind(Kind::Double);
        let (weight, bias, counts) = (input("W"), input("b"), input("counts"));

        let adjusted = logit_adjusted(&weight, &bias, &counts, fixture.hyper("post_tau"));
        check(&mut comparison, "posthoc_la", &adjusted);
        for name in ["a", "b"] {
            let classifier = tau_normalized(&weight, fixture.hyper(&format!("tau_{name}")));
            if let Classifier::Linear { weight, .. } = &classifier {
                comparison.check(&format!("taunorm_{name}.weight"), weight);
            }
            check(&mut comparison, &format!("taunorm_{name}"), &classifier);
        }
        let classes = weight.size()[0];
        for (name, transform, nearness) in [
            ("un_l2", FeatureTransform::None, Nearness::Euclidean),
            ("un_cos", FeatureTransform::None, Nearness::Cosine),
            ("l2n_l2", FeatureTransform::Normalized, Nearness::Euclidean),
            ("l2n_cos", FeatureTransform::Normalized, Nearness::Cosine),
            ("cl2n_l2", FeatureTransform::CentredNormalized, Nearness::Euclidean),
        ] {
            let means = ClassMeans::new(&input("H"), fixture.input("Y"), classes, transform, nearness);
            check(
                &mut comparison,
                &format!("ncm_{name}"),
                &Classifier::NearestClassMean(means),
            );
        }
        check(&mut comparison, "plain", &Classifier::Linear { weight, bias });
        for key in fixture.expected_keys() {
            let ours = ["plain.", "posthoc_la.", "taunorm_", "ncm_"];
            if ours.iter().any(|prefix| key.starts_with(prefix)) {
                assert!(comparison.checked.contains(key), "{key} is not compared");
            }
        }
        comparison.assert();
    }
}

/// Logits, decisions and accuracies on the test features.
fn check(comparison: &mut Comparison<'_>, name: &str, classifier: &Classifier) {
    let fixture = comparison.fixture;
    let counts = Vec::<i64>::try_from(fixture.input("counts")).expect("counts are i64");
    assert_eq!(
        (fixture.hyper("many_thr"), fixture.hyper("few_thr")),
        (100.0, 20.0),
        "thresholds of `Shots`"
    );
    let logits = classifier.forward(&fixture.input("Ht").to_kind(Kind::Double));
    let decisions = logits.argmax(1, false);
    let classes = counts.len() as i64;
    let evaluation = Evaluation::new(&decisions, fixture.input("Yt"), classes, &Shots::new(&counts));
    let Evaluation {
        accuracy,
        per_class,
        many,
        medium,
        few,
    } = evaluation;
    let or_zero = |values: &[Option<f64>]| -> Vec<f64> { values.iter().map(|value| value.unwrap_or(0.0)).collect() };
    comparison.check(&format!("{name}.logits"), &logits);
    comparison.check(&format!("{name}.preds"), &decisions);
    comparison.check_numbers(&format!("{name}.shot_acc"), &or_zero(&[many, medium, few]));
    comparison.check_numbers(&format!("{name}.class_acc"), &or_zero(&per_class));
    comparison.check_numbers(&format!("{name}.overall"), &[accuracy]);
}
