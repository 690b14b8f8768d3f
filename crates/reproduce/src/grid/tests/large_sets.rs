//! The large sets: grids of them, planned by their lists alone.

use std::fmt::Write;

use datasets::photographs::LargeSet;
use methods::Shots;

use super::*;
use crate::grid::published::Published;

/// Writes lists of the large sets into `folder`, with the published numbers of photographs, classes, and photographs of the largest and the
/// smallest class. No photograph is there.
pub(super) fn write_lists(folder: &Path) {
    for set in LargeSet::ALL {
        let facts = set.facts();
        let splits = [
            ("train", Some(facts.train)),
            ("val", facts.validation),
            ("test", Some(facts.test)),
        ];
        for (split, list) in splits {
            let Some(list) = list else { continue };
            let others = facts.classes as i64 - 2;
            let rest = list.photographs - list.largest - list.smallest;
            let counts = (0..others).map(|class| rest / others + i64::from(class < rest % others));
            let mut text = String::new();
            for (class, count) in [list.largest, list.smallest].into_iter().chain(counts).enumerate() {
                for photograph in 0..count {
                    writeln!(text, "{split}/class{class}/{photograph}.jpg {class}").expect("a string takes all");
                }
            }
            fs::write(folder.join(list.file), text).expect("a list");
        }
    }
}

fn grid(name: &str, lists: &Path) -> Grid {
    let file = format!("{}/../../benchmarks/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Grid::load(Path::new(&file), Some(lists)).expect(name)
}

/// The accuracy in percent, as it is published, beside each method of the grid `name`.
fn published(name: &str, lists: &Path) -> Vec<(String, Option<String>)> {
    let grid = grid(name, lists);
    let plan = grid.runs(&Options::default()).expect(name);
    let percent = |published: &Published| published.percent.clone();
    let of_run = |planned: &Planned| (planned.run.name.clone(), grid.published(&planned.run).map(percent));
    plan.asked().map(of_run).collect()
}

#[test]
fn published_numbers_of_the_large_sets_are_beside_their_methods() {
    let lists = tempfile::tempdir().expect("a temporary folder");
    write_lists(lists.path());
    let expected: [(&str, &[(&str, &str)]); 5] = [
        (
            "imagenet-lt",
            &[
                ("ce", "45.3"),
                ("class-balanced-sampling", "47.8"),
                ("ce-rw", "42.5"),
                ("ce-drw", "46.4"),
                ("ce-crt", "47.3"),
                ("lws", "47.7"),
                ("tau-normalization", "49.4"),
                ("mislas-second-stage", "52.7"),
                ("fixed-etf", "44.7"),
                ("attraction-repulsion", "52.8"),
                ("nc-drw", "53.6"),
                ("nc-drw-crt", "54.2"),
                ("ride", "54.2"),
            ],
        ),
        (
            "imagenet-lt-decoupled",
            &[
                ("ce", "44.4"),
                ("class-balanced-sampling", "45.1"),
                ("square-root-sampling", "46.8"),
                ("progressively-balanced-sampling", "47.2"),
                ("nearest-class-mean", "47.3"),
                ("ce-crt", "49.6"),
                ("tau-normalization", "49.4"),
                ("lws", "49.9"),
            ],
        ),
        (
            "imagenet-lt-ride",
            &[
                ("ride-2", "51.9"),
                ("ride-2+nc", "52.2"),
                ("ride", "54.2"),
                ("ride+nc", "54.8"),
                ("ride-4", "55.2"),
                ("ride-4+nc", "56.0"),
            ],
        ),
        (
            "inat18",
            &[
                ("ce", "66.9"),
                ("ce-crt", "65.2"),
                ("tau-normalization", "65.6"),
                ("mislas-second-stage", "71.6"),
                ("ride", "71.2"),
            ],
        ),
        (
            "places-lt",
            &[("ce", "31.4"), ("mislas-second-stage", "40.4"), ("ride", "40.3")],
        ),
    ];
    for (name, numbers) in expected {
        let found: Vec<(String, String)> = published(name, lists.path())
            .into_iter()
            .filter_map(|(method, percent)| Some((method, percent?)))
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(method, percent)| (&**method, &**percent)).collect();
        assert_eq!(found, numbers, "{name}");
    }
    let small = published("imagenet-lt-small", lists.path());
    assert_eq!(small[0], ("ce".to_owned(), Some("36.26".to_owned())));
}

#[test]
fn a_large_set_is_compared_on_its_own_network_and_as_it_is() {
    let lists = tempfile::tempdir().expect("a temporary folder");
    write_lists(lists.path());
    let grid = grid("imagenet-lt-decoupled", lists.path());
    let published = |options: &Options| {
        let plan = grid.runs(options).expect("a sound grid");
        plan.asked().any(|planned| grid.published(&planned.run).is_some())
    };
    assert!(published(&Options::default()));
    let backbone = Some(Backbone::Resnet50);
    assert!(
        !published(&Options {
            backbone,
            ..Options::default()
        }),
        "of a ResNeXt-50"
    );
    let dataset = Some(Dataset::Cifar100);
    assert!(
        !published(&Options {
            dataset,
            ..Options::default()
        }),
        "of ImageNet-LT"
    );
    let cut = Run {
        imbalance: Imbalance::Balanced { ratio: 2.0 },
        ..grid.runs(&Options::default()).expect("a sound grid").first().clone()
    };
    assert!(grid.published(&cut).is_none(), "of the natural imbalance");
}

#[test]
fn runs_state_the_papers_settings_and_no_groups_but_the_usual_ones() {
    let lists = tempfile::tempdir().expect("a temporary folder");
    write_lists(lists.path());
    let grid = grid("imagenet-lt", lists.path());
    let plan = grid.runs(&Options::default()).expect("a sound grid");
    let run = &plan
        .asked()
        .find(|planned| planned.run.name == "nc-drw")
        .expect("it is listed")
        .run;
    let config = run.config();
    for stated in [
        "set = \"imagenet-lt\"",
        "side = 224",
        "backbone = \"resnext50\"",
        "epochs = 200",
        "batch_size = 256",
        "weight_decay = 0.0005",
        "initial = 0.05",
        "lambda_1 = 0.05",
        "lambda_2 = 1.0",
        "start_epoch = 100",
        "start_epoch = 160",
        "alpha = 0.2",
    ] {
        assert!(config.contains(stated), "{stated}: {config}");
    }
    assert!(!config.contains("shots"), "{config}");
    let counts = run.class_counts().expect("no class is empty");
    assert_eq!((counts.len(), counts.iter().sum::<i64>()), (1000, 115_846));
    assert_eq!(run.shots.shots(&counts), Shots::new(&counts));
    let paper = Options {
        protocol: Some(Protocol::Paper),
        ..Options::default()
    };
    let paper = grid.runs(&paper).expect("a sound grid");
    assert!(paper.first().config().contains("weight_decay = 0.005"));
}

#[test]
fn without_lists_a_grid_says_which_to_get_from_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = format!("{}/../../benchmarks/places-lt.toml", env!("CARGO_MANIFEST_DIR"));
    let error = Grid::load(Path::new(&file), Some(folder.path())).expect_err("no lists");
    let message = error.to_string();
    let remedy = "not all lists of places-lt are there; put `Places_LT_train.txt`";
    assert!(message.contains(remedy), "{message}");
}
