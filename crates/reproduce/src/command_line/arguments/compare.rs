//! Arguments of `compare` and of `predictions`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::compare::Pairs;

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// Folder of a grid's results, such as out/shapes-lt, or the grid
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// Two methods: the first is compared with the second
    #[arg(num_args = 2, value_names = ["METHOD", "METHOD"])]
    methods: Option<Vec<String>>,
    /// Compare every other method with this one
    #[arg(long, value_name = "METHOD", conflicts_with = "methods")]
    against: Option<String>,
    /// Compare each method with the same one in another folder of results, such as those of yesterday's build
    #[arg(long, value_name = "RESULTS", conflicts_with_all = ["methods", "against"])]
    pub(crate) with: Option<PathBuf>,
    /// Print CSV, with p values and accuracies in 0..1
    #[arg(long)]
    pub(crate) csv: bool,
}

impl CompareArguments {
    pub(crate) fn results(&self) -> PathBuf {
        folder(&self.results)
    }

    /// The methods to compare; `None` if folders are compared.
    pub(crate) fn pairs(&self) -> Option<Pairs> {
        match (&self.methods, &self.against) {
            (Some(methods), _) => Some(Pairs::Methods(methods[0].clone(), methods[1].clone())),
            (None, against) => against.clone().map(Pairs::Against),
        }
    }
}

/// The folder `text`, or the one in `out/` of the grid with this name or in this file.
pub(crate) fn folder(text: &Path) -> PathBuf {
    let is_name = text.components().count() == 1 && !text.is_dir();
    let is_grid = text.extension().is_some_and(|ending| ending == "toml") && text.is_file();
    let name = if is_grid {
        text.file_stem()
    } else {
        Some(text.as_os_str())
    };
    let in_out = Path::new("out").join(name.unwrap_or_default());
    if (is_name || is_grid) && in_out.is_dir() {
        in_out
    } else {
        text.to_owned()
    }
}

#[derive(Args, Debug)]
pub(crate) struct PredictionsArguments {
    /// Directory of a finished run, such as one below out/shapes-lt/runs
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Print every image: label, prediction, its probability, whether the label is among the five largest logits, and the names of
    /// both classes; for photographs also the file
    #[arg(long)]
    pub(crate) csv: bool,
    /// Compute them again from the run's checkpoint, in its precision and with its threads
    #[arg(long)]
    pub(crate) again: bool,
    /// Folder of the data sets, for --again, or of the photographs [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}
