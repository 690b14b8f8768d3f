//! What the page shows of each run: how it is made again, what it was made with, and where its files are.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::part::Part;
use crate::files;
use crate::grid::Planned;
use crate::run::directory::RunDir;
use crate::run::{Outcome, RunId};

/// A run that was asked for, or that one needs.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    id: RunId,
    method: String,
    imbalance: String,
    seed: i64,
    /// What it is of another run, such as its first stage; missing where the grid lists it.
    role: Option<&'static str>,
    outcome: Part<Finished>,
    /// `config.toml`.
    config: String,
    /// `environment.toml`, as its place in the page's texts.
    environment: Part<usize>,
    /// The indices of its training images, likewise.
    split: Part<usize>,
    /// Names of the files in its folder.
    files: Vec<String>,
}

/// What the page shows of an outcome.
#[derive(Debug, Serialize)]
struct Finished {
    accuracy: f64,
    seconds: f64,
    epochs: i64,
    train_images: i64,
    device: String,
    precision: String,
    threads: u16,
    libtorch: Option<String>,
    commit: String,
    data_digest: String,
    split_digest: String,
    command: String,
}

/// Long texts that many runs share, each once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    kept: Vec<String>,
    places: HashMap<String, usize>,
    /// By split digest.
    splits: HashMap<String, usize>,
    /// Bytes of splits.
    split_bytes: usize,
}

/// Most bytes of lists of training images on a page.
const SPLITS: usize = 1_500_000;

impl Texts {
    fn place(&mut self, text: String) -> usize {
        let Texts { kept, places, .. } = self;
        *places.entry(text).or_insert_with_key(|text| {
            kept.push(text.clone());
            kept.len() - 1
        })
    }

    /// The indices of the run in `run_dir`, read once for each digest.
    fn split(&mut self, run_dir: &RunDir, digest: &str) -> Part<usize> {
        if let Some(&place) = self.splits.get(digest) {
            return Part::Shown(place);
        }
        let text = match read(run_dir, "indices.txt") {
            Ok(text) => text,
            Err(reason) => return Part::Missing(reason),
        };
        if self.split_bytes + text.len() > SPLITS {
            return Part::missing("the lists of this grid's training images are too long for one page; see the file");
        }
        self.split_bytes += text.len();
        let place = self.place(text);
        self.splits.insert(digest.to_owned(), place);
        Part::Shown(place)
    }

    /// In the order of their places.
    pub(super) fn into_kept(self) -> Vec<String> {
        self.kept
    }
}

impl Run {
    /// Of the run `planned` below `out`, with its outcome or the reason why it has none.
    pub(super) fn new(
        out: &Path,
        planned: &Planned,
        role: Option<&'static str>,
        outcome: Result<&Outcome, String>,
        texts: &mut Texts,
    ) -> Run {
        let run = &planned.run;
        let run_dir = RunDir::of(out, &planned.id);
        Run {
            id: planned.id.clone(),
            method: run.name.clone(),
            imbalance: run.imbalance.to_string(),
            seed: run.seed,
            role,
            config: run.config(),
            environment: read(&run_dir, "environment.toml")
                .map_or_else(Part::Missing, |text| Part::Shown(texts.place(text))),
            split: match &outcome {
                Ok(outcome) => texts.split(&run_dir, &outcome.split_digest),
                Err(_) => Part::missing("the run is not finished"),
            },
            files: names(&run_dir),
            outcome: outcome.map_or_else(Part::Missing, |outcome| Part::Shown(Finished::new(outcome))),
        }
    }
}

impl Finished {
    fn new(outcome: &Outcome) -> Finished {
        Finished {
            accuracy: outcome.accuracy_last,
            seconds: outcome.seconds,
            epochs: outcome.epochs,
            train_images: outcome.train_images,
            device: outcome.device.clone(),
            precision: outcome.precision.clone(),
            threads: outcome.threads,
            libtorch: outcome.libtorch.clone(),
            commit: outcome.commit.clone(),
            data_digest: outcome.data_digest.clone(),
            split_digest: outcome.split_digest.clone(),
            command: outcome.command.clone(),
        }
    }
}

fn read(run_dir: &RunDir, name: &str) -> Result<String, String> {
    files::read(&run_dir.path().join(name)).map_err(|error| format!("cannot read {name}: {error}"))
}

/// The files in a run's folder, sorted, without temporary ones.
fn names(run_dir: &RunDir) -> Vec<String> {
    let entries = fs::read_dir(run_dir.path()).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| !name.starts_with('.') && name != "run.lock")
        .collect();
    names.sort();
    names
}
