//! Contrastive terms from the features of a batch and its views on, including projection, prototypes and classifier.

use methods::{
    BalancedContrast, ContrastiveTerm, Head, KPositiveContrast, LossInput, Method, Model, ParametricContrast,
};
use models::Backbone;
use tch::{Device, Kind, Tensor};

use crate::fixture::{Comparison, Fixture};
use crate::{batch, check_with_gradients, compare, leaf};

#[test]
fn balanced_contrast_conforms_with_and_without_absent_classes() {
    compare("bcl", |comparison| {
        let fixture = comparison.fixture;
        let contrast = ContrastiveTerm::Balanced(BalancedContrast {
            weight: fixture.hyper("weight"),
            temperature: fixture.hyper("temperature"),
            dimension: fixture.hyper("dimension") as i64,
        });
        let model = model(fixture, contrast, Head::ScaledCosine { scale: 30.0 });
        let (views, weight) = (leaf(fixture, "views"), classifier_weight(&model));
        let images = views.zeros_like().narrow(0, 0, views.size()[0] / 2); // none of the views
        let value = contrastive_loss(fixture, &model, &images, &views);
        check_with_gradients(comparison, "", &value, &[("views", &views), ("weight", &weight)]);
    });
}

#[test]
fn k_positive_contrast_conforms_where_no_or_all_positives_are_drawn_and_on_average_else() {
    compare("kcl", |comparison| {
        let fixture = comparison.fixture;
        let contrast = ContrastiveTerm::KPositive(KPositiveContrast {
            positives: fixture.hyper("positives") as i64,
            temperature: fixture.hyper("temperature"),
            dimension: fixture.hyper("dimension") as i64,
        });
        let model = model(fixture, contrast, Head::Linear);
        let (features, views) = (leaf(fixture, "features"), leaf(fixture, "views"));
        if fixture.has("mean") {
            return mean_of_draws(comparison, || contrastive_loss(fixture, &model, &features, &views));
        }
        let value = contrastive_loss(fixture, &model, &features, &views);
        check_with_gradients(comparison, "", &value, &[("features", &features), ("views", &views)]);
    });
}

#[test]
fn parametric_contrast_conforms_with_and_without_absent_classes() {
    compare("paco", |comparison| {
        let fixture = comparison.fixture;
        let contrast = ContrastiveTerm::Parametric(ParametricContrast {
            alpha: fixture.hyper("alpha"),
            temperature: fixture.hyper("temperature"),
            dimension: fixture.hyper("dimension") as i64,
        });
        let model = model(fixture, contrast, Head::Linear);
        let (features, views, weight) = (
            leaf(fixture, "features"),
            leaf(fixture, "views"),
            classifier_weight(&model),
        );
        let value = contrastive_loss(fixture, &model, &features, &views);
        let leaves = [("features", &features), ("views", &views), ("weight", &weight)];
        check_with_gradients(comparison, "", &value, &leaves);
    });
}

/// A model whose projections and classifier have the parameters of `scripts/conformance/projection.py`.
fn model(fixture: &Fixture, contrast: ContrastiveTerm, head: Head) -> Model {
    let method = Method {
        contrast: Some(contrast),
        head,
        ..Method::default()
    };
    let classes = fixture.input("counts").size()[0];
    let model = Model::new(Backbone::Resnet8, &method, classes, Kind::Double, Device::Cpu);
    let _no_grad = tch::no_grad_guard();
    for (name, mut variable) in model.named_tensors() {
        let is_known = name.starts_with("contrast") || name.starts_with("linear");
        if is_known && variable.requires_grad() {
            let start: i64 = name.bytes().map(i64::from).sum();
            let entries = Tensor::arange(variable.numel() as i64, (Kind::Double, Device::Cpu)) + start as f64;
            let scales = if name.ends_with(".1.weight") { 1.0 } else { 0.0 };
            variable.copy_(&(entries.sin() / 8.0 + scales).view_as(&variable));
        }
    }
    model
}

fn classifier_weight(model: &Model) -> Tensor {
    let mut named = model.named_tensors().into_iter();
    named
        .find_map(|(name, variable)| (name == "linear.weight").then_some(variable))
        .expect("both heads have a weight")
}

/// The term from the features of images and their further views.
fn contrastive_loss(fixture: &Fixture, model: &Model, features: &Tensor, views: &Tensor) -> Tensor {
    let logits = model.training_logits(features);
    let input = LossInput {
        features,
        ..batch(&logits, fixture.input("labels"), fixture.input("counts"))
    };
    model
        .contrastive_loss(&input, Some(views))
        .expect("the method has a contrast")
}

/// Compares the mean of many draws within five of its standard deviations.
fn mean_of_draws(comparison: &mut Comparison<'_>, draw: impl Fn() -> Tensor) {
    const DRAWS: u32 = 400;
    tch::manual_seed(1);
    let mean = (0..DRAWS).map(|_| draw().double_value(&[])).sum::<f64>() / f64::from(DRAWS);
    let number = |key| comparison.fixture.get(key).double_value(&[]);
    let (expected, tolerance) = (number("mean"), 5.0 * number("deviation") / f64::from(DRAWS).sqrt());
    assert!(
        (mean - expected).abs() < tolerance,
        "{mean} is not {expected} ± {tolerance}"
    );
    comparison.checked.extend(["mean", "deviation"].map(str::to_owned));
}
