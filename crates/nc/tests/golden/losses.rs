//! `losses_*`: the regularizer's terms and the dot-regression loss, in f32 as trained.

use nc::{
    AbsentClasses, BetweenClass, Config, FeatureLength, NormPenalty, Regularizer, WithinClass, balanced_lengths,
    between_class, dot_regression, largest_cosine, norm_penalty, within_class,
};
use tch::{Device, Kind, Tensor};

use crate::fixture::Comparison;

const VERSIONS: [(&str, BetweenClass); 3] = [
    ("v0", BetweenClass::V0),
    ("v1", BetweenClass::V1),
    ("v2", BetweenClass::V2),
];

/// All checks of this file.
pub(crate) fn all(comparison: &mut Comparison) {
    between(comparison);
    centre_mean(comparison);
    for labels in ["full", "absent"] {
        within(comparison, labels);
        total(comparison, labels);
        dots(comparison, labels);
    }
}

pub(crate) fn between(comparison: &mut Comparison) {
    for (version, form) in VERSIONS {
        for (suffix, input) in [("", "means"), ("_dup", "means_dup")] {
            let key = format!("nc2{version}{suffix}");
            if comparison.fixture.expects(&format!("{key}.")) {
                let centres = leaf(comparison.fixture.input(input));
                let loss = between_class(&centres, form);
                loss.backward();
                comparison.check(&format!("{key}.loss"), &loss);
                comparison.check(&format!("{key}.max_cos"), &largest_cosine(&centres));
                comparison.check(&format!("{key}.grad_means"), &gradient(&centres));
            }
        }
    }
}

pub(crate) fn centre_mean(comparison: &mut Comparison) {
    let centres = leaf(comparison.fixture.input("means"));
    let loss = norm_penalty(comparison.fixture.input("features"), &centres, NormPenalty::CentreMean);
    loss.backward();
    comparison.check("zero_center.loss", &loss);
    comparison.check("zero_center.grad_means", &gradient(&centres));
}

pub(crate) fn within(comparison: &mut Comparison, labels: &str) {
    for (key, form) in [
        ("nc1", WithinClass::MeanOverClasses),
        ("nc1sq", WithinClass::SquaredCounts),
    ] {
        let key = format!("{key}.{labels}");
        if comparison.fixture.expects(&format!("{key}.")) {
            let features = leaf(comparison.fixture.input("features"));
            let centres = leaf(comparison.fixture.input("means"));
            let labels = comparison.fixture.input(&format!("labels_{labels}"));
            let loss = within_class(&features, labels, &centres, form, AbsentClasses::CountAsZero);
            loss.backward();
            comparison.check(&format!("{key}.loss"), &loss);
            comparison.check(&format!("{key}.grad_features"), &gradient(&features));
            comparison.check(&format!("{key}.grad_means"), &gradient(&centres));
        }
    }
}

pub(crate) fn total(comparison: &mut Comparison, labels: &str) {
    // A power of two, large enough that the step, read off the moved centres, keeps its digits.
    let centre_rate = 1024.0;
    for (version, between) in VERSIONS {
        let key = format!("nc_total_{version}.{labels}");
        let fixture = comparison.fixture;
        if !fixture.expects(&format!("{key}.")) {
            continue;
        }
        let config = Config {
            lambda_1: fixture.hyper("lambda1"),
            lambda_2: fixture.hyper("lambda2"),
            lambda_3: fixture.hyper("lambda3"),
            between,
            centre_rate,
            ..Config::default()
        };
        let means = fixture.input("means");
        let mut regularizer = Regularizer::new(config, means.size()[0], means.size()[1], Kind::Float, Device::Cpu);
        regularizer.set_centres(means).expect("centres of the fixture");
        let features = leaf(fixture.input("features"));
        let loss = regularizer.forward(0, &features, fixture.input(&format!("labels_{labels}")));
        if loss.requires_grad() {
            loss.backward();
        }
        comparison.check(&format!("{key}.loss"), &loss);
        comparison.check(&format!("{key}.grad_features"), &gradient(&features));
        comparison.check(&format!("{key}.grad_means"), &gradient(regularizer.centres()));
        regularizer.step();
        let step = (means - regularizer.centres().detach()) / centre_rate;
        comparison.check(&format!("{key}.center_step_grad"), &step);
    }
}

pub(crate) fn dots(comparison: &mut Comparison, name: &str) {
    let fixture = comparison.fixture;
    let labels = fixture.input(&format!("labels_{name}"));
    let etf = fixture.input("etf_M").tr(); // one row per class
    let lengths = balanced_lengths(labels, etf.size()[0], Kind::Float);
    comparison.check(&format!("dr_ew.{name}.Ew"), &lengths);
    let scaled = &etf * lengths.unsqueeze(-1);
    let cases = [
        ("dr", FeatureLength::Unit, &etf),
        ("dr_raw", FeatureLength::Own, &etf),
        ("dr_ew", FeatureLength::Unit, &scaled),
        ("dr_bn", FeatureLength::Unit, &etf),
    ];
    for (key, length, etf) in cases {
        let features = leaf(fixture.input("etf_feat"));
        let input = if key == "dr_bn" {
            batch_norm(&features)
        } else {
            features.shallow_clone()
        };
        let loss = dot_regression(&input, labels, etf, length, fixture.hyper("dr_reg_lam"));
        loss.backward();
        comparison.check(&format!("{key}.{name}.loss"), &loss);
        comparison.check(&format!("{key}.{name}.grad_features"), &gradient(&features));
    }
}

/// A fresh batch norm in train mode, as in front of the public code's ETF classifier.
fn batch_norm(features: &Tensor) -> Tensor {
    let none = None::<&Tensor>;
    features.batch_norm(none, none, none, none, true, 0.1, 1e-5, false)
}

fn leaf(tensor: &Tensor) -> Tensor {
    tensor.copy().set_requires_grad(true)
}

/// The gradient of a leaf, zeros if nothing depends on it.
fn gradient(leaf: &Tensor) -> Tensor {
    let gradient = leaf.grad();
    if gradient.defined() {
        gradient.copy()
    } else {
        leaf.zeros_like()
    }
}
