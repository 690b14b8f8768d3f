//! Grids that repeat another one but for what they state.

use std::fmt::Write;

use super::*;

#[test]
fn runs_of_the_readings_keep_their_ids() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/readings");
    let files = fs::read_dir(folder).expect("the folder of the readings").flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
    files.sort();
    let mut ids = String::new();
    for file in files {
        let grid = Grid::load(&file, None).expect("a sound grid");
        let plan = grid.runs(&Options::default()).expect("a sound grid");
        writeln!(ids, "{}", grid.name()).expect("a string takes all");
        for planned in plan.asked().filter(|planned| planned.run.seed == 0) {
            let published = grid
                .published(&planned.run)
                .map_or("none", |published| &published.percent);
            writeln!(ids, "  {} {published}", planned.id).expect("a string takes all");
        }
    }
    insta::assert_snapshot!(ids);
}

/// `text` as a grid beside `other.toml`, which is [`OTHER`].
fn like(text: &str) -> Result<Grid, GridError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a small file");
    write("other.toml", OTHER);
    write("it.toml", &format!("like = \"other.toml\"\n{text}"));
    Grid::load(&folder.path().join("it.toml"), None)
}

const OTHER: &str = r#"
dataset = "cifar10"
protocol = "paper"
imbalance = [{ exponential = { ratio = 100 } }]
seeds = [0]
published_source = "mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 3"
methods = ["ce", "ce-drw", "nc-drw-crt"]
[recipe]
weight_decay = 5e-4
momentum = 0.8
[published]
ce = "CE"
ce-drw = "CE-DRW"
[change.ce-drw]
reweight = { class-balanced = { start_epoch = 12 } }
"#;

#[test]
fn what_is_stated_is_laid_over_the_other_grid() {
    let stated = "protocol = \"nearest\"\naugmentation = { crop_and_flip = false }\nmethods = [\"ce-drw\", \"nc-drw-crt\"]\n\
                  [recipe]\nweight_decay = 2e-4\n[change.nc-drw-crt.second_stage.crt]\nepochs = 7\n";
    let grid = like(stated).expect("a sound grid");
    let plan = grid.runs(&Options::default()).expect("a sound grid");
    assert_eq!((grid.name(), names(&plan)), ("it", vec!["ce-drw", "nc-drw-crt"]));
    let run = plan.first();
    assert_eq!(
        (run.protocol, run.recipe.weight_decay, run.recipe.momentum),
        (Protocol::Nearest, 2e-4, 0.8)
    );
    assert!(!run.method.augmentation.crop_and_flip);
    assert_eq!(
        run.method.reweight.map(Reweight::start_epoch),
        Some(12),
        "the other's change stays"
    );
    assert_eq!(
        grid.published(run).map(|published| published.percent.as_str()),
        Some("75.1")
    );
    let second = &plan.asked().nth(1).expect("it is listed").run;
    assert_eq!(second.method.second_stage.as_ref().map(SecondStage::epochs), Some(7));
    let alike = like("")
        .expect("a sound grid")
        .runs(&Options::default())
        .expect("a sound grid");
    assert_eq!(alike, runs(OTHER, &Options::default()));
}

#[test]
fn a_change_is_stated_instead_of_the_others() {
    let grid = like("[change.ce-drw]\nreweight = { class-balanced = { beta = 0.99 } }\n").expect("a sound grid");
    let plan = grid.runs(&Options::default()).expect("a sound grid");
    let (beta, start_epoch) = (0.99, 160);
    let run = &plan.asked().nth(1).expect("it is listed").run;
    assert_eq!(run.method.reweight, Some(Reweight::ClassBalanced { beta, start_epoch }));
}

#[test]
fn faults_are_placed_in_the_file_that_they_are_in() {
    let message = |text: &str| like(text).expect_err("a refused grid").to_string();
    let ended = |text: &str, place: &str| {
        let message = message(text);
        let (_, after) = message
            .split_once('/')
            .and_then(|_| message.rsplit_once('/'))
            .expect("a path");
        assert!(after.starts_with(place), "{message}");
    };
    ended("[recipe]\nepochs = 0\n", "it.toml:3:1: `epochs` is 0");
    ended(
        "methods = [\"ce\", \"cee\"]\n",
        "it.toml:2:18: there is no method `cee`",
    );
    ended(
        "[change.kcl]\nloss = \"balanced-softmax\"\n",
        "it.toml:2:9: `change` has a line for `kcl`",
    );
    let short = "[recipe]\nepochs = 10\nwarmup_epochs = 1\nlearning_rate = { cosine = { initial = 0.1 } }\n";
    ended(short, "other.toml:7:18: ");
    ended("seeds = [1]\n", "it.toml:2:1: unknown field `seeds`");
}
