//! A grid file, and the runs it describes.
//!
//! The grid file overrides values of the protocol, and the command line overrides both. Nothing is trained before every value is known
//! and in its range.

pub(crate) mod catalogue;
mod check;
mod complete;
pub(crate) mod describe;
mod error;
mod file;
mod forms;
mod like;
mod listed;
mod named;
mod needs;
mod overrides;
mod plan;
pub(crate) mod published;
mod ratio;
mod read;
mod resolve;
pub(crate) mod select;
pub(crate) mod spelling;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use datasets::{Dataset, Imbalance};
use methods::{Augmentation, Initial, Protocol, Recipe, ShotSplit, StateDict, check_epochs};
use models::Backbone;
use toml::Spanned;

use crate::run::Run;
pub(crate) use catalogue::family;
use check::first_repeated;
use error::Fault;
pub(crate) use error::{GridError, Refusal};
use file::{DatasetEntry, GridFile};
use like::LikeFile;
use named::Named;
use needs::Planner;
pub(crate) use plan::{Beginning, Plan, Planned};
pub(crate) use ratio::Ratio;
use read::{Source, parse};

/// A grid file that has been read and checked.
#[derive(Debug)]
pub(crate) struct Grid {
    name: String,
    /// That of the other grid if it is `like` one.
    source: Source,
    /// What is stated instead then, at places after those of the other's text.
    like: Option<Source>,
    file: GridFile,
    dataset: Dataset,
}

/// The command line's overrides of a grid; `None` keeps the grid's value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Data set.
    pub(crate) dataset: Option<Dataset>,
    /// Network.
    pub(crate) backbone: Option<Backbone>,
    /// Source of the defaults.
    pub(crate) protocol: Option<Protocol>,
    /// Length of the first stage; every schedule and start epoch scales with it.
    pub(crate) epochs: Option<i64>,
    /// Seeds instead of the grid's.
    pub(crate) seeds: Option<Vec<i64>>,
    /// Methods of the grid to run, by name.
    pub(crate) methods: Option<Vec<String>>,
    /// Imbalances of the grid to run, by ratio.
    pub(crate) imbalance: Option<Vec<Ratio>>,
    /// Number of images of each class to hold out.
    pub(crate) validation: Option<i64>,
    /// Weights that the methods without an initial network of their own begin with.
    pub(crate) init: Option<PathBuf>,
}

impl Grid {
    /// Reads and checks a grid file. One that is `like` another is the other one with what it states itself. Photographs that it names are looked up
    /// in the folder `data`.
    ///
    /// # Errors
    /// If it or the photographs cannot be read, or anything in it is refused; the message names the place.
    pub(crate) fn load(path: &Path, data: Option<&Path>) -> Result<Grid, GridError> {
        Grid::load_on(path, data, None)
    }

