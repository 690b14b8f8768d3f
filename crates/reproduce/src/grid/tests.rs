use std::fs;

use methods::{FeatureTerm, LearningRate, Reweight, SecondStage};

use super::*;
use crate::run::{Role, RunId};

mod large_sets;
mod like;
mod listed;
mod natural;
mod other_files;
mod photographs;
mod refusals;
mod shots;

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
    Grid::load(&path, None)
}

fn runs(text: &str, options: &Options) -> Plan {
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

fn names(plan: &Plan) -> Vec<&str> {
    plan.asked().map(|planned| planned.run.name.as_str()).collect()
}

/// A folder of two classes of photographs, of which a plan reads the names alone.
fn photographs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for class in ["cats", "dogs"] {
        fs::create_dir(folder.path().join(class)).expect("a folder");
        for number in 0..60 {
            fs::write(folder.path().join(class).join(format!("{number}.jpg")), "").expect("a small file");
        }
    }
    folder
}

/// Such photographs, and the lists of the large sets: everything that grids of `benchmarks/` look up.
fn photographs_and_lists() -> tempfile::TempDir {
    let folder = photographs();
    large_sets::write_lists(folder.path());
    folder
}

/// Every grid of `benchmarks/`, which has what they name beside them.
pub(super) fn grids_of_this_repository() -> Vec<Grid> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks");
    let files = fs::read_dir(folder).expect("the folder of grids");
    let files = files.map(|file| file.expect("a file").path());
    let is_grid = |file: &PathBuf| {
        let is_named_by_grids = file.ends_with("methods.toml") || file.ends_with("recipes.toml");
        file.extension().is_some_and(|kind| kind == "toml") && !is_named_by_grids
    };
    let photographs = photographs_and_lists();
    let grids = files
        .filter(is_grid)
        .map(|file| Grid::load(&file, Some(photographs.path())));
    grids.collect::<Result<_, _>>().expect("sound grids")
}

#[test]
fn runs_are_in_the_order_of_the_file_seeds_fastest() {
    let planned = runs(GRID, &Options::default());
    let order: Vec<(&str, f64, i64)> = planned
        .asked()
        .map(|Planned { run, .. }| (run.name.as_str(), run.imbalance.ratio().unwrap_or(0.0), run.seed))
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
fn configs_leave_out_the_kinds_of_augmentation_that_are_off() {
    let planned = runs(GRID, &Options::default());
    let settings = "[method.augmentation]\ncrop_and_flip = true\n\n[method.augmentation.mixup]\nalpha = 1.0\n";
    assert!(
        planned[0].run.config().contains(settings),
        "{}",
        planned[0].run.config()
    );
}

#[test]
fn what_a_grid_leaves_out_is_the_protocols_and_what_it_states_is_its_own() {
    let planned = runs(GRID, &Options::default());
    assert_eq!(planned[0].run.recipe, Protocol::default().recipe());
    assert_eq!(planned[0].run.method.augmentation, Protocol::default().augmentation());
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
            ..Protocol::default().recipe()
        }
    );
}

#[test]
fn plug_in_runs_every_method_again_right_after_itself() {
    let text = GRID.replace("seeds =", "plug_in = { nc = { lambda_2 = 0.3 } }\nseeds =");
    let options = Options {
        imbalance: Some(vec![Ratio::Number(100.0)]),
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
    assert_eq!(planned[1].run.method.regularizer, Some(FeatureTerm::Nc(config)));
    assert_eq!(
        planned[5].needed(Role::FirstStage).map(RunId::method),
        Some("ce-drw+nc")
    );
}

#[test]
fn first_stage_is_the_run_of_the_method_with_those_parts_to_the_letter() {
    let planned = runs(GRID, &Options::default());
    assert_eq!(planned[0].needs, []);
    assert_eq!(planned[8].needed(Role::FirstStage), Some(&planned[4].id));
    let alone = runs(
        GRID,
        &Options {
            methods: Some(vec!["ce-drw-crt".to_owned()]),
            ..Options::default()
        },
    );
    assert_eq!(
        alone[0].needed(Role::FirstStage).map(|id| &alone[id]),
        Some(&planned[4].run)
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
            imbalance: Some(vec![Ratio::Number(10.0)]),
            ..Options::default()
        },
    );
    assert_eq!(names(&planned), ["ce", "ce", "a", "a", "ce-drw-crt", "ce-drw-crt"]);
    assert_eq!(planned[2].needed(Role::FirstStage).map(RunId::method), Some("a~stage1"));
    assert_eq!(planned[2].needs, planned[4].needs);
}

