//! A finished first stage as its second stage finds it.

use std::path::Path;

use methods::{Checkpoint, Method, Model, SecondStage};

use crate::tiny;

/// A network for `stage`, what `second_stage` trains, with everything that the checkpoint `first_stage` holds.
pub(crate) fn prepared(second_stage: &SecondStage, stage: &Method, first_stage: &Path) -> Model {
    let mut model = tiny::network(stage, 6);
    let checkpoint = Checkpoint::load(first_stage).expect("a sound one");
    let restored = checkpoint.expect("it is there").restore(model.state());
    restored.expect("the same network");
    second_stage.prepare(&mut model);
    model
}
