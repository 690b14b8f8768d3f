//! The networks for 224×224 images.

use models::Backbone;
use tch::{Device, Kind, Tensor, nn};

use crate::compare;

#[test]
fn resnet_50_conforms_by_running_statistics_and_by_those_of_the_batch() {
    check("resnet50", Backbone::Resnet50);
}

#[test]
fn resnext_50_conforms_by_running_statistics_and_by_those_of_the_batch() {
    check("resnext50", Backbone::Resnext50);
}

/// Every 16th of the 2048 features of two images of 32×41 pixels.
fn check(fixture: &str, backbone: Backbone) {
    let mut store = nn::VarStore::new(Device::Cpu);
    let network = backbone.build(&store.root());
    store.double();
    let _no_gradients = tch::no_grad_guard();
    for (name, mut variable) in store.variables() {
        variable.copy_(&parameter(&name, &variable.size()));
    }
    let images = filled("images", &[2, 3, 32, 41]);
    compare(fixture, |comparison| {
        for (key, train) in [("features", false), ("in_training", true)] {
            let features = network.forward_t(&images, train);
            comparison.check(key, &features.slice(1, None, None, 16));
        }
    });
}

/// A kernel of variance 2 / fan-in; batch norms scale by about 1.
fn parameter(name: &str, shape: &[i64]) -> Tensor {
    let values = filled(name, shape);
    if shape.len() == 4 {
        let fan_in: i64 = shape[1..].iter().product();
        return values * (24.0 / fan_in as f64).sqrt();
    }
    let is_scale = name.ends_with(".weight") || name.ends_with("running_var");
    if is_scale { values + 1.0 } else { values }
}

/// ((n² + the sum of the name's bytes) mod 10007) / 10007 − 1/2 at the n-th entry.
fn filled(name: &str, shape: &[i64]) -> Tensor {
    let bytes: i64 = name.bytes().map(i64::from).sum();
    let n = Tensor::arange(shape.iter().product::<i64>(), (Kind::Int64, Device::Cpu));
    let remainders: Tensor = (&n * &n + bytes).remainder(10007);
    (remainders.to_kind(Kind::Double) / 10007.0 - 0.5).view(shape)
}