    /// As [`Grid::load`]; if a data set is `asked` for instead of the grid's, photographs that the grid names are not looked up.
    ///
    /// # Errors
    /// As [`Grid::load`].
    pub(crate) fn load_on(path: &Path, data: Option<&Path>, asked: Option<Dataset>) -> Result<Grid, GridError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (source, like) = LikeFile::read(path)?;
        if catalogue::lists(&source.text) {
            let refusal = "lists methods or recipes that grids name, and no runs; name a grid file, such as \
                           benchmarks/shapes-lt.toml (`reproduce methods` prints the methods)";
            return Err(GridError::Text {
                path: source.path,
                refusal: refusal.to_owned(),
            });
        }
        let mut file: GridFile = parse(&source.path, &source.text)?;
        let like = like.map(|(like, source)| {
            like.over(&mut file);
            source
        });
        let dataset = match (asked, &file.dataset) {
            (Some(asked), DatasetEntry::Photographs(_)) => asked,
            (_, stated) => stated.open(data).map_err(|error| GridError::Photographs {
                path: path.to_owned(),
                error: Box::new(error),
            })?,
        };
        let mut grid = Grid {
            name,
            source,
            like,
            file,
            dataset,
        };
        grid.file.method = grid.file.all_methods().map_err(|fault| grid.place(fault))?;
        grid.file.check().map_err(|fault| grid.place(fault))?;
        match grid.runs(&Options::default()) {
            Err(GridError::File { refusal, .. }) if refusal.is_of_some_runs() => {} // options may leave them out
            checked => drop(checked?),
        }
        Ok(grid)
    }

    /// The stem of the file, which names the folder of results.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its summary has a table of accuracies under Gaussian noise.
    pub(crate) fn has_noise_table(&self) -> bool {
        self.file.noise_table
    }

    /// The augmentation under `protocol` of every method that does not state its own.
    pub(crate) fn augmentation(&self, protocol: Protocol) -> Augmentation {
        let stated = self.file.augmentation.clone();
        stated.unwrap_or_else(|| protocol.augmentation())
    }

    /// The names of its methods, each followed by that of its plug-in twin, under the data set and protocol of `options`.
    pub(crate) fn method_names(&self, options: &Options) -> Vec<String> {
        let dataset = options.dataset.unwrap_or(self.dataset);
        let methods = self.resolve(dataset, options.protocol.unwrap_or(self.file.protocol), None);
        let methods = methods.map_or(Vec::new(), |(_, methods)| methods); // `runs` reports refused ones
        methods.into_iter().map(|named| named.name).collect()
    }

    /// The runs of the grid, with the runs they depend on.
    ///
    /// # Errors
    /// If an option is out of range, names what the grid does not have, or makes a part start after the last epoch.
    pub(crate) fn runs(&self, options: &Options) -> Result<Plan, GridError> {
        self.plan(options).map_err(|error| match (error, options.epochs) {
            (GridError::File { place, refusal }, Some(epochs)) => match *refusal {
                Refusal::LateStart { part, ref method, .. } => {
                    GridError::option(self.too_short(options, epochs, part, method))
                }
                _ => GridError::File { place, refusal },
            },
            (error, _) => error,
        })
    }

    /// The refusal of `options` that leave no epoch for `part` of `method`, with the smallest number of epochs that suits all methods.
    fn too_short(&self, options: &Options, epochs: i64, part: &'static str, method: &str) -> Refusal {
        let longer = |epochs| Options {
            epochs: Some(epochs),
            ..options.clone()
        };
        // With two epochs, every part starts after the first at the latest.
        let smallest = (epochs + 1..epochs + 10).find(|&epochs| self.plan(&longer(epochs)).is_ok());
        Refusal::TooShort {
            part,
            method: method.to_owned(),
            epochs,
            smallest: smallest.unwrap_or(epochs + 1),
        }
    }

    fn plan(&self, options: &Options) -> Result<Plan, GridError> {
        let dataset = options.dataset.unwrap_or(self.dataset);
        let protocol = options.protocol.unwrap_or(self.file.protocol);
        let (mut recipe, mut methods) = self.resolve(dataset, protocol, options.epochs)?;
        if let Some(path) = &options.init {
            begin_with(path, &mut methods)?;
        }
        recipe.backbone = options.backbone.unwrap_or(recipe.backbone);
        let asked = options.methods.as_deref().map(|asked| today(asked, &methods));
        let chosen = self.choose("method", asked.as_deref(), &methods, |named| named.name.clone())?;
        let ratios = options.imbalance.as_deref();
        let imbalances = self.choose("imbalance of ratio", ratios, self.file.imbalance.get_ref(), |entry| {
            Ratio::of(*entry.get_ref())
        })?;
        let seeds = match &options.seeds {
            None => self.file.seeds.get_ref().iter().map(|seed| *seed.get_ref()).collect(),
            Some(seeds) => match first_repeated(seeds) {
                None => seeds.clone(),
                Some(seed) => {
                    let (what, value) = ("seed", seed.to_string());
                    return Err(GridError::option(Refusal::Repeated { what, value }));
                }
            },
        };
        let validation = self.held_out(options.validation, dataset)?;
        let mut plan = Plan::default();
        for named in chosen {
            for imbalance in &imbalances {
                for &seed in &seeds {
                    let run = |name: &str, method| Run {
                        name: name.to_owned(),
                        dataset,
                        protocol,
                        seed,
                        selection: self.file.selection,
                        imbalance: *imbalance.get_ref(),
                        validation,
                        shots: self
                            .file
                            .shots
                            .as_ref()
                            .map_or_else(ShotSplit::default, |shots| *shots.get_ref()),
                        recipe: recipe.clone(),
                        method,
                    };
                    let mut planner = Planner {
                        methods: &methods,
                        run: &run,
                        plan: &mut plan,
                    };
                    let id = planner.plan(named).map_err(|fault| self.place(fault))?;
                    self.check_class_counts(&plan[&id], named, imbalance)?;
                    plan.ask(&id);
                }
            }
        }
        plan.begin_with(options.init.clone());
        plan.share_beginnings();
        Ok(plan)
    }

    /// Refuses an `imbalance` that leaves a class empty or fewer images than a batch has, and class sizes that do not suit the method
    /// `named`.
    fn check_class_counts(&self, run: &Run, named: &Named, imbalance: &Spanned<Imbalance>) -> Result<(), GridError> {
        let class_counts = run.class_counts().map_err(|error| {
            let held_out = run.validation.map(|validation| {
                let (held_out, all) = (validation.per_class, run.dataset.facts().smallest_class());
                format!(", or hold out fewer than {held_out} of the {all} images of a class for validation")
            });
            let of_photographs = matches!(run.dataset, Dataset::Photographs(_));
            let limit =
                of_photographs.then(|| format!("; no class keeps more than {}", describe::smallest(run.dataset)));
            let remedies = held_out.unwrap_or_default() + &limit.unwrap_or_default();
            let refusal = Refusal::Imbalance(error.to_string() + &remedies);
            self.place(Fault::new(imbalance.span(), refusal))
        })?;
        let (batch_size, samples) = (run.recipe.batch_size, class_counts.iter().sum());
        if batch_size > samples {
            let stated = self.file.recipe.stated.span(&["batch_size"]);
            let span = if stated.is_empty() { imbalance.span() } else { stated };
            return Err(self.place(Fault::new(span, Refusal::Batch { batch_size, samples })));
        }
        named
            .method
            .check_class_counts(&class_counts)
            .map_err(|error| self.place(Fault::new(named.span.clone(), error.into())))
    }

    /// The recipe and all methods on `dataset` under `protocol`, scaled to `epochs` if given.
    fn resolve(
        &self,
        dataset: Dataset,
        protocol: Protocol,
        epochs: Option<i64>,
    ) -> Result<(Recipe, Vec<Named>), GridError> {
        let mut recipe = self.file.resolve_recipe(protocol).map_err(|fault| self.place(fault))?;
        let mut methods = self
            .file
            .resolve_methods(dataset, protocol)
            .map_err(|fault| self.place(fault))?;
        if let Some(epochs) = epochs {
            check_epochs("--epochs", epochs).map_err(|error| GridError::option(error.into()))?;
            for named in &mut methods {
                named.method = named.method.scaled_to(epochs, recipe.epochs);
            }
            recipe = recipe.scaled_to(epochs);
        }
        Ok((recipe, methods))
    }

    /// The entries of the grid that `asked` names, in the grid's order; all entries if it is `None`.
    fn choose<'a, Entry, Key: PartialEq + Display>(
        &self,
        what: &'static str,
        asked: Option<&[Key]>,
        entries: &'a [Entry],
        key: impl Fn(&Entry) -> Key,
    ) -> Result<Vec<&'a Entry>, GridError> {
        let Some(asked) = asked else {
            return Ok(entries.iter().collect());
        };
        let keys: Vec<Key> = entries.iter().map(&key).collect();
        if let Some(value) = first_repeated(asked) {
            let value = value.to_string();
            return Err(GridError::option(Refusal::Repeated { what, value }));
        }
        if let Some(missing) = asked.iter().find(|asked| !keys.contains(asked)) {
            let known: Vec<String> = keys.iter().map(Key::to_string).collect();
            let (grid, value) = (self.name.clone(), missing.to_string());
            let known = known.join(", ") + &spelling::hint(&value, &known);
            return Err(GridError::option(Refusal::NotInGrid {
                grid,
                what,
                value,
                known,
            }));
        }
        Ok(entries.iter().filter(|entry| asked.contains(&key(entry))).collect())
    }

    fn place(&self, fault: Fault) -> GridError {
        let start = fault.span.start;
        match (&self.like, start.checked_sub(self.source.after())) {
            (Some(like), Some(start)) => like.refusal(start, fault),
            _ => self.source.refusal(start, fault),
        }
    }
}

/// Gives the methods that begin with random weights those of the file at `path`.
fn begin_with(path: &Path, methods: &mut [Named]) -> Result<(), GridError> {
    StateDict::open(path).map_err(|error| {
        GridError::option(Refusal::Weights {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    })?;
    let random = methods.iter_mut().filter(|named| named.method.initial.is_none());
    for named in random {
        named.method.initial = Some(Initial::Checkpoint {
            path: path.to_owned(),
            sha256: None,
        });
    }
    Ok(())
}

/// The names `asked` for, with names of earlier grids replaced by today's.
fn today(asked: &[String], methods: &[Named]) -> Vec<String> {
    let today = |asked: &String| {
        let is_known = methods.iter().any(|named| named.name == *asked);
        let renamed = methods.iter().find(|named| named.earlier_names().contains(asked));
        let renamed = renamed.filter(|_| !is_known);
        renamed.map_or(asked, |named| &named.name).clone()
    };
    asked.iter().map(today).collect()
}

#[cfg(test)]
mod tests;
