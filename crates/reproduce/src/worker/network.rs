//! Networks of other runs: a first stage, an initial network, a teacher.

use std::path::PathBuf;

use anyhow::{Context, bail};
use methods::{Checkpoint, Initial, Model};
use tch::{Device, Kind};

use crate::files;
use crate::run::directory::RunDir;
use crate::run::{Role, Run};

/// The network of `run` as its training leaves it, with other weights. Draws from libtorch's generator.
pub(crate) fn built(run: &Run, device: Device) -> Model {
    let (_, method) = run.stage();
    let classes = method.classes(run.dataset.facts().classes());
    let mut model = Model::new(run.recipe.backbone, &method, classes, Kind::Float, device);
    if let Some(second_stage) = &run.method.second_stage {
        second_stage.prepare(&mut model); // the layers it adds are in the checkpoint too
    }
    model
}

/// The network of `run`, restored from `checkpoint`. Draws from libtorch's generator.
///
/// # Errors
/// If the checkpoint belongs to another network.
pub(crate) fn restored(run: &Run, checkpoint: &Checkpoint, device: Device) -> anyhow::Result<Model> {
    let model = built(run, device);
    checkpoint.restore(model.state())?;
    Ok(model)
}

/// The directory of the finished run that another one needs in the `role`, and its checkpoint.
///
/// # Errors
/// If the directory was not given, or the checkpoint is missing or damaged.
pub(crate) fn needed(directory: Option<&RunDir>, role: Role) -> anyhow::Result<(&RunDir, Checkpoint)> {
    let (role, option) = (role.name(), role.option());
    let directory = directory.with_context(|| format!("the run has a {role}, so it needs {option}, its directory"))?;
    let Some(checkpoint) = Checkpoint::load(&directory.checkpoint())? else {
        bail!(
            "the {role} has no checkpoint at {}; delete outcome.json beside it to train it again, then run the same command \
             again",
            directory.checkpoint().display()
        );
    };
    Ok((directory, checkpoint))
}

/// The file that `initial` refers to: the one it names, if its digest matches, or the checkpoint in `directory`.
///
/// # Errors
/// If it is missing or has another digest.
pub(crate) fn initial_file(initial: &Initial, directory: Option<&RunDir>) -> anyhow::Result<PathBuf> {
    let Initial::Checkpoint { path, sha256 } = initial else {
        return Ok(needed(directory, Role::Initial)?.0.checkpoint());
    };
    let found = files::digest(path).with_context(|| format!("cannot read checkpoint {}", path.display()))?;
    if sha256.as_ref().is_some_and(|stated| *stated != found) {
        bail!(
            "checkpoint {} is not the one that the run was planned with, its SHA-256 is now {found}; restore the file, or run \
             the grid's command again, which plans another run with it",
            path.display()
        );
    }
    Ok(path.clone())
}
