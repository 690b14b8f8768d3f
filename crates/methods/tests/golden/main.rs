//! Conformance of networks, losses and the training step with reference implementations: see
//! `tests/fixtures/golden/README.md` for where the numbers come from. `LONGTAIL_GOLDEN` names another directory of
//! fixture files with the same keys, of any sizes and hyper-parameters.

#[path = "../../../nc/tests/golden/fixture.rs"]
#[expect(
    dead_code,
    reason = "shared with the conformance tests of crate nc, which need more of it"
)]
mod fixture;
mod losses;
mod posthoc;
mod resnet;
mod trajectory;

use methods::{Head, LossInput, Method, Model};
use models::Backbone;
use tch::{Device, Kind, Tensor};

use fixture::Fixture;

/// A ResNet-32 with the state of a fixture file (`prefix` names its kind, the rest of the name is that of `fixture`).
fn network(fixture: &Fixture, prefix: &str, method: &Method, classes: i64, kind: Kind) -> Model {
    let model = Model::new(Backbone::Resnet32, method, classes, kind, Device::Cpu);
    let (_, suffix) = fixture.name.split_once("_s").expect("names end in _s<seed>_…");
    let state = Fixture::named(&format!("{prefix}_s{suffix}"));
    let _no_grad = tch::no_grad_guard();
    for (name, mut variable) in model.named_tensors() {
        variable.copy_(state.get(&name));
    }
    model
}

/// A batch for losses that need neither features nor epoch; the labels seen so far are the class counts.
fn batch<'a>(
    logits: &'a Tensor,
    labels: &'a Tensor,
    class_counts: &'a Tensor,
    class_weights: Option<&'a Tensor>,
) -> LossInput<'a> {
    LossInput {
        logits,
        labels,
        features: logits,
        class_counts,
        class_weights,
        labels_seen: Some(class_counts),
        epoch: 0,
    }
}

/// The head of a state's classifier, and its number of classes: `[k, d]` is linear, `[d, k]` cosine.
fn head(fixture: &Fixture, prefix: &str) -> (Head, i64) {
    let (_, suffix) = fixture.name.split_once("_s").expect("names end in _s<seed>_…");
    let state = Fixture::named(&format!("{prefix}_s{suffix}"));
    let shape = state.get("linear.weight").size();
    if state.has("linear.bias") {
        (Head::Linear, shape[0])
    } else {
        (Head::Cosine, shape[1])
    }
}
