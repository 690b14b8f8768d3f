//! `export`: a run's network as a PyTorch `state_dict`, with a description beside it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use methods::Checkpoint;
use tch::{Device, Tensor};

use crate::arrays::metadata;
use crate::exchange::card::{Card, path_beside};
use crate::files::{self, ANOTHER_OUT, unwritable, write_whole};
use crate::run::directory::RunDir;
use crate::run::settings::Settings;
use crate::worker::network;

/// The classifier's name in torchvision's networks, and in the public code for long tails and here.
const OF_TORCHVISION: &str = "fc";
const USUAL: &str = "linear";

/// Writes the network of the run in `directory` to `out`, a safetensors file, and its description beside it; returns both names.
///
/// # Errors
/// If the directory is no run's, it has no network, or a file cannot be written.
pub(crate) fn export(directory: &Path, out: &Path) -> anyhow::Result<[String; 2]> {
    ensure!(
        out.extension().is_some_and(|extension| extension == "safetensors"),
        "{} does not end in .safetensors; say `--out model.safetensors`",
        out.display()
    );
    let run_dir = RunDir::at(directory);
    ensure!(
        directory.join("config.toml").exists(),
        "{} has no config.toml, so it is not a run's directory; name one below out/<grid>/runs/",
        directory.display()
    );
    let (run, outcome) = (run_dir.run()?, run_dir.outcome()?);
    let Some(checkpoint) = Checkpoint::load(&run_dir.checkpoint())? else {
        let first_stage = outcome.as_ref().and_then(|outcome| outcome.first_stage.as_ref());
        let remedy = match first_stage {
            Some(first_stage) if run.epochs() == 0 => {
                format!("it only computed a classifier: export its first stage, {first_stage}")
            }
            _ => "train the run with `reproduce run`".to_owned(),
        };
        bail!(
            "{} is not there, so there is no network; {remedy}",
            run_dir.checkpoint().display()
        );
    };
    let of_outcome = outcome.as_ref().and_then(Settings::of);
    let settings = match of_outcome {
        Some(settings) => Some(settings),
        None => run_dir.environment()?.map(|environment| environment.settings()),
    };

    let model = network::restored(&run, &checkpoint, Device::Cpu)?;
    let head_name = if run.recipe.backbone.has_names_of_torchvision() {
        OF_TORCHVISION
    } else {
        USUAL
    };
    let named = |name: String| match name.strip_prefix(USUAL) {
        Some(rest) if rest.starts_with('.') => format!("{head_name}{rest}"),
        _ => name,
    };
    let tensors: Vec<(String, Tensor)> = model
        .weights()
        .into_iter()
        .map(|(name, tensor)| (named(name), tensor.detach().contiguous()))
        .collect();
    let folder = out.parent().unwrap_or(Path::new(""));
    files::make_folder(folder).map_err(|error| unwritable(folder, error, ANOTHER_OUT))?;
    // `format` says to other readers that these are PyTorch's names and layouts.
    let words = HashMap::from([("format", "pt"), ("network", run.recipe.backbone.name())]);
    files::replace(out, |temporary| {
        let plain = temporary.with_extension("plain");
        let written = Tensor::write_safetensors(&tensors, &plain).map_err(std::io::Error::other);
        let written = written.and_then(|()| metadata::add(&plain, temporary, &words));
        let _ = fs::remove_file(&plain);
        written
    })
    .map_err(|error| unwritable(out, error, ANOTHER_OUT))?;
    let described = (settings.unwrap_or_default(), checkpoint.next_epoch);
    let card = Card::new(out, head_name, &model, &run, outcome.as_ref(), described)
        .with_context(|| format!("cannot describe {}", out.display()))?;
    let description = path_beside(out);
    write_whole(&description, card.text()?)?;
    Ok([out, &description].map(|path| path.display().to_string()))
}
