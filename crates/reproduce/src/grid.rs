//! Grid: what a person writes, and the runs it means.
//!
//! Values come from the protocol, over them from the grid file, over those from the command line. Nothing is trained
//! before every value is known and in its range.

mod augmentation;
mod catalogue;
mod check;
pub(crate) mod describe;
mod error;
mod file;
mod needs;
mod overrides;
pub(crate) mod published;
mod resolve;
pub(crate) mod select;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use datasets::{Dataset, Imbalance};
use methods::{Protocol, Recipe};
use models::Backbone;
use toml::Spanned;

use crate::grid::published::Published;
use crate::grid::select::Select;
use crate::run::Run;
pub(crate) use catalogue::catalogue;
use check::first_repeated;
use error::{Fault, Place};
pub(crate) use error::{GridError, Refusal};
use file::GridFile;
use needs::Planner;
pub(crate) use needs::Role;
use resolve::Named;

/// A grid file that has been read and checked.
#[derive(Debug)]
pub(crate) struct Grid {
    path: PathBuf,
    name: String,
    text: String,
    file: GridFile,
}

/// What the command line lays over a grid; `None` leaves the grid as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// What is trained on.
    pub(crate) dataset: Option<Dataset>,
    /// The network.
    pub(crate) backbone: Option<Backbone>,
    /// Where defaults come from.
    pub(crate) protocol: Option<Protocol>,
    /// Length of the first stage; every schedule and start epoch scales with it.
    pub(crate) epochs: Option<i64>,
    /// Instead of the grid's.
    pub(crate) seeds: Option<Vec<i64>>,
    /// Those of the grid's, by name.
    pub(crate) methods: Option<Vec<String>>,
    /// Those of the grid's, by ratio.
    pub(crate) imbalance: Option<Vec<f64>>,
}

/// A run, and those that it needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// What is asked for.
    pub(crate) run: Run,
    /// What must be finished before: of a second stage the first one, else what it begins with and who teaches it.
    pub(crate) needs: Vec<(Role, Planned)>,
}

impl Planned {
    /// The run that it needs as its `role`.
    #[cfg(test)]
    pub(crate) fn needed(&self, role: Role) -> Option<&Run> {
        let found = self.needs.iter().find(|(other, _)| *other == role);
        found.map(|(_, planned)| &planned.run)
    }

    /// Itself and all that it needs, directly or not, each after what it needs.
    pub(crate) fn in_order(&self) -> Vec<&Planned> {
        let needed = self.needs.iter().flat_map(|(_, planned)| planned.in_order());
        needed.chain([self]).collect()
    }
}

