use std::path::PathBuf;

use tch::Tensor;

use super::*;

fn exponential(ratio: f64, largest: i64, classes: usize) -> Vec<i64> {
    Imbalance::Exponential { ratio }
        .class_counts(&vec![largest; classes])
        .unwrap()
}

fn step(ratio: f64, largest: i64, classes: usize) -> Vec<i64> {
    Imbalance::Step { ratio }.class_counts(&vec![largest; classes]).unwrap()
}

// The counts of int(m * f**(k / (K - 1.0))) in Python, f the decimal 0.1, 0.05, 0.02, 0.01, 0.005.
#[test]
fn exponential_counts_on_ten_classes_are_those_of_cao_et_al() {
    assert_eq!(
        exponential(10.0, 5000, 10),
        [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500]
    );
    assert_eq!(
        exponential(50.0, 5000, 10),
        [5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100]
    );
    assert_eq!(
        exponential(100.0, 5000, 10),
        [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    );
    assert_eq!(
        exponential(200.0, 5000, 10),
        [5000, 2775, 1540, 854, 474, 263, 146, 81, 45, 25]
    );
}

#[test]
fn a_balanced_set_has_the_images_of_a_long_tail_in_equal_classes() {
    let counts = Imbalance::Balanced { ratio: 100.0 }.class_counts(&[5000; 10]).unwrap();
    assert_eq!(counts, [1240; 10]); // of 12,406
}

#[test]
fn a_natural_set_is_used_as_it_is_and_a_balanced_one_is_not() {
    let available = [1280, 7, 256];
    assert_eq!(Imbalance::Natural.class_counts(&available).unwrap(), available);
    let balanced = Imbalance::Balanced { ratio: 1.0 };
    assert_eq!(balanced.class_counts(&available).unwrap(), [7; 3]);
    let error = Imbalance::Natural.class_counts(&[1280, 0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class 1 has no training images; leave it out of the data set, or hold out fewer images for validation"
    );
}

#[test]
fn no_class_is_asked_for_more_than_it_has() {
    let available = [90, 100, 110];
    let counts = Imbalance::Step { ratio: 2.0 }.class_counts(&available).unwrap();
    assert_eq!(counts, [90, 45, 45]);
}

#[test]
fn totals_are_those_of_cao_et_al() {
    let totals = |counts: fn(f64, i64, usize) -> Vec<i64>, largest, classes| -> Vec<i64> {
        let total = |ratio| counts(ratio, largest, classes).iter().sum();
        [10.0, 20.0, 50.0, 100.0, 200.0].map(total).to_vec()
    };
    assert_eq!(totals(exponential, 5000, 10), [20_431, 17_023, 13_996, 12_406, 11_203]);
    assert_eq!(totals(exponential, 500, 100), [19_573, 15_907, 12_608, 10_847, 9_502]);
    assert_eq!(totals(step, 5000, 10), [27_500, 26_250, 25_500, 25_250, 25_125]);
    assert_eq!(totals(step, 500, 100), [27_500, 26_250, 25_500, 25_250, 25_100]);
}

#[test]
fn smallest_and_shot_groups_on_a_hundred_classes_are_those_of_cao_et_al() {
    let groups = |ratio| {
        let counts = exponential(ratio, 500, 100);
        let many = counts.iter().filter(|&&count| count > 100).count();
        let few = counts.iter().filter(|&&count| count < 20).count();
        (counts[99], many, 100 - many - few, few)
    };
    assert_eq!(groups(10.0), (50, 69, 31, 0));
    assert_eq!(groups(20.0), (25, 53, 47, 0));
    assert_eq!(groups(50.0), (10, 41, 41, 18));
    assert_eq!(groups(100.0), (5, 35, 35, 30));
    assert_eq!(groups(200.0), (2, 30, 31, 39));
    assert_eq!(exponential(100.0, 500, 100)[35], 98);
}

/// `lt.{cifar10,cifar100}.{exp,step}.{factor}` of every `losses_*` file of the reference values.
#[test]
fn golden_class_counts_match() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden");
    let folder = std::env::var_os("LONGTAIL_GOLDEN").map_or(PathBuf::from(fixtures), PathBuf::from);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut compared = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        if !path.file_name().unwrap().to_str().unwrap().starts_with("losses_") {
            continue;
        }
        for (key, wanted) in Tensor::read_safetensors(&path).unwrap() {
            let Some(name) = key.strip_prefix("lt.") else { continue };
            let mut parts = name.splitn(3, '.');
            let (largest, classes) = if parts.next().unwrap() == "cifar10" {
                (5000, 10)
            } else {
                (500, 100)
            };
            let profile = if parts.next().unwrap() == "exp" {
                exponential
            } else {
                step
            };
            let ratio = 1.0 / parts.next().unwrap().parse::<f64>().unwrap();
            assert_eq!(
                profile(ratio, largest, classes),
                Vec::<i64>::try_from(wanted).unwrap(),
                "{key}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} keys in {}", folder.display());
}

#[test]
fn ratio_one_is_balanced() {
    assert_eq!(exponential(1.0, 7, 3), [7, 7, 7]);
    assert_eq!(step(1.0, 7, 3), [7, 7, 7]);
}

#[test]
fn the_middle_class_of_a_step_is_small() {
    assert_eq!(step(5.0, 10, 5), [10, 10, 2, 2, 2]);
}

#[test]
fn leaving_a_class_empty_is_an_error() {
    let error = Imbalance::Exponential { ratio: 600.0 }
        .class_counts(&[500; 10])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "imbalance exponential 600 leaves class 9 without images when the largest class has 500; \
         use a ratio of at most 500"
    );
}

#[test]
fn ratio_below_one_is_an_error() {
    for ratio in [0.99, -2.0, f64::NAN, f64::INFINITY] {
        let error = Imbalance::Step { ratio }.class_counts(&[500; 10]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("imbalance ratio {ratio}: expected")),
            "{error}"
        );
    }
}

#[test]
fn one_class_is_an_error() {
    let error = Imbalance::Exponential { ratio: 2.0 }.class_counts(&[500]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "imbalance exponential 2 over 1 classes: expected at least 2 classes"
    );
}

#[test]
fn imbalances_are_written_in_kebab_case() {
    #[derive(Deserialize)]
    struct Grid {
        imbalance: Imbalance,
    }
    let grid: Grid = toml::from_str("imbalance = { exponential = { ratio = 100 } }").unwrap();
    assert_eq!(grid.imbalance, Imbalance::Exponential { ratio: 100.0 });
    assert_eq!(grid.imbalance.to_string(), "exponential 100");
    let natural: Grid = toml::from_str("imbalance = \"natural\"").unwrap();
    assert_eq!(
        (natural.imbalance.to_string(), natural.imbalance.ratio()),
        ("natural".to_owned(), None)
    );
    assert!(toml::from_str::<Grid>("imbalance = { step = { ratio = 10, seed = 1 } }").is_err());
}