#[test]
fn fewer_epochs_scale_every_schedule_but_not_the_second_stage() {
    let options = Options {
        epochs: Some(30),
        ..Options::default()
    };
    let planned = &runs(GRID, &options)[8];
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
    assert_eq!(planned.needed(Role::FirstStage).map(RunId::method), Some("ce-drw"));
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
        let last = &planned.asked().last().expect("runs of `x`").run;
        assert_eq!(crate::grid::describe::parts(&last.method), parts);
    }
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
    let Run { dataset, method, .. } = &planned.asked().last().expect("runs of `rare`").run;
    let Some(FeatureTerm::Nc(config)) = &method.regularizer else {
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
        let planned = planned.asked().find(|planned| planned.run.name == name).expect(name);
        assert_eq!(planned.run.epochs(), epochs);
        assert_eq!(
            planned.needed(Role::FirstStage),
            Some(&runs(&text, &Options::default())[0].id)
        );
    }
}

#[test]
fn a_grid_like_another_has_its_runs_on_its_own_data_set() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a small file");
        Grid::load(&folder.path().join(name), None)
    };
    let other = write("other.toml", GRID).expect("a sound grid");
    let grid = write("it.toml", "like = \"other.toml\"\ndataset = \"cifar100\"\n").expect("a sound grid");
    let on_cifar100 = Options {
        dataset: Some(Dataset::Cifar100),
        ..Options::default()
    };
    assert_eq!(grid.name(), "it");
    assert_eq!(
        grid.runs(&Options::default()).expect("runs"),
        other.runs(&on_cifar100).expect("runs")
    );
    for (text, words) in [
        (
            "like = \"it.toml\"\ndataset = \"shapes\"",
            "it.toml:1:1: unknown field `like`",
        ),
        ("like = \"none.toml\"\ndataset = \"shapes\"", "none.toml: No such file"),
    ] {
        let message = write("at.toml", text).expect_err("a refused grid").to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn grids_of_this_repository_are_sound_under_both_protocols() {
    // Runs of the grids of papers; the surveys grow with every method.
    let runs = [
        ("cifar10-lt", 66),
        ("cifar100-lt", 66),
        ("paper-table-2", 12),
        ("paper-figures-2-and-3", 8),
        ("paper-table-5", 12),
        ("paper-table-5-ride", 18),
        ("paper-table-6", 6),
        ("paper-table-7", 30),
        ("shapes-lt", 5),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks");
    let files = fs::read_dir(folder).expect("the folder of the grids").flatten();
    let photographs = photographs_and_lists();
    let mut seen = 0;
    for path in files.map(|file| file.path()) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_none_or(|kind| kind != "toml") || ["methods", "recipes"].contains(&name.as_str()) {
            continue;
        }
        let grid = Grid::load(&path, Some(photographs.path())).expect(&name);
        for protocol in Protocol::ALL {
            let options = Options {
                protocol: Some(protocol),
                ..Options::default()
            };
            let plan = grid.runs(&options).expect(&name);
            let expected = runs.iter().find(|(grid, _)| *grid == name);
            assert_eq!(
                plan.asked().len(),
                expected.map_or(plan.asked().len(), |(_, runs)| *runs),
                "{name}"
            );
        }
        seen += usize::from(runs.iter().any(|(grid, _)| *grid == name));
    }
    assert_eq!(seen, runs.len(), "every grid of a paper is there");
}
