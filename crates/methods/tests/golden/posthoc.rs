//! Classifiers computed afterwards: their weights, logits, decisions and accuracies on test features.

use std::fs;

use methods::{
    ClassMeans, Classifier, Evaluation, FeatureTransform, Groups, Nearness, ShotSplit, logit_adjusted, tau_normalized,
};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::fixture::{Comparison, Fixture, own_directory};

#[test]
fn golden_posthoc_adjustments_and_their_accuracies() {
    for fixture in Fixture::all("metrics_") {
        compared(&fixture).assert();
    }
}

/// A copy of a fixture, with other thresholds of the groups and a wrong value under a key of each role.
#[test]
fn golden_thresholds_and_roles_are_those_of_the_file() {
    const FILE: &str = "metrics_s1_c10_d64_b32.safetensors";
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = Tensor::read_safetensors(own_directory().join(FILE)).unwrap();
    let of = |key: &str| {
        tensors
            .iter()
            .find(|(name, _)| name == key)
            .unwrap()
            .1
            .to_kind(Kind::Double)
    };
    let (counts, thresholds) = (of("in.counts"), [447.0, 100.0]);
    let groups = [
        counts.gt(thresholds[0]),
        counts.le(thresholds[0]).logical_and(&counts.ge(thresholds[1])),
        counts.lt(thresholds[1]),
    ];
    let keys: Vec<String> = tensors.iter().map(|(key, _)| key.clone()).collect();
    let mut changed: Vec<(String, Tensor)> = Vec::new();
    for name in keys.iter().filter_map(|key| key.strip_suffix(".shot_acc")) {
        let class_accuracy = of(&format!("{name}.class_acc"));
        let means = groups
            .each_ref()
            .map(|group| class_accuracy.masked_select(group).mean(Kind::Double));
        changed.push((
            format!("{name}.shot_acc"),
            Tensor::stack(&means, 0).to_kind(Kind::Float),
        ));
    }
    for (key, threshold) in ["hp.many_thr", "hp.few_thr"].into_iter().zip(thresholds) {
        changed.push((key.to_owned(), Tensor::from_slice(&[(threshold * 1e9) as i64])));
    }
    changed.push(("plain.overall".to_owned(), Tensor::from_slice(&[9.0_f32])));
    for (key, value) in changed {
        tensors.iter_mut().find(|(name, _)| *name == key).unwrap().1 = value;
    }
    Tensor::write_safetensors(&tensors, folder.path().join(FILE)).unwrap();

    let manifest = fs::read_to_string(own_directory().join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    let mut failures = |role: &str| {
        manifest["files"][FILE]["tensors"]["plain.overall"]["role"] = json!(role);
        fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
        let fixtures = Fixture::all_in(folder.path(), "metrics_");
        compared(&fixtures[0]).failures
    };
    assert_eq!(failures("info"), Vec::<String>::new());
    let [failure] = &failures("expected")[..] else {
        panic!("one key is wrong")
    };
    assert!(failure.starts_with(&format!("{FILE}: plain.overall is ")), "{failure}");
}

/// All of this crate's keys.
fn compared(fixture: &Fixture) -> Comparison<'_> {
    let mut comparison = Comparison::new(fixture);
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
    comparison
}

/// Logits, decisions and accuracies on the test features.
fn check(comparison: &mut Comparison<'_>, name: &str, classifier: &Classifier) {
    let fixture = comparison.fixture;
    let counts = Vec::<i64>::try_from(fixture.input("counts")).expect("counts are i64");
    let split = ShotSplit::Thresholds {
        many: fixture.hyper("many_thr").floor() as i64,
        few: fixture.hyper("few_thr").ceil() as i64,
    };
    let logits = classifier.forward(&fixture.input("Ht").to_kind(Kind::Double));
    let decisions = logits.argmax(1, false);
    let classes = counts.len() as i64;
    let evaluation = Evaluation::new(&decisions, fixture.input("Yt"), classes, &split.shots(&counts));
    let Evaluation {
        accuracy,
        per_class,
        groups: Groups { many, medium, few },
    } = evaluation;
    let or_zero = |values: &[Option<f64>]| -> Vec<f64> { values.iter().map(|value| value.unwrap_or(0.0)).collect() };
    comparison.check(&format!("{name}.logits"), &logits);
    comparison.check(&format!("{name}.preds"), &decisions);
    comparison.check_numbers(&format!("{name}.shot_acc"), &or_zero(&[many, medium, few]));
    comparison.check_numbers(&format!("{name}.class_acc"), &or_zero(&per_class));
    comparison.check_numbers(&format!("{name}.overall"), &[accuracy]);
}
