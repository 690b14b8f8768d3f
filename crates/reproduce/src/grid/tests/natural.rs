//! A data set as it is, which has no ratio.

use super::*;

const NATURAL: &str = r#"
dataset = "shapes"
imbalance = ["natural", { balanced = { ratio = 100 } }, { exponential = { ratio = 1 } }]
seeds = [0]
[[method]]
name = "ce"
"#;

#[test]
fn a_natural_run_has_every_image_and_is_another_than_a_balanced_one() {
    let planned = runs(NATURAL, &Options::default());
    let counts = planned.asked().map(|planned| planned.run.class_counts());
    let counts: Vec<Vec<i64>> = counts.collect::<Result<_, _>>().expect("no class is empty");
    assert_eq!(counts, [[1000; 10], [247; 10], [1000; 10]]);
    let ids: Vec<&RunId> = planned.asked().map(|planned| &planned.id).collect();
    assert!(ids[0].to_string().starts_with("ce.natural.s0."), "{}", ids[0]);
    assert_eq!(ids[0].method(), "ce");
    assert_ne!(ids[0], ids[2], "however alike the images are");
    let config = planned[0].run.config();
    assert!(config.contains("imbalance = \"natural\"\n"), "{config}");
    assert_eq!(toml::from_str::<Run>(&config).expect("its own text"), planned[0].run);
}

#[test]
fn a_natural_run_is_chosen_by_its_name_and_others_by_their_ratio() {
    let chosen = |ratio: &str| {
        let options = Options {
            imbalance: Some(vec![ratio.parse().expect("a ratio")]),
            ..Options::default()
        };
        load(NATURAL)
            .and_then(|grid| grid.runs(&options))
            .map(|planned| planned[0].run.imbalance.to_string())
            .map_err(|error| error.to_string())
    };
    assert_eq!(chosen("natural").expect("it is in the grid"), "natural");
    assert_eq!(chosen("100").expect("it is in the grid"), "balanced 100");
    assert_eq!(
        chosen("7").expect_err("it is not in the grid"),
        "grid small has no imbalance of ratio `7`; it has natural, 100, 1"
    );
}

#[test]
fn images_held_out_are_missing_in_every_class() {
    let options = Options {
        validation: Some(50),
        ..Options::default()
    };
    let planned = runs(NATURAL, &options);
    assert_eq!(planned[0].run.class_counts().expect("no class is empty"), [950; 10]);
}
