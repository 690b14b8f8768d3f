//! ResNet-32 forward and backward, in f32 and f64.

use methods::{Head, Loss, Method};
use tch::{Device, Kind, Tensor};

use crate::fixture::{Comparison, Fixture};
use crate::{batch, head, network};

#[test]
fn golden_resnet32_forward_and_backward() {
    tch::set_num_threads(1);
    for fixture in Fixture::all("resnet32_fwd_") {
        let mut comparison = Comparison::new(&fixture);
        compare(&mut comparison, Kind::Float, "");
        compare(&mut comparison, Kind::Double, "f64.");
        let missing: Vec<&String> = fixture
            .expected_keys()
            .filter(|key| !comparison.checked.contains(*key))
            .collect();
        assert!(missing.is_empty(), "{}: not compared: {missing:?}", fixture.name);
        comparison.assert();
    }
}

fn compare(comparison: &mut Comparison<'_>, kind: Kind, prefix: &str) {
    let fixture = comparison.fixture;
    let (head, classes) = head(fixture, "resnet32_state");
    let method = Method {
        head,
        ..Method::default()
    };
    let model = network(fixture, "resnet32_state", &method, classes, kind);
    let images = fixture.input("x").to_kind(kind);
    let labels = fixture.input("y");
    let mut check = |key: &str, got: &Tensor| comparison.check(&format!("{prefix}{key}"), got);

    let features = model.features(&images);
    check("eval.features", &features);
    check("eval.logits", &model.logits(&features));

    let features = model.training_features(&images);
    let logits = model.logits(&features);
    check("train.features", &features);
    check("train.logits", &logits);
    let scale = if head == Head::Cosine { 30.0 } else { 1.0 };
    let counts = Tensor::ones([classes], (kind, Device::Cpu));
    let loss = Loss::CrossEntropy.forward(&batch(&(logits * scale), labels, &counts, None));
    check("train.ce", &loss);
    loss.backward();
    let trainable: Vec<(String, Tensor)> = model
        .named_tensors()
        .into_iter()
        .filter(|(_, tensor)| tensor.requires_grad())
        .collect();
    check("param_count", &Tensor::from_slice(&[model.parameter_count() as i64]));
    check("param_tensors", &Tensor::from_slice(&[trainable.len() as i64]));
    for (name, tensor) in trainable {
        check(&format!("train.grad.{name}"), &tensor.grad());
    }
    for (name, tensor) in model.named_tensors() {
        check(&format!("train.{name}"), &tensor);
    }
}
