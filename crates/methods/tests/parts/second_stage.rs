//! A finished first stage, prepared for its second stage.

use std::path::Path;

use methods::{Checkpoint, Method, Model, SecondStage};

use crate::tiny;

/// A network for `stage`, the training of `second_stage`, with the state in the checkpoint `first_stage`.
pub(crate) fn prepared(second_stage: &SecondStage, stage: &Method, first_stage: &Path) -> Model {
    let mut model = tiny::network(stage, 6);
    let checkpoint = Checkpoint::load(first_stage).expect("a sound one");
    let restored = checkpoint.expect("it is there").restore(model.state());
    restored.expect("the same network");
    second_stage.prepare(&mut model);
    model
}
