//! The verbs that exchange files with other programs.

use std::path::Path;

use anyhow::{Context, ensure};
use tch::Device;

use crate::command_line::arguments::{EvaluateArguments, ExportArguments, LookArguments, SplitArguments};
use crate::command_line::verbs::warn_of_ignored;
use crate::compare::Finished;
use crate::exchange::evaluate::evaluate as measure;
use crate::exchange::export::export as write_weights;
use crate::exchange::foreign::Foreign;
use crate::exchange::look::Seen;
use crate::exchange::split::ChosenSplit;
use crate::exit::Exit;
use crate::grid::{Grid, Options};
use crate::out;
use crate::run::directory::{RunDir, refuse_in_run};
use crate::run::predictions::Predictions;
use crate::schedule::view::show_download;
use crate::statistics::mcnemar::{discordant, mcnemar};

/// Writes which images a long-tailed split keeps.
pub(crate) fn split(arguments: &SplitArguments) -> anyhow::Result<Exit> {
    let SplitArguments {
        dataset,
        long_tail,
        out,
        data,
    } = arguments;
    let long_tail = long_tail
        .long_tail()
        .context("say how long the tail is, such as `--imbalance 100`, or `--imbalance natural` for all images")?;
    refuse_in_run(out)?;
    dataset.fetch(data.as_deref(), &mut show_download())?;
    let split = ChosenSplit::new(*dataset, long_tail, &dataset.load(data.as_deref())?)?;
    let written = split.write(out)?;
    out::result(&format!(
        "{}{}/{}\n",
        split.in_words(),
        out.display(),
        written.join(", ")
    ))?;
    Ok(Exit::Finished)
}

/// Draws the images of a grid as a network sees them.
pub(crate) fn look(arguments: &LookArguments) -> anyhow::Result<Exit> {
    let LookArguments {
        grid,
        method,
        split,
        images,
        out: path,
        data,
    } = arguments;
    refuse_in_run(path.parent().unwrap_or(Path::new("")))?;
    let options = Options {
        methods: method.clone().map(|method| vec![method]),
        ..Options::default()
    };
    let plan = Grid::load(grid, data.as_deref())?.runs(&options)?;
    warn_of_ignored(&plan, data.as_deref());
    let run = plan.first();
    run.dataset.fetch(data.as_deref(), &mut show_download())?;
    let seen = Seen::of(run, *split, (*images).into(), data.as_deref())?;
    seen.write(path)?;
    out::result(&format!("{}{}\n", seen.classes(), path.display()))?;
    Ok(Exit::Finished)
}

/// Writes a run's network for PyTorch.
pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<Exit> {
    refuse_in_run(arguments.out.parent().unwrap_or(Path::new("")))?;
    let written = write_weights(&arguments.run, &arguments.out)?;
    out::result(&format!("{}\n", written.join("\n")))?;
    Ok(Exit::Finished)
}

/// Measures weights, and compares their predictions with those of a run.
pub(crate) fn evaluate(arguments: &EvaluateArguments) -> anyhow::Result<Exit> {
    let EvaluateArguments {
        weights,
        described,
        against,
        out,
        data,
    } = arguments;
    refuse_in_run(out)?;
    let other = against.as_deref().map(predictions_of).transpose()?;
    let foreign = Foreign::read(weights, &described.stated(), Device::cuda_if_available())?;
    if !foreign.unused.is_empty() {
        out::note(&format!(
            "the network does not use `{}` of {}",
            foreign.unused.join("`, `"),
            weights.display()
        ));
    }
    let dataset = foreign.run.dataset;
    dataset.fetch(data.as_deref(), &mut show_download())?;
    let (measured, predictions) = measure(&foreign, &dataset.load(data.as_deref())?, out)?;
    let mut text = measured.in_words();
    if let Some((name, other)) = other {
        text += &compared(&predictions, &name, &other)?;
    }
    let files =
        "metrics.json, predictions.csv, predictions.npz, logits.npy, confusion.csv, calibration.csv, robustness.csv";
    out::result(&format!("{text}{}/{files}\n", out.display()))?;
    Ok(Exit::Finished)
}

/// Name and predictions of the finished run in `directory`.
fn predictions_of(directory: &Path) -> anyhow::Result<(String, Predictions)> {
    let run_dir = RunDir::at(directory);
    let outcome = run_dir.outcome()?.with_context(|| {
        format!(
            "{} has no outcome; name the directory of a finished run",
            directory.display()
        )
    })?;
    let name = outcome.run.to_string();
    let finished = Finished::new(directory.to_owned(), run_dir.run()?, outcome);
    Ok((name, finished.predictions()?))
}

/// What the difference to the predictions of the run `name` is worth.
fn compared(predictions: &Predictions, name: &str, other: &Predictions) -> anyhow::Result<String> {
    ensure!(
        predictions.labels == other.labels,
        "{name} was tested on other images, so that nothing can be compared; name a run on the same data set"
    );
    let (only_these, only_other) = discordant(&predictions.hits(), &other.hits());
    let images = predictions.labels.len() as f64;
    Ok(format!(
        "{name} classifies {:.2} % correctly: the difference is {:+.2} points; {only_these} images are right only here and {only_other} \
         only there, p = {:.3} (McNemar, of these two networks)\n",
        100.0 * other.accuracy(),
        100.0 * (only_these as f64 - only_other as f64) / images,
        mcnemar(only_these, only_other)
    ))
}
