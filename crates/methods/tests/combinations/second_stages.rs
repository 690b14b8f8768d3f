//! Random second stages after random first stages.

use std::path::Path;

use methods::{BackboneMode, InitialClassifier, Method, Retraining, Sampler, SecondStage, features_of};
use tch::Tensor;

use crate::second_stage::prepared;
use crate::training::{Bench, assert_finite, differ};
use crate::without::moves_draws;
use crate::{arms, draw};

/// At least this many methods, and more until they include every second stage and every setting.
const METHODS: usize = 50;
const DRAWS: i64 = 10_000;

/// As [`crate::every_method_learns_and_no_part_is_ignored`], for second stages and the settings of those that train.
#[test]
fn every_second_stage_changes_its_first_and_no_setting_is_ignored() {
    tch::set_num_threads(1);
    let bench = Bench::new();
    let first_stage = bench.checkpoint("first-stage");
    let (mut trained, mut missing) = (0, arms::second_stages());
    missing.extend(SETTINGS.map(str::to_owned));
    for draw in 0.. {
        if trained >= METHODS && missing.is_empty() {
            break;
        }
        assert!(draw < DRAWS, "{trained} methods, none of them with {missing:?}");
        let method = Method {
            second_stage: Some(draw::second_stage(draw)),
            ..draw::method(draw)
        };
        if !bench.accepts(&method) {
            continue;
        }
        bench.train_first_stage(&method.first_stage(), &first_stage);
        let seen = look_at(&bench, &method, &first_stage);
        missing.retain(|name| !seen.contains(name));
        trained += 1;
    }
}

/// Runs the second stage of `method` and, if it trains, once more without each of its settings; returns its name and
/// those of the settings.
fn look_at(bench: &Bench, method: &Method, first_stage: &Path) -> Vec<String> {
    let second_stage = method.second_stage.as_ref().expect("it was drawn");
    let mut seen = vec![arms::second_stage(second_stage)];
    let Some(retraining) = second_stage.retraining() else {
        assert_adjusts(bench, method, first_stage);
        return seen;
    };
    let whole = retrained(bench, method, first_stage);
    assert_finite(&whole, method);
    let (_, stage) = second_stage.as_training(&bench.recipe, method);
    for (setting, other) in SETTINGS.into_iter().zip(others(retraining, method, &stage)) {
        let other = Method {
            second_stage: Some(with(second_stage, other)),
            ..method.clone()
        };
        if other == *method || !bench.accepts(&other) {
            continue;
        }
        let other = retrained(bench, &other, first_stage);
        assert!(differ(&whole, &other), "{setting} does nothing in {method:?}");
        seen.push(setting.to_owned());
    }
    seen
}

/// The final state of the second stage of `method`.
fn retrained(bench: &Bench, method: &Method, first_stage: &Path) -> Vec<(String, Tensor)> {
    let second_stage = method.second_stage.as_ref().expect("it was drawn");
    let (recipe, stage) = second_stage.as_training(&bench.recipe, method);
    let mut model = prepared(second_stage, &stage, first_stage);
    let checkpoint = bench.checkpoint("second-stage");
    bench.train(&mut model, &stage, &recipe, &checkpoint);
    Tensor::read_safetensors(&checkpoint).expect("a checkpoint")
}

/// Asserts that each of its classifiers gives finite logits that differ from the first stage's.
fn assert_adjusts(bench: &Bench, method: &Method, first_stage: &Path) {
    let second_stage = method.second_stage.as_ref().expect("it was drawn");
    let (recipe, stage) = second_stage.as_training(&bench.recipe, method);
    assert_eq!(recipe.epochs, 0);
    let mut model = prepared(second_stage, &stage, first_stage);
    let features = features_of(&model, &bench.images).expect("in memory");
    let before = model.logits(&features);
    let adjusted = second_stage
        .adjusted(&model, &bench.images, &method.augmentation)
        .expect("in memory");
    assert!(!adjusted.is_empty(), "{method:?}");
    for adjusted in adjusted {
        model.replace_classifier(adjusted.classifier);
        let after = model.logits(&features);
        assert_finite(&[("logits".into(), after.shallow_clone())], method);
        let routed = matches!(second_stage, SecondStage::ExpertAssignment(_)); // perhaps to all experts
        assert!(routed || !after.equal(&before), "{method:?}");
    }
}

/// The same second stage with other settings.
fn with(second_stage: &SecondStage, retraining: Retraining) -> SecondStage {
    match second_stage {
        SecondStage::Crt(_) => SecondStage::Crt(retraining),
        SecondStage::Lws(_) => SecondStage::Lws(retraining),
        SecondStage::Mislas(_) => SecondStage::Mislas(retraining),
        SecondStage::DisAlign(_) => SecondStage::DisAlign(retraining),
        SecondStage::WeightBalancing(_) => SecondStage::WeightBalancing(retraining),
        other => other.clone(),
    }
}

/// The settings of a second stage that trains, in the order of [`others`].
const SETTINGS: [&str; 8] = [
    "weight_decay",
    "sampler",
    "classifier",
    "backbone",
    "loss",
    "reweight",
    "classifier_rate",
    "max_norm",
];

/// Each setting at its default or, if it has none, at another value.
fn others(retraining: &Retraining, method: &Method, stage: &Method) -> [Retraining; 8] {
    let same = || retraining.clone();
    let sampler = if moves_draws("sampler", stage) {
        retraining.sampler
    } else {
        Sampler::InstanceBalanced
    };
    let classifier = match retraining.classifier {
        InitialClassifier::Fresh => InitialClassifier::FirstStage,
        InitialClassifier::FirstStage => InitialClassifier::Fresh,
    };
    let backbone = match retraining.backbone {
        BackboneMode::Eval => BackboneMode::Train,
        BackboneMode::Train => BackboneMode::Eval,
    };
    let loss = retraining.loss.filter(|&loss| loss == method.loss);
    let (reweight, classifier_rate, max_norm) = (None, None, None);
    let weight_decay = 0.1;
    [
        Retraining { weight_decay, ..same() },
        Retraining { sampler, ..same() },
        Retraining { classifier, ..same() },
        Retraining { backbone, ..same() },
        Retraining { loss, ..same() },
        Retraining { reweight, ..same() },
        Retraining {
            classifier_rate,
            ..same()
        },
        Retraining { max_norm, ..same() },
    ]
}
