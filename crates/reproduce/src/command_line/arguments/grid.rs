//! Arguments that select a grid, a part of it, and the folder of its results.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use datasets::Dataset;
use methods::Protocol;
use models::Backbone;

use super::values::{backbone, dataset, grid, protocol, whole_number};
use crate::command_line::quote;
use crate::grid::select::Select;
use crate::grid::{Grid, GridError, Options, Ratio};

/// A grid's file, or the name of one.
pub(crate) fn grid_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|text| grid(&text))
}

/// A grid, and which part of it.
#[derive(Args, Clone, Debug)]
pub(crate) struct GridArguments {
    /// The grid's file, such as my-grid.toml, or the name of one in benchmarks/, such as cifar10-lt
    #[arg(value_parser = grid_file())]
    pub(crate) grid: PathBuf,
    /// Data set instead of the grid's, with the protocol's defaults for it
    #[arg(long, value_parser = dataset())]
    dataset: Option<Dataset>,
    /// Network instead of the grid's
    #[arg(long, value_parser = backbone())]
    backbone: Option<Backbone>,
    /// Length of training in epochs: every schedule and start epoch scales with it
    #[arg(long, value_parser = whole_number)]
    epochs: Option<i64>,
    /// Seeds instead of the grid's, such as 0,1,2
    #[arg(long, value_delimiter = ',', value_parser = whole_number, allow_hyphen_values = true)]
    pub(crate) seeds: Option<Vec<i64>>,
    /// Only these methods, such as ce,nc-drw
    #[arg(long, value_delimiter = ',')]
    pub(crate) methods: Option<Vec<String>>,
    /// Only these imbalance ratios, such as 100, or natural
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) imbalance: Option<Vec<Ratio>>,
    /// Number of images per class to hold out of the training images, for --select val [default: the grid's]
    #[arg(long, value_name = "PER_CLASS", value_parser = whole_number)]
    validation: Option<i64>,
    /// Weights to begin with instead of random ones: a state dict of PyTorch saved as safetensors, or a run's checkpoint
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// Source of the defaults: the paper's text or its public code [default: the grid's]
    #[arg(long, value_parser = protocol())]
    protocol: Option<Protocol>,
    /// Folder of the results [default: out/ and the grid's name, with -cifar100, -resnet18, -code, -30-epochs, -50-held-out or -from-weights where that is asked for]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Folder of the data sets, or of the grid's photographs [default: $LONGTAIL_DATA, else data/]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl GridArguments {
    /// The command line's overrides of the grid.
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
            init,
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
            init,
        }
    }

    /// Reads the grid, and looks up its photographs unless another data set is asked for.
    ///
    /// # Errors
    /// If either is refused.
    pub(crate) fn load(&self) -> Result<Grid, GridError> {
        Grid::load_on(&self.grid, self.data.as_deref(), self.dataset)
    }

    /// These arguments, and the same for each of the `further` grids.
    pub(crate) fn and(&self, further: &[PathBuf]) -> Vec<GridArguments> {
        let others = further.iter().map(|grid| GridArguments {
            grid: grid.clone(),
            ..self.clone()
        });
        [self.clone()].into_iter().chain(others).collect()
    }

    /// The options that change settings of the grid, with their values.
    fn changes(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("dataset", self.dataset.map(|dataset| dataset.to_string())),
            (
                "backbone",
                self.backbone.map(|backbone| backbone.as_written().to_owned()),
            ),
            ("protocol", self.protocol.map(|protocol| protocol.name().to_owned())),
            ("epochs", self.epochs.map(|epochs| epochs.to_string())),
            ("validation", self.validation.map(|per_class| per_class.to_string())),
            ("init", self.init.as_ref().map(|path| path.display().to_string())),
        ]
        .into_iter()
        .filter_map(|(option, value)| Some((option, value?)))
    }

    /// The folder of the results: a grid with changed settings has a folder of its own.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        let suffix = |(option, value)| match option {
            "epochs" => format!("-{value}-epochs"),
            "validation" => format!("-{value}-held-out"),
            "init" => {
                let stem = Path::new(&value).file_stem().unwrap_or_default();
                format!("-from-{}", stem.to_string_lossy())
            }
            _ => format!("-{value}"),
        };
        let suffixes: String = self.changes().map(suffix).collect();
        self.out
            .clone()
            .unwrap_or_else(|| PathBuf::from("out").join(format!("{name}{suffixes}")))
    }

    /// The `run` command for the same grid and settings, without the selection of runs and the folder of results, quoted for a shell in
    /// this directory.
    pub(crate) fn command(&self) -> String {
        self.command_of("run")
    }

    /// The command of `verb` (`run` or `report`) for the same grid and settings. A grid in the checkout's `benchmarks/` is given
    /// by its name, any other by its path.
    fn command_of(&self, verb: &str) -> String {
        let recipe = if verb == "run" { "reproduce" } else { verb };
        let begin = match self.benchmark() {
            Some(name) => format!("just {recipe} {}", quote::shell(name)),
            None => format!(
                "reproduce {verb} {}",
                quote::shell(self.found_by_name().unwrap_or(&self.grid))
            ),
        };
        let options = self
            .changes()
            .map(|(option, value)| format!("--{option} {}", quote::shell(value)));
        let words: Vec<String> = [begin].into_iter().chain(options).collect();
        words.join(" ")
    }

    /// The grid's name, if `just` finds this grid by it.
    fn benchmark(&self) -> Option<&str> {
        let name = self.grid.file_stem()?.to_str()?;
        let file = format!("benchmarks/{name}.toml");
        let is_it = fs::canonicalize(&self.grid).ok()? == fs::canonicalize(file).ok()?;
        (is_it && Path::new("justfile").is_file()).then_some(name)
    }

    /// The grid's name, if it was found by it outside of the working directory: in a wheel or a checkout elsewhere.
    fn found_by_name(&self) -> Option<&Path> {
        let name = Path::new(self.grid.file_stem()?);
        (self.grid.is_absolute() && grid(name.as_os_str()) == self.grid).then_some(name)
    }

    /// The command of `verb` (`run` or `report`) for the same runs, the same selection of epochs and the same folder.
    pub(crate) fn whole_command(&self, verb: &str, select: Select) -> String {
        fn joined<T: ToString>(values: &[T]) -> String {
            let values: Vec<String> = values.iter().map(T::to_string).collect();
            quote::shell(values.join(","))
        }
        let mut command = self.command_of(verb);
        for (option, values) in [
            ("methods", self.methods.as_deref().map(joined)),
            ("imbalance", self.imbalance.as_deref().map(joined)),
            ("seeds", self.seeds.as_deref().map(joined)),
        ] {
            command += &values.map_or(String::new(), |values| format!(" --{option} {values}"));
        }
        command += select.option();
        command
            + &self
                .out
                .as_ref()
                .map_or(String::new(), |out| format!(" --out {}", quote::shell(out)))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        grid: GridArguments,
    }

    fn asked(words: &[&OsStr]) -> GridArguments {
        let words = [OsStr::new("reproduce")].into_iter().chain(words.iter().copied());
        Line::try_parse_from(words).expect("sound arguments").grid
    }

    #[test]
    fn the_command_names_the_file_and_quotes_every_word() {
        let grid = asked(
            &[
                "my grids/it's.toml",
                "--seeds",
                "-1,2",
                "--out",
                "my runs 50%_a",
                "--epochs",
                "30",
            ]
            .map(OsStr::new),
        );
        assert_eq!(grid.command(), r"reproduce run 'my grids/it'\''s.toml' --epochs 30");
        assert_eq!(
            grid.whole_command("report", Select::Val),
            r"reproduce report 'my grids/it'\''s.toml' --epochs 30 --seeds -1,2 --select val --out 'my runs 50%_a'"
        );
        let no_text = asked(&[OsStr::from_bytes(b"\xe9.toml")]);
        assert_eq!(
            no_text.command(),
            r#"reproduce run "$(printf '\351\056\164\157\155\154')""#
        );
    }
}
