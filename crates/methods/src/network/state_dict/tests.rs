use tch::{Device, Kind};

use super::*;
use crate::method::Method;

fn model(backbone: Backbone, head: Head, classes: i64) -> Model {
    let method = Method {
        head,
        ..Method::default()
    };
    Model::new(backbone, &method, classes, Kind::Float, Device::Cpu)
}

/// The state dict of `tensors`.
fn saved(tensors: &[(String, Tensor)]) -> (tempfile::TempDir, Result<StateDict, SafetensorsError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    Tensor::write_safetensors(tensors, &path).unwrap();
    let weights = StateDict::open(&path);
    (folder, weights)
}

fn named(model: &Model, name: impl Fn(&str) -> String) -> Vec<(String, Tensor)> {
    let tensors = model.named_tensors().into_iter();
    tensors.map(|(found, tensor)| (name(&found), tensor)).collect()
}

fn equal(left: &Model, right: &Model) -> bool {
    left.named_tensors() == right.named_tensors()
}

#[test]
fn prefixes_and_names_of_the_classifier_are_those_of_public_code() {
    let source = model(Backbone::Resnet8, Head::Linear, 3);
    for (prefix, classifier) in [
        ("", "linear"),
        ("module.", "fc"),
        ("_orig_mod.module.", "classifier"),
        ("model.", "linear"),
    ] {
        let mut tensors = named(&source, |name| {
            format!("{prefix}{}", name.replace("linear", classifier))
        });
        tensors.push((format!("{prefix}bn1.{COUNTER}"), Tensor::from(7_i64)));
        tensors.push((
            format!("{prefix}projector.0.weight"),
            Tensor::zeros([2], (Kind::Float, Device::Cpu)),
        ));
        let (_folder, weights) = saved(&tensors);
        let weights = weights.unwrap();
        assert!(weights.has_network());
        assert_eq!(weights.backbone().unwrap(), Backbone::Resnet8);
        assert_eq!(weights.classifier(64, None).unwrap(), (3, Head::Linear));
        let mut loaded = model(Backbone::Resnet8, Head::Linear, 3);
        let others = loaded.load(&weights, "ResNet-8").unwrap();
        assert!(equal(&loaded, &source));
        assert_eq!(others, [format!("{prefix}projector.0.weight")]);
    }
}

#[test]
fn every_layout_of_a_cosine_classifier_and_a_linear_one_without_bias() {
    let source = model(Backbone::Resnet8, Head::Cosine, 3);
    let (_folder, weights) = saved(&named(&source, str::to_owned));
    assert_eq!(weights.unwrap().classifier(64, None).unwrap(), (3, Head::Cosine));
    let mut tensors = named(&source, str::to_owned);
    let weight = tensors.iter_mut().find(|(name, _)| name == "linear.weight").unwrap();
    weight.1 = weight.1.tr().contiguous();
    let (_folder, weights) = saved(&tensors);
    let weights = weights.unwrap();
    let message = weights.classifier(64, None).unwrap_err().to_string();
    assert!(
        message.ends_with("so it may be linear or cosine; say which with --head"),
        "{message}"
    );
    assert_eq!(weights.classifier(64, Some(Head::Cosine)).unwrap(), (3, Head::Cosine));
    let mut loaded = model(Backbone::Resnet8, Head::Cosine, 3);
    loaded.load(&weights, "ResNet-8").unwrap();
    assert!(equal(&loaded, &source));
    assert_eq!(weights.classifier(64, Some(Head::Linear)).unwrap(), (3, Head::Linear));
    let mut linear = model(Backbone::Resnet8, Head::Linear, 3);
    linear.load(&weights, "ResNet-8").unwrap();
    let (rows, bias) = linear.classifier();
    assert_eq!(
        (rows, bias.unwrap().abs().max().double_value(&[])),
        (source.classifier().0, 0.0)
    );
}

#[test]
fn numbers_of_lower_precision_become_f32() {
    let source = model(Backbone::Resnet8, Head::Linear, 3);
    let mut tensors = named(&source, str::to_owned);
    for (_, tensor) in &mut tensors {
        *tensor = tensor.to_kind(Kind::BFloat16);
    }
    let (_folder, weights) = saved(&tensors);
    let mut loaded = model(Backbone::Resnet8, Head::Linear, 3);
    loaded.load(&weights.unwrap(), "ResNet-8").unwrap();
    for ((name, found), (_, rounded)) in loaded.named_tensors().into_iter().zip(tensors) {
        assert_eq!(found, rounded.to_kind(Kind::Float), "{name}");
    }
}

#[test]
fn another_network_is_named_with_the_first_difference() {
    let source = model(Backbone::Resnet20, Head::Linear, 3);
    let (_folder, weights) = saved(&named(&source, str::to_owned));
    let weights = weights.unwrap();
    let refusal = |mut model: Model| model.load(&weights, "this network").unwrap_err().to_string();
    let shallow = refusal(model(Backbone::Resnet8, Head::Linear, 3));
    assert!(
        shallow.ends_with(
            "they have `layer1.1.bn1.bias` too, which this network does not have; name the weights of the same network"
        ),
        "{shallow}"
    );
    let deep = refusal(model(Backbone::Resnet32, Head::Linear, 3));
    assert!(
        deep.contains("they have no `layer1.3.bn1.bias`, which this network needs"),
        "{deep}"
    );
    let classes = refusal(model(Backbone::Resnet20, Head::Linear, 4));
    assert!(
        classes.contains("`linear.bias` is [3], and this network needs [4]"),
        "{classes}"
    );

    let mut wider = named(&source, str::to_owned);
    wider.push((
        "layer3.3.conv1.weight".to_owned(),
        Tensor::zeros([2], (Kind::Float, Device::Cpu)),
    ));
    let (_folder, weights) = saved(&wider);
    let unknown = weights.unwrap().backbone().unwrap_err().to_string();
    assert!(
        unknown.contains("nearest is ResNet-20, but they have `layer3.3.conv1.weight` too; "),
        "{unknown}"
    );
}

#[test]
fn a_pickle_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    for bytes in [&b"PK\x03\x04and so on"[..], b"\x80\x02}q\x00X\x05\x00\x00conv1"] {
        std::fs::write(&path, bytes).unwrap();
        let message = StateDict::open(&path).unwrap_err().to_string();
        assert!(
            message.starts_with("it is a pickle, as torch.save writes, which can run any code"),
            "{message}"
        );
        assert!(message.ends_with("\"model.safetensors\")`"), "{message}");
    }
}
