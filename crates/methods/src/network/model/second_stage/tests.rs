use datasets::Dataset;
use models::Backbone;
use tch::{Device, Kind};

use super::*;
use crate::method::Method;
use crate::parts::head::Head;
use crate::parts::second_stage::Retraining;
use crate::protocol::Protocol;

fn crt() -> Retraining {
    Protocol::Paper.classifier_retraining()
}

/// A first stage of three classes, prepared for `second_stage`.
fn prepared(second_stage: &SecondStage) -> Model {
    tch::manual_seed(3);
    let mut model = Model::new(Backbone::Resnet8, &Method::default(), 3, Kind::Float, Device::Cpu);
    second_stage.prepare(&mut model);
    model
}

fn learning(model: &Model) -> Vec<String> {
    let named = model.named_tensors().into_iter();
    named
        .filter(|(_, variable)| variable.requires_grad())
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn only_the_part_that_a_second_stage_retrains_learns() {
    let classifier = ["linear.bias", "linear.weight"];
    let alignment = [
        "linear.alignment.confidence",
        "linear.alignment.confidence_bias",
        "linear.alignment.offset",
        "linear.alignment.scale",
    ];
    let cases: [(SecondStage, &[&str]); 5] = [
        (SecondStage::Crt(crt()), &classifier),
        (SecondStage::Lws(Retraining::lws()), &["linear.scale"]),
        (
            SecondStage::Mislas(Retraining::mislas(Dataset::Cifar10)),
            &["linear.bias", "linear.scale", "linear.weight"],
        ),
        (SecondStage::DisAlign(Retraining::dis_align()), &alignment),
        (
            SecondStage::WeightBalancing(Retraining::weight_balancing()),
            &classifier,
        ),
    ];
    for (second_stage, expected) in cases {
        assert_eq!(learning(&prepared(&second_stage)), expected, "{second_stage:?}");
    }
}

#[test]
fn a_reset_cosine_classifier_has_columns_of_length_1() {
    let method = Method {
        head: Head::Cosine,
        ..Method::default()
    };
    let mut model = Model::new(Backbone::Resnet8, &method, 3, Kind::Float, Device::Cpu);
    SecondStage::Crt(crt()).prepare(&mut model);
    let mut tensors = model.named_tensors().into_iter();
    let (_, weight) = tensors.find(|(name, _)| name == "linear.weight").expect("a classifier");
    let lengths = weight.square().sum_dim_intlist(0, false, Kind::Float).sqrt();
    assert!(lengths.allclose(&lengths.ones_like(), 1e-6, 1e-6, false), "{lengths:?}");
}

#[test]
fn scales_start_at_the_first_stages_own_decisions() {
    // Each stage compares one model before and after: other tests share libtorch's generator.
    let features = Tensor::randn([4, 64], (Kind::Float, Device::Cpu));
    let before_and_after = |second_stage: SecondStage| {
        let mut model = Model::new(Backbone::Resnet8, &Method::default(), 3, Kind::Float, Device::Cpu);
        let before = model.logits(&features);
        second_stage.prepare(&mut model);
        (before, model.logits(&features))
    };
    let (first, scaled) = before_and_after(SecondStage::Lws(Retraining::lws()));
    assert_eq!(scaled, first);
    let (first, fresh) = before_and_after(SecondStage::Crt(crt()));
    assert!(!fresh.allclose(&first, 1e-3, 1e-3, false));
}

#[test]
fn mislas_slows_the_classifier_down_and_not_its_scales() {
    let model = prepared(&SecondStage::Mislas(Retraining::mislas(Dataset::Cifar100)));
    let rates: Vec<f64> = model.learning_variables().into_iter().map(|(_, rate)| rate).collect();
    assert_eq!(rates, [0.2, 1.0, 0.2], "bias, scale, weight");
}

#[test]
fn batch_norm_shifts_where_the_second_stage_says_so_and_nowhere_else() {
    let (stays, shifts) = (BackboneMode::Eval, BackboneMode::Train);
    for (second_stage, mode) in [
        (SecondStage::Crt(crt()), stays),
        (SecondStage::Lws(Retraining::lws()), stays),
        (SecondStage::Mislas(Retraining::mislas(Dataset::Cifar10)), stays),
        (SecondStage::Mislas(Retraining::mislas(Dataset::Cifar100)), shifts),
        (SecondStage::DisAlign(Retraining::dis_align()), shifts),
        (SecondStage::WeightBalancing(Retraining::weight_balancing()), shifts),
    ] {
        let model = prepared(&second_stage);
        let statistics = || {
            let tensors = model.named_tensors().into_iter();
            let running = tensors.filter(|(name, _)| name.contains("running"));
            let values: Vec<Tensor> = running.map(|(_, tensor)| tensor.flatten(0, -1).copy()).collect();
            Tensor::cat(&values, 0)
        };
        let before = statistics();
        let images = Tensor::randn([6, 3, 16, 16], (Kind::Float, Device::Cpu)) + 2.0;
        let features = model.training_features(&images);
        assert!(!features.requires_grad(), "{second_stage:?}");
        let (as_evaluated, moved) = (features == model.features(&images), statistics() != before);
        assert_eq!(moved, mode == shifts, "{second_stage:?}");
        assert_eq!(as_evaluated, mode == stays, "{second_stage:?}");
    }
}

#[test]
fn weight_balancing_keeps_rows_within_the_radius_of_its_start() {
    let model = prepared(&SecondStage::WeightBalancing(Retraining::weight_balancing()));
    let longest = || {
        model
            .classifier()
            .0
            .norm_scalaropt_dim(2, 1, false)
            .max()
            .double_value(&[])
    };
    model.keep_norms();
    let radius = longest();
    tch::no_grad(|| {
        let (weight, _) = model.learning_variables().remove(1);
        let _ = weight.shallow_clone().g_mul_scalar_(10.0);
    });
    assert!(longest() > 9.0 * radius);
    model.keep_norms();
    assert!((longest() - radius).abs() < 1e-5 * radius);
}
