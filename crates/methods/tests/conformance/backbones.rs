//! torchvision's networks for 224×224 images: values and gradients of small ones, and the names of all parameters.

use std::path::Path;

use models::Backbone;
use tch::nn::VarStore;
use tch::{Device, Reduction, Tensor};

use crate::compare;

const CLASSES: i64 = 10;

#[test]
fn resnet_18_conforms_in_values_and_gradients() {
    check(Backbone::Resnet18Large);
}

#[test]
fn resnet_50_conforms_in_values_and_gradients() {
    check(Backbone::Resnet50);
}

#[test]
fn resnext_50_conforms_in_values_and_gradients() {
    check(Backbone::Resnext50);
}

#[test]
fn experts_of_resnext_50_conform() {
    let mut store = VarStore::new(Device::Cpu);
    let network = Backbone::Resnext50.build_experts(&store.root(), 2);
    fill(&mut store);
    let images = filled("images", &[2, 3, 64, 64]);
    compare("experts-resnext50", |comparison| {
        for (mode, train) in [("eval", false), ("train", true)] {
            let features = tch::no_grad(|| network.forward_t(&images, train));
            comparison.check(mode, &features.slice(2, None, None, 16));
        }
    });
}

/// For each network the number of tensors, and the digest of their names and shapes.
#[test]
fn parameters_have_the_names_and_shapes_of_torchvision() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/conformance/backbones.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let mut others = Backbone::ALL.to_vec();
    for line in text.lines() {
        let name = line.split(' ').next().unwrap();
        let position = others.iter().position(|backbone| backbone.as_written() == name);
        let parameters = others.remove(position.unwrap()).parameters();
        let lines = parameters.iter().map(|(name, shape)| format!("{name} {shape:?}"));
        let digest = fnv_1a(&lines.collect::<Vec<_>>().join("\n"));
        assert_eq!(line, format!("{name} {} {digest:016x}", parameters.len()));
    }
    assert!(
        !others.iter().any(|backbone| backbone.has_names_of_torchvision()),
        "{others:?} are not compared"
    );
}

/// Every 16th of the features of two images, their logits, cross-entropy and its gradients at all parameters, by running
/// statistics and by those of the batch, and the running statistics after that.
fn check(backbone: Backbone) {
    let mut store = VarStore::new(Device::Cpu);
    let network = backbone.build(&store.root());
    let classifier = store.root() / "fc";
    let weight = classifier.zeros("weight", &[CLASSES, backbone.dimension()]);
    let bias = classifier.zeros("bias", &[CLASSES]);
    fill(&mut store);
    let (parameters, statistics): (Vec<Tensor>, Vec<Tensor>) =
        by_name(&store).into_iter().partition(Tensor::requires_grad);
    let images = filled("images", &[2, 3, 64, 64]);
    let labels = Tensor::from_slice(&[3_i64, 7]);
    compare(backbone.as_written(), |comparison| {
        for (mode, train) in [("eval", false), ("train", true)] {
            let features = network.forward_t(&images, train);
            let logits = features.linear(&weight, Some(&bias));
            let loss = logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
            let gradients = Tensor::run_backward(&[&loss], &parameters, false, false);
            let entries = gradients.iter().map(|gradient| {
                let last = gradient.numel() as i64 - 1;
                let entries = Tensor::from_slice(&[0, (last + 1) / 2, last]);
                gradient.reshape([-1]).index_select(0, &entries)
            });
            for (key, value) in [
                ("features", &features.slice(1, None, None, 16)),
                ("logits", &logits),
                ("loss", &loss),
                ("gradient_norms", &norms(&gradients)),
                ("gradient_entries", &Tensor::stack(&entries.collect::<Vec<_>>(), 0)),
            ] {
                comparison.check(&format!("{mode}.{key}"), value);
            }
        }
        comparison.check("train.statistics", &norms(&statistics));
    });
}

fn norms(tensors: &[Tensor]) -> Tensor {
    Tensor::stack(&tensors.iter().map(Tensor::norm).collect::<Vec<_>>(), 0)
}

fn by_name(store: &VarStore) -> Vec<Tensor> {
    let mut named: Vec<(String, Tensor)> = store.variables().into_iter().collect();
    named.sort_by(|(left, _), (right, _)| left.cmp(right));
    named.into_iter().map(|(_, tensor)| tensor).collect()
}

/// Fills a network, made f64, by the recipe of `scripts/conformance/backbones.py`.
fn fill(store: &mut VarStore) {
    store.double();
    for (name, mut variable) in store.variables() {
        tch::no_grad(|| variable.copy_(&parameter(&name, &variable.size())));
    }
}

/// Kernels of variance 2 / fan-in, rows of the classifier of variance 1 / fan-in. Batch norms scale by about a half, so
/// that maps do not grow much from block to block; variances are positive.
fn parameter(name: &str, shape: &[i64]) -> Tensor {
    let values = filled(name, shape);
    if shape.len() > 1 {
        let fan_in: i64 = shape[1..].iter().product();
        let variance = if shape.len() == 4 { 24.0 } else { 12.0 };
        return values * (variance / fan_in as f64).sqrt();
    }
    if name.ends_with("running_var") {
        values + 1.0
    } else if name.ends_with(".weight") {
        (values + 1.0) / 2.0
    } else {
        values
    }
}

/// Numbers in [−1/2, 1/2): the n-th is made of the upper 24 bits of the n-th output of SplitMix64 (Steele et al. 2014),
/// seeded with the FNV-1a hash of the name.
fn filled(name: &str, shape: &[i64]) -> Tensor {
    let mut state = fnv_1a(name);
    let number = |_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let count: i64 = shape.iter().product();
    Tensor::from_slice(&(0..count).map(number).collect::<Vec<f64>>()).view(shape)
}

fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
