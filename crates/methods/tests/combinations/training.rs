//! Training of drawn methods.

use std::path::{Path, PathBuf};

use methods::{Images, Initial, Method, Model, Recipe};
use tch::{Device, Kind, Tensor};

use crate::draw::EPOCHS;
use crate::tiny;

/// Data, recipe and folder of the trainings: an epoch is one step.
pub(crate) struct Bench {
    pub(crate) images: Images,
    pub(crate) recipe: Recipe,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench {
            images: tiny::images([9, 5, 2]),
            recipe: tiny::recipe(EPOCHS, 16, 0.0), // without weight decay, parameters without a gradient do not change
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn checkpoint(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether `method` is valid in a plan.
    pub(crate) fn accepts(&self, method: &Method) -> bool {
        let counts = self.images.class_counts();
        method.check().is_ok() && method.check_class_counts(&counts).is_ok()
    }

    /// The final state of training `method`, by name: parameters, statistics, momentum, centres.
    pub(crate) fn trained(&self, method: &Method) -> Vec<(String, Tensor)> {
        let checkpoint = self.checkpoint("trained");
        self.train_first_stage(method, &checkpoint);
        Tensor::read_safetensors(&checkpoint).expect("a checkpoint")
    }

    /// Trains `method` to `checkpoint`, after the network that it starts from.
    pub(crate) fn train_first_stage(&self, method: &Method, checkpoint: &Path) {
        let mut model = network(method);
        let before = match method.initial {
            None => None,
            Some(Initial::Checkpoint { .. } | Initial::Method(_)) => Some(Method {
                experts: method.experts,
                ..Method::default()
            }),
            Some(Initial::Rotation) => method.pre_training(),
        };
        if let Some(before) = before {
            let finished = self.checkpoint("initial");
            self.train(&mut network(&before), &before, &self.recipe, &finished);
            let started = model.start_from(&finished);
            started.unwrap_or_else(|error| panic!("{method:?}: {error}"));
        }
        self.train(&mut model, method, &self.recipe, checkpoint);
    }

    /// Trains from the beginning, and asserts that every learnable parameter has changed.
    pub(crate) fn train(&self, model: &mut Model, method: &Method, recipe: &Recipe, checkpoint: &Path) {
        let _ = std::fs::remove_file(checkpoint); // or it would be resumed
        let before = learning(model);
        let trained = tiny::train(model, method, recipe, &self.images, checkpoint, None);
        trained.unwrap_or_else(|error| panic!("{method:?}: {error}"));
        for ((name, before), (_, after)) in before.iter().zip(&learning(model)) {
            assert!(
                may_have_no_gradient(name) || !before.equal(after),
                "{name} learns nothing of {method:?}"
            );
        }
    }
}

/// Batch norm cancels the bias before it, and the confidence of `DisAlign` is a sigmoid, which saturates on the large
/// features of a barely trained network.
fn may_have_no_gradient(name: &str) -> bool {
    (name.starts_with("contrast.") && name.ends_with(".0.bias")) || name.starts_with("linear.alignment.confidence")
}

/// A copy of the learnable parameters, by name.
fn learning(model: &Model) -> Vec<(String, Tensor)> {
    let learning = model
        .named_tensors()
        .into_iter()
        .filter(|(_, tensor)| tensor.requires_grad());
    learning.map(|(name, tensor)| (name, tensor.detach().copy())).collect()
}

/// A network whose centres do not depend on the draws of its other parts.
fn network(method: &Method) -> Model {
    let mut model = tiny::network(method, 2);
    if let Some(regularizer) = &mut model.training.regularizer {
        tch::manual_seed(4);
        let centres = Tensor::randn(regularizer.centres().size(), (Kind::Float, Device::Cpu));
        regularizer.set_centres(&centres).expect("as many centres");
    }
    model
}

pub(crate) fn assert_finite(trained: &[(String, Tensor)], method: &Method) {
    for (name, tensor) in trained {
        assert!(
            tensor.isfinite().all().int64_value(&[]) == 1,
            "{name} of {method:?}: {tensor}"
        );
    }
}

/// Whether any tensor that both networks have differs.
pub(crate) fn differ(left: &[(String, Tensor)], right: &[(String, Tensor)]) -> bool {
    let in_model = left.iter().filter(|(name, _)| name.starts_with("model."));
    in_model.into_iter().any(|(name, left)| {
        let right = right
            .iter()
            .find(|(other, right)| other == name && right.size() == left.size());
        right.is_some_and(|(_, right)| !left.equal(right))
    })
}
