//! Which part of which grid is meant, and where its results go.

use std::path::PathBuf;

use clap::Args;
use datasets::Dataset;
use methods::Protocol;
use models::Backbone;

use super::values::{backbone, dataset, protocol, spelt};
use crate::grid::Options;
use crate::grid::select::Select;

/// A grid and the part of it that is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct GridArguments {
    /// The grid's file, such as benchmarks/cifar10-lt.toml
    pub(crate) grid: PathBuf,
    /// Another data set than the grid's, with the protocol's defaults for it
    #[arg(long, value_parser = dataset, value_name = "cifar10|cifar100|shapes")]
    dataset: Option<Dataset>,
    /// Another network than the grid's
    #[arg(long, value_parser = backbone, value_name = "resnet8|resnet18|resnet20|resnet32")]
    backbone: Option<Backbone>,
    /// Length of training in epochs: every schedule and start epoch scales with it
    #[arg(long)]
    epochs: Option<i64>,
    /// Only or other seeds, such as 0,1,2
    #[arg(long, value_delimiter = ',')]
    seeds: Option<Vec<i64>>,
    /// Only these methods, such as ce,nc-drw
    #[arg(long, value_delimiter = ',')]
    methods: Option<Vec<String>>,
    /// Only these imbalance ratios, such as 100
    #[arg(long, value_delimiter = ',')]
    imbalance: Option<Vec<f64>>,
    /// Hold so many images of each class out of the training images, for --select val [default: what the grid says]
    #[arg(long, value_name = "PER_CLASS")]
    validation: Option<i64>,
    /// Where defaults come from: the paper's text or its public code [default: what the grid says]
    #[arg(long, value_parser = protocol, value_name = "paper|code")]
    protocol: Option<Protocol>,
    /// Folder of the results [default: results/ and the grid's name, with -cifar100, -resnet18, -code, -30-epochs or -50-held-out where that is asked for]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl GridArguments {
    /// What of the grid is meant.
    pub(crate) fn options(&self) -> Options {
        let GridArguments {
            dataset,
            backbone,
            epochs,
            seeds,
            methods,
            imbalance,
            protocol,
            validation,
            ..
        } = self.clone();
        Options {
            dataset,
            backbone,
            protocol,
            epochs,
            seeds,
            methods,
            imbalance,
            validation,
        }
    }

    /// What is otherwise than the grid's file says, as options and their values.
    fn changes(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("dataset", self.dataset.map(|dataset| dataset.to_string())),
            ("backbone", self.backbone.map(spelt)),
            ("protocol", self.protocol.map(|protocol| protocol.name().to_owned())),
            ("epochs", self.epochs.map(|epochs| epochs.to_string())),
            ("validation", self.validation.map(|per_class| per_class.to_string())),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some((option, value?)))
    }

    /// Where results go: a grid that is trained otherwise than its file says has a folder of its own.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        let suffix = |(option, value)| match option {
            "epochs" => format!("-{value}-epochs"),
            "validation" => format!("-{value}-held-out"),
            _ => format!("-{value}"),
        };
        let suffixes: String = self.changes().map(suffix).collect();
        self.out
            .clone()
            .unwrap_or_else(|| PathBuf::from("results").join(format!("{name}{suffixes}")))
    }

    /// The command that asks for the same, without its choice of runs.
    pub(crate) fn command(&self) -> String {
        let name = self.grid.file_stem().unwrap_or_default().to_string_lossy();
        let options = self.changes().map(|(option, value)| format!("--{option} {value}"));
        let words: Vec<String> = [format!("just reproduce {name}")].into_iter().chain(options).collect();
        words.join(" ")
    }

    /// The command that asks for the same runs, and the same epochs of them.
    pub(crate) fn whole_command(&self, select: Select) -> String {
        let list = |option: &str, values: Option<Vec<String>>| {
            values
                .map(|values| format!(" --{option} {}", values.join(",")))
                .unwrap_or_default()
        };
        let text = |values: &Option<Vec<f64>>| {
            values
                .as_ref()
                .map(|values| values.iter().map(f64::to_string).collect())
        };
        let seeds = self
            .seeds
            .as_ref()
            .map(|seeds| seeds.iter().map(i64::to_string).collect());
        let (methods, imbalance) = (
            list("methods", self.methods.clone()),
            list("imbalance", text(&self.imbalance)),
        );
        // A folder below this one is the same for whoever types it again; another one is a matter of this machine.
        let out = self.out.as_ref().filter(|out| out.is_relative());
        let out = out.map_or(String::new(), |out| format!(" --out {}", out.display()));
        format!(
            "{}{methods}{imbalance}{}{}{out}",
            self.command(),
            list("seeds", seeds),
            select.option()
        )
    }
}