impl Grid {
    /// Reads and checks a grid file.
    ///
    /// # Errors
    /// If it cannot be read, or anything in it is refused; the message says where.
    pub(crate) fn load(path: &Path) -> Result<Grid, GridError> {
        let text = std::fs::read_to_string(path).map_err(|source| GridError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file: GridFile = toml::from_str(&text).map_err(|error| GridError::File {
            place: Place::new(path.to_owned(), &text, error.span().map_or(0, |span| span.start)),
            refusal: Box::new(Refusal::Toml(error.message().to_owned())),
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let grid = Grid {
            path: path.to_owned(),
            name,
            text,
            file,
        };
        grid.file.check().map_err(|fault| grid.place(fault))?;
        grid.runs(&Options::default())?;
        Ok(grid)
    }

    /// The file's stem, which names the directory of results.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses to select epochs on a validation split that the grid does not hold out.
    ///
    /// # Errors
    /// If that is so.
    pub(crate) fn check_select(&self, select: Select) -> Result<(), GridError> {
        if select == Select::Val && self.file.validation.is_none() {
            return Err(GridError::option(Refusal::NothingToSelectOn(self.name.clone())));
        }
        Ok(())
    }

    /// The runs it means, in the order of the file: method, then its plug-in twin × imbalance × seed.
    ///
    /// # Errors
    /// If an option is out of range, names what the grid does not have, or makes a part start after the last epoch.
    pub(crate) fn runs(&self, options: &Options) -> Result<Vec<Planned>, GridError> {
        let dataset = options.dataset.unwrap_or(self.file.dataset);
        let protocol = options.protocol.unwrap_or(self.file.protocol);
        let (mut recipe, methods) = self.resolve(dataset, protocol, options.epochs)?;
        recipe.backbone = options.backbone.unwrap_or(recipe.backbone);
        let chosen = self.choose("method", options.methods.as_deref(), &methods, |named| {
            named.name.clone()
        })?;
        let ratios = options.imbalance.as_deref();
        let imbalances = self.choose("imbalance of ratio", ratios, self.file.imbalance.get_ref(), |entry| {
            entry.get_ref().ratio()
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
        let mut planned = Vec::new();
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
                        validation: self.file.validation.as_ref().map(|validation| *validation.get_ref()),
                        shots: self.file.shots,
                        recipe: recipe.clone(),
                        method,
                    };
                    let planner = Planner {
                        methods: &methods,
                        run: &run,
                    };
                    let of_it = planner.plan(named).map_err(|fault| self.place(fault))?;
                    self.check_class_counts(&of_it.run, named, imbalance)?;
                    planned.push(of_it);
                }
            }
        }
        Ok(planned)
    }

    /// Refuses an `imbalance` that leaves a class empty, and class sizes that do not suit the method `named`.
    fn check_class_counts(&self, run: &Run, named: &Named, imbalance: &Spanned<Imbalance>) -> Result<(), GridError> {
        let class_counts = run.class_counts().map_err(|error| {
            let refusal = Refusal::Imbalance(error.to_string());
            self.place(Fault::new(imbalance.span(), refusal))
        })?;
        named
            .method
            .check_class_counts(&class_counts)
            .map_err(|error| self.place(Fault::new(named.span.clone(), error.into())))
    }

    /// Recipe and all methods on `dataset` under `protocol`, in a training of `epochs` if given.
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
            if epochs < 1 {
                let (name, value) = ("--epochs", epochs as f64);
                return Err(GridError::option(Refusal::Setting {
                    name,
                    value,
                    expected: "1 or more",
                }));
            }
            let factor = epochs as f64 / recipe.epochs as f64;
            recipe = recipe.scaled_to(epochs);
            for named in &mut methods {
                named.method = named.method.scaled(factor);
            }
        }
        Ok((recipe, methods))
    }

    /// The entries of the grid that `asked` names, in the grid's order; all if nothing is asked.
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
        if let Some(missing) = asked.iter().find(|asked| !keys.contains(asked)) {
            let known: Vec<String> = keys.iter().map(Key::to_string).collect();
            let (grid, value, known) = (self.name.clone(), missing.to_string(), known.join(", "));
            return Err(GridError::option(Refusal::NotInGrid {
                grid,
                what,
                value,
                known,
            }));
        }
        Ok(entries.iter().filter(|entry| asked.contains(&key(entry))).collect())
    }

    /// The published number that the grid sets beside `run`.
    pub(crate) fn published(&self, run: &Run) -> Option<&'static Published> {
        let source = self.file.published_source.as_ref()?.get_ref();
        let (name, twin) = match run.name.strip_suffix("+nc") {
            Some(name) => (name, true),
            None => (run.name.as_str(), false),
        };
        let entry = self.file.method.iter().find(|entry| entry.name.get_ref() == name)?;
        let published = if twin {
            &entry.published_with_plug_in
        } else {
            &entry.published
        };
        let (method, recipe) = (published.as_ref()?.get_ref(), &run.recipe);
        published::find(
            source,
            method,
            run.dataset,
            run.imbalance,
            recipe.backbone,
            recipe.epochs,
        )
    }

    fn place(&self, fault: Fault) -> GridError {
        let place = Place::new(self.path.clone(), &self.text, fault.span.start);
        GridError::File {
            place,
            refusal: Box::new(fault.refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use methods::{LearningRate, Regularizer, Reweight, SecondStage};

    use super::*;

    const GRID: &str = r#"
dataset = "cifar10"
imbalance = [{ exponential = { ratio = 100 } }, { step = { ratio = 10 } }]
seeds = [0, 1]
[[method]]
name = "ce"
[[method]]
name = "ce-drw"
[method.uses]
reweight = { class-balanced = { beta = 0.99 } }
[[method]]
name = "ce-drw-crt"
[method.uses]
reweight = { class-balanced = { beta = 0.99 } }
second_stage = { crt = { epochs = 20 } }
"#;

    fn load(text: &str) -> Result<Grid, GridError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("small.toml");
        fs::write(&path, text).expect("a small file");
        Grid::load(&path)
    }

    fn runs(text: &str, options: &Options) -> Vec<Planned> {
        load(text).and_then(|grid| grid.runs(options)).expect("a sound grid")
    }

    /// The message that `text` is refused with, from the line number on.
    fn refusal(text: &str) -> String {
        let message = load(text).expect_err("a refused grid").to_string();
        message
            .split_once("small.toml:")
            .expect("every message names the file")
            .1
            .to_owned()
    }

    fn option_refusal(options: &Options) -> String {
        load(GRID)
            .and_then(|grid| grid.runs(options))
            .expect_err("refused options")
            .to_string()
    }

    fn names(planned: &[Planned]) -> Vec<&str> {
        planned.iter().map(|planned| planned.run.name.as_str()).collect()
    }

    #[test]
    fn runs_are_in_the_order_of_the_file_seeds_fastest() {
        let planned = runs(GRID, &Options::default());
        let order: Vec<(&str, f64, i64)> = planned
            .iter()
            .map(|Planned { run, .. }| (run.name.as_str(), run.imbalance.ratio(), run.seed))
            .collect();
        assert_eq!(
            order[..5],
            [
                ("ce", 100.0, 0),
                ("ce", 100.0, 1),
                ("ce", 10.0, 0),
                ("ce", 10.0, 1),
                ("ce-drw", 100.0, 0)
            ]
        );
        assert_eq!(order.len(), 12);
    }

    #[test]
    fn new_kinds_of_augmentation_leave_the_names_of_earlier_runs_as_they_were() {
        let planned = runs(GRID, &Options::default());
        let settings = "[method.augmentation]\ncrop_and_flip = true\n\n[method.augmentation.mixup]\nalpha = 0.2\n";
        assert!(
            planned[0].run.config().contains(settings),
            "{}",
            planned[0].run.config()
        );
        assert_eq!(
            planned[0].run.id(),
            "ce.r100.s0.4edf1819",
            "or it would be trained again"
        );
    }

    #[test]
    fn what_a_grid_leaves_out_is_the_protocols_and_what_it_states_is_its_own() {
        let planned = runs(GRID, &Options::default());
        assert_eq!(planned[0].run.recipe, Protocol::Paper.recipe());
        assert_eq!(planned[0].run.method.augmentation, Protocol::Paper.augmentation());
        assert_eq!(
            planned[4].run.method.reweight,
            Some(Reweight::ClassBalanced {
                beta: 0.99,
                start_epoch: 160
            })
        );
        let Some(SecondStage::Crt(retraining)) = &planned[8].run.method.second_stage else {
            panic!("ce-drw-crt has a second stage")
        };
        assert_eq!((retraining.epochs, retraining.weight_decay), (20, 5e-4));
    }

    #[test]
    fn another_protocol_changes_only_what_the_grid_leaves_out() {
        let planned = runs(
            GRID,
            &Options {
                protocol: Some(Protocol::Code),
                ..Options::default()
            },
        );
        assert_eq!(planned[0].run.recipe, Protocol::Code.recipe());
        assert_eq!(
            planned[4].run.method.reweight,
            Some(Reweight::ClassBalanced {
                beta: 0.99,
                start_epoch: 180
            })
        );
    }

    #[test]
    fn recipe_states_only_what_differs() {
        let text = GRID.replace(
            "[[method]]\nname = \"ce\"\n",
            "[recipe]\nweight_decay = 0\n[[method]]\nname = \"ce\"\n",
        );
        let planned = runs(&text, &Options::default());
        assert_eq!(
            planned[0].run.recipe,
            Recipe {
                weight_decay: 0.0,
                ..Protocol::Paper.recipe()
            }
        );
    }

    #[test]
    fn plug_in_runs_every_method_again_right_after_itself() {
        let text = GRID.replace("seeds =", "plug_in = { nc = { lambda_2 = 0.3 } }\nseeds =");
        let options = Options {
            imbalance: Some(vec![100.0]),
            seeds: Some(vec![7]),
            ..Options::default()
        };
        let planned = runs(&text, &options);
        assert_eq!(
            names(&planned),
            ["ce", "ce+nc", "ce-drw", "ce-drw+nc", "ce-drw-crt", "ce-drw-crt+nc"]
        );
        let config = nc::Config {
            lambda_2: 0.3,
            ..nc::Config::default()
        };
        assert_eq!(planned[1].run.method.regularizer, Some(Regularizer::Nc(config)));
        assert_eq!(
            planned[5].needed(Role::FirstStage).map(|run| run.name.as_str()),
            Some("ce-drw+nc")
        );
    }

    #[test]
    fn first_stage_is_the_run_of_the_method_with_those_parts_to_the_letter() {
        let planned = runs(GRID, &Options::default());
        assert_eq!(planned[0].needs, []);
        assert_eq!(planned[8].needed(Role::FirstStage), Some(&planned[4].run));
        let alone = runs(
            GRID,
            &Options {
                methods: Some(vec!["ce-drw-crt".to_owned()]),
                ..Options::default()
            },
        );
        assert_eq!(
            alone[0].needed(Role::FirstStage).map(Run::config),
            Some(planned[4].run.config())
        );
    }

    #[test]
    fn first_stage_that_no_method_is_is_shared_by_the_methods_that_need_it() {
        let text = GRID.replace(
            "name = \"ce-drw\"\n[method.uses]\n",
            "name = \"a\"\n[method.uses]\nsecond_stage = { crt = {} }\n",
        );
        let planned = runs(
            &text,
            &Options {
                imbalance: Some(vec![10.0]),
                ..Options::default()
            },
        );
        assert_eq!(names(&planned), ["ce", "ce", "a", "a", "ce-drw-crt", "ce-drw-crt"]);
        assert_eq!(
            planned[2].needed(Role::FirstStage).map(|run| run.name.as_str()),
            Some("a~stage1")
        );
        assert_eq!(planned[2].needs, planned[4].needs);
    }

    #[test]
    fn fewer_epochs_scale_every_schedule_but_not_the_second_stage() {
        let options = Options {
            epochs: Some(30),
            ..Options::default()
        };
        let planned = runs(GRID, &options).remove(8);
        let run = &planned.run;
        assert_eq!((run.recipe.epochs, run.recipe.warmup_epochs), (30, 1));
        let steps = LearningRate::MultiStep {
            initial: 0.1,
            factor: 0.1,
            epochs: vec![24, 27],
        };
        assert_eq!(run.recipe.learning_rate, steps);
        assert_eq!(
            run.method.reweight,
            Some(Reweight::ClassBalanced {
                beta: 0.99,
                start_epoch: 24
            })
        );
        assert_eq!(run.epochs(), 20);
        assert_eq!(
            planned.needed(Role::FirstStage).map(|run| run.name.as_str()),
            Some("ce-drw")
        );
    }

    #[test]
    fn options_that_the_grid_does_not_have_are_refused_with_what_it_has() {
        let methods = Some(vec!["ce".to_owned(), "nc".to_owned()]);
        assert_eq!(
            option_refusal(&Options {
                methods,
                ..Options::default()
            }),
            "grid small has no method `nc`; it has ce, ce-drw, ce-drw-crt"
        );
        assert_eq!(
            option_refusal(&Options {
                imbalance: Some(vec![50.0]),
                ..Options::default()
            }),
            "grid small has no imbalance of ratio `50`; it has 100, 10"
        );
        assert_eq!(
            option_refusal(&Options {
                seeds: Some(vec![4, 4]),
                ..Options::default()
            }),
            "seed 4 is stated twice; state it once"
        );
        assert_eq!(
            option_refusal(&Options {
                epochs: Some(0),
                ..Options::default()
            }),
            "`--epochs` is 0; set it to 1 or more"
        );
    }

    #[test]
    fn a_training_too_short_for_a_part_of_its_method_is_refused() {
        let two_epochs = Options {
            epochs: Some(2),
            ..Options::default()
        };
        let methods = Some(vec!["ce".to_owned()]);
        let others = Options {
            methods,
            ..two_epochs.clone()
        };
        assert_eq!(runs(GRID, &others)[0].run.epochs(), 2, "others are not held up");
        let message = option_refusal(&two_epochs);
        assert!(
            message.ends_with(
                "small.toml:8:8: `reweight` of `ce-drw` would start at epoch 2, but the last of 2 epochs is 1; state an \
                 earlier start_epoch or train for longer"
            ),
            "{message}"
        );
    }

    #[test]
    fn mistakes_are_refused_with_their_place_and_a_remedy() {
        let with = |from: &str, to: &str| refusal(&GRID.replace(from, to));
        assert_eq!(
            with("seeds = [0, 1]", "seeds = []"),
            "4:9: no seeds; state at least one"
        );
        assert_eq!(
            with("seeds = [0, 1]", "seeds = [0, 1, 0]"),
            "4:16: seed 0 is stated twice; state it once"
        );
        assert_eq!(
            with("\"ce-drw-crt\"", "\"ce\""),
            "12:8: method ce is stated twice; state it once"
        );
        assert_eq!(
            with("ratio = 100", "ratio = 0.5"),
            "3:14: `ratio` is 0.5; set it to a finite number, 1 or above"
        );
        assert_eq!(
            with("\"ce-drw-crt\"", "\"../ce\""),
            "12:8: method name `../ce` cannot name a directory; use letters, digits, `-`, `_` and `.`, and begin with a \
             letter"
        );
        assert_eq!(
            with("cifar10", "cifar11"),
            "2:11: unknown variant `cifar11`, expected one of `cifar10`, `cifar100`, `shapes`"
        );
        assert_eq!(
            with("beta = 0.99", "bta = 0.99"),
            "10:33: `bta`: unknown field `bta`, expected `beta` or `start_epoch`"
        );
        assert_eq!(
            with("beta = 0.99", "beta = \"high\""),
            "10:33: `beta`: invalid type: string \"high\", expected f64"
        );
        assert_eq!(
            with("beta = 0.99", "beta = 1"),
            "10:33: `class-balanced.beta` is 1; set it to 0 or more, below 1"
        );
        assert_eq!(
            with("crt = { epochs = 20 }", "crt = { epochs = 0 }"),
            "15:26: `epochs` is 0; set it to 1 or more"
        );
        assert_eq!(
            with("crt = {", "retrain = {"),
            "15:18: unknown variant `retrain`, expected one of `crt`, `lws`, `mislas`, `dis-align`, \
             `weight-balancing`, `tau-normalization`, `logit-adjustment`, `nearest-class-mean`, `expert-assignment`"
        );
        assert_eq!(
            with("seeds =", "plug_in = { nc = { lambda_1 = -1 } }\nseeds ="),
            "4:20: `lambda_1` is -1; set it to a finite number, 0 or above"
        );
        let augmented = |keys: &str| with("seeds =", &format!("augmentation = {{ {keys} }}\nseeds ="));
        assert_eq!(
            augmented("mixup = { alpha = 0.2 }, cmo = {}"),
            "4:16: `mixup` and `cmo` would both mix the batch; state one of them"
        );
        assert_eq!(
            augmented("remix = { kappa = 0.5 }"),
            "7:8: `remix.kappa` is 0.5; set it to 1 or more"
        );
        assert_eq!(
            augmented("policy = { rand-augment = { magnitude = 11 } }"),
            "7:8: `rand-augment.magnitude` is 11; set it to 0 to 10"
        );
        assert_eq!(
            augmented("cmo = { start_epoch = 197 }"),
            "7:8: `cmo.last_plain_epochs` is 3; set it to fewer than the epochs from `cmo.start_epoch` on, or train for \
             longer"
        );
        assert_eq!(
            with("seeds =", "sedes ="),
            "4:1: unknown field `sedes`, expected one of `dataset`, `protocol`, `selection`, `validation`, `shots`, `imbalance`, `seeds`, \
             `plug_in`, `published_source`, `augmentation`, `recipe`, `method`"
        );
    }

    #[test]
    fn losses_samplers_and_re_weightings_are_spelt_in_the_fields_words() {
        for (uses, parts) in [
            ("loss = \"balanced-softmax\"", "balanced softmax"),
            (
                "loss = { label-aware-smoothing = { head = 0.4, tail = 0.1, shape = \"concave\" } }",
                "label-aware smoothing (ε 0.4 to 0.1, concave)",
            ),
            (
                "loss = { ldam = { max_margin = 0.5, scale = 30 } }\nhead = \"cosine\"",
                "LDAM (margin 0.5, scale 30), cosine head",
            ),
            (
                "sampler = { class-aware = { samples_per_turn = 4 } }",
                "cross-entropy, class-aware sampling (4 images a turn)",
            ),
            (
                "resample = { sampler = \"class-balanced\", start_epoch = 160 }",
                "cross-entropy, class-balanced sampling from epoch 160",
            ),
            (
                "reweight = { inverse-frequency = { power = 0.5, start_epoch = 0 } }",
                "cross-entropy, re-weighted from epoch 0 (inverse frequency, power 0.5)",
            ),
        ] {
            let planned = runs(
                &format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"),
                &Options::default(),
            );
            let last = &planned.last().expect("runs of `x`").run;
            assert_eq!(crate::grid::describe::parts(&last.method), parts);
        }
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        let with = |uses: &str| refusal(&format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"));
        assert_eq!(
            with("loss = { ldam = { max_margin = 0.5, scale = 30 } }"),
            "17:8: loss `ldam` subtracts its margins from cosines, but the head is not the cosine one; set \
             head = \"cosine\" or choose another loss"
        );
        assert_eq!(
            with("loss = { influence-balanced = { alpha = 1000, start_epoch = 200 } }"),
            "17:8: `loss` of `x` would start at epoch 200, but the last of 200 epochs is 199; state an earlier \
             start_epoch or train for longer"
        );
        assert_eq!(
            with("reweight = { cost-sensitive = { power = -1, start_epoch = 0 } }"),
            "17:8: `cost-sensitive.power` is -1; set it to a number, 0 or above"
        );
    }

    #[test]
    fn another_data_set_brings_its_own_defaults_and_class_sizes() {
        let text = format!(
            "{GRID}[[method]]\nname = \"rare\"\n[method.uses]\nregularizer = {{ nc = {{}} }}\nloss = {{ \
             sigmoid-equalization = {{ rare_count = 60 }} }}\n"
        );
        let grid = load(&text.replace("10 }", "100 }")).expect("a grid with a class of 50 images");
        let on = |dataset| Options {
            dataset: Some(dataset),
            ..Options::default()
        };
        let planned = grid.runs(&on(Dataset::Cifar100)).expect("a grid for CIFAR-100 too");
        let Run { dataset, method, .. } = &planned.last().expect("runs of `rare`").run;
        let Some(Regularizer::Nc(config)) = &method.regularizer else {
            panic!("{method:?} has no regularizer");
        };
        assert_eq!((*dataset, config.start_epoch), (Dataset::Cifar100, 100));
        assert_eq!(
            refusal(&text),
            "17:8: no class is rare for loss `sigmoid-equalization`: the smallest has 500, and rare is below 60; set \
             `rare_count` higher, choose a higher imbalance, or leave the method out with `--methods`"
        );
        let step = refusal(&GRID.replace("ratio = 10 }", "ratio = 6000 }"));
        assert!(
            step.starts_with("3:49: imbalance step 6000 leaves class 5 without images"),
            "{step}"
        );
    }

    #[test]
    fn a_plug_in_that_moves_nothing_is_refused() {
        let message = refusal(&GRID.replace("seeds =", "plug_in = { nc = { lambda_1 = 0 } }\nseeds ="));
        assert!(
            message.starts_with("4:11: `lambda_1` is 0, so the regularizer moves"),
            "{message}"
        );
    }

    #[test]
    fn recipes_that_cannot_be_trained_are_refused() {
        let with = |recipe: &str| refusal(&format!("{GRID}[recipe]\n{recipe}\n"));
        assert_eq!(with("batch_size = 0"), "17:1: `batch_size` is 0; set it to 1 or more");
        assert_eq!(
            with("epochs = 50"),
            "17:1: `learning_rate` steps at epoch 160, but the last of 50 epochs is 49; state earlier steps or more \
             epochs (or leave both to the protocol and say `--epochs` on the command line, which scales them)"
        );
        let short = "epochs = 50\nlearning_rate = { cosine = { initial = 0.1 } }";
        assert_eq!(
            with(short),
            "8:8: `reweight` of `ce-drw` would start at epoch 160, but the last of 50 epochs is 49; state an earlier \
             start_epoch or train for longer"
        );
        assert_eq!(
            with("learning_rate = { cosine = {} }"),
            "17:1: `learning_rate`: missing field `initial`"
        );
    }

    #[test]
    fn second_stages_that_cannot_follow_their_first_are_refused() {
        let with = |uses: &str| refusal(&format!("{GRID}[[method]]\nname = \"x\"\n[method.uses]\n{uses}\n"));
        assert_eq!(
            with("second_stage = { tau-normalization = { taus = [0.5, 1] } }"),
            "17:8: `x` chooses among several `taus`, but no images are held out to choose with, and the test split must \
             not be used; state `validation = { per_class = 50 }` at the top of the grid, or a single value"
        );
        assert_eq!(
            with("second_stage = { logit-adjustment = { taus = [-1] } }"),
            "19:39: `taus` is -1; set it to 0 or more, each"
        );
        assert_eq!(
            with("loss = { ldam = { max_margin = 0.5, scale = 30 } }\nhead = \"cosine\"\nsecond_stage = { lws = {} }"),
            "17:8: this second stage changes a linear classifier's weights or logits, but the head is another; leave out \
             `head`, or choose nearest-class-mean (after the cosine head also crt)"
        );
        assert_eq!(
            with("loss = { dot-regression = { balanced_lengths = true } }"),
            "17:8: loss `dot-regression` needs the targets of a fixed ETF, but the head is another; set head = \"fixed-etf\" \
             or choose another loss"
        );
        assert_eq!(
            refusal(&GRID.replace("cifar10", "cifar100").replace(
                "name = \"ce\"\n",
                "name = \"ce\"\n[method.uses]\nloss = { dot-regression = { balanced_lengths = true } }\nhead = \"fixed-etf\"\n"
            )),
            "6:8: a simplex of 100 classes does not fit in 64 dimensions; use at least 99 dimensions"
        );
        assert_eq!(
            refusal(&GRID.replace("seeds =", "validation = { per_class = 0 }\nseeds =")),
            "4:14: `per_class` is 0; set it to 1 or more"
        );
    }

    #[test]
    fn adjustments_share_the_first_stage_of_what_is_retrained_and_its_validation_split() {
        let stage = |name: &str, second_stage: &str| {
            format!("[[method]]\nname = \"{name}\"\n[method.uses]\nsecond_stage = {second_stage}\n")
        };
        let text = GRID.replace("seeds =", "validation = { per_class = 50 }\nseeds =")
            + &stage("tau", "{ tau-normalization = { taus = [0, 1] } }")
            + &stage("ncm", "{ nearest-class-mean = { nearness = \"cosine\" } }")
            + &stage("lws", "{ lws = { epochs = 3 } }");
        let planned = runs(&text, &Options::default());
        assert_eq!(
            planned[0].run.validation.map(|validation| validation.per_class),
            Some(50)
        );
        for (name, epochs) in [("tau", 0), ("ncm", 0), ("lws", 3)] {
            let planned = planned.iter().find(|planned| planned.run.name == name).expect(name);
            assert_eq!(planned.run.epochs(), epochs);
            assert_eq!(
                planned.needed(Role::FirstStage),
                Some(&runs(&text, &Options::default())[0].run)
            );
        }
    }

    #[test]
    fn plug_in_without_a_method_to_plug_into_is_refused() {
        let text = "dataset = \"shapes\"\nimbalance = [{ step = { ratio = 2 } }]\nseeds = [0]\nplug_in = { nc = {} }\n\
                    [[method]]\nname = \"nc\"\nuses = { regularizer = { nc = {} } }\n";
        assert_eq!(
            refusal(text),
            "4:11: `plug_in` has no method to plug into, each has a regularizer of its own; remove it or add such a method"
        );
    }

    #[test]
    fn published_names_are_looked_up_when_the_grid_is_read() {
        let source = "published_source = \"mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 3\"\nseeds =";
        let named = GRID.replace("name = \"ce\"\n", "name = \"ce\"\npublished = \"CE\"\n");
        assert_eq!(
            refusal(&named),
            "7:13: `CE` is to be looked up among published numbers, but no source is named; state `published_source`"
        );
        let grid = load(&named.replace("seeds =", source)).expect("a source that has the name");
        let planned = grid.runs(&Options::default()).expect("a sound grid");
        assert_eq!(grid.published(&planned[0].run).map(|row| row.accuracy), Some(0.704));
        assert_eq!(
            grid.published(&planned[2].run),
            None,
            "the source has no step imbalance"
        );
        assert_eq!(grid.published(&planned[4].run), None, "ce-drw states no published name");
        let unknown = refusal(&named.replace("\"CE\"", "\"NC-DWR\"").replace("seeds =", source));
        assert!(
            unknown.starts_with("8:13: published numbers have no method `NC-DWR`; they have CE, CE-RS, "),
            "{unknown}"
        );
        let unknown = refusal(&GRID.replace("seeds =", "published_source = \"liu\"\nseeds ="));
        assert!(
            unknown.starts_with("4:20: published numbers have no source `liu`; they have "),
            "{unknown}"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let message = Grid::load(Path::new("nowhere.toml"))
            .expect_err("no such file")
            .to_string();
        assert!(message.starts_with("cannot read grid nowhere.toml: "), "{message}");
    }

    #[test]
    fn grids_of_this_repository_are_sound() {
        for (name, networks) in [
            ("bag-of-tricks", 156),
            ("cifar10-lt", 30),
            ("cifar10-lt-decoupled", 30),
            ("cifar10-lt-fixed-etf", 6),
            ("cifar100-lt", 30),
            ("cifar100-lt-augmentation", 48),
            ("paper-table-2", 12),
            ("paper-figures-2-and-3", 8),
            ("paper-table-5", 12),
            ("paper-table-5-ride", 18),
            ("paper-table-6", 6),
            ("paper-table-7", 30),
            ("relative-accuracy", 24),
            ("shapes-lt", 5),
            ("ride", 12),
            ("survey", 78),
            ("survey-others", 114),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../benchmarks")
                .join(name)
                .with_extension("toml");
            let grid = Grid::load(&path).expect(name);
            assert_eq!(
                (grid.name(), grid.runs(&Options::default()).expect(name).len()),
                (name, networks)
            );
        }
    }
}
