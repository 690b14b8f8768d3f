//! Grids of photographs: what is refused, and what an option leaves out.

use super::*;

const PHOTOGRAPHS: &str = r#"
dataset = { photographs = { side = 32, hold_out = { per_class = 2 } } }
imbalance = ["natural"]
seeds = [0]
[recipe]
batch_size = 16
[[method]]
name = "ce"
[[method]]
name = "contrast"
[method.uses]
augmentation = { crop_and_flip = true }
contrast = { balanced = {} }
"#;

/// The grid's plan, with the folder of photographs or without one.
fn planned(text: &str, options: &Options, is_there: bool) -> Result<Plan, GridError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.toml");
    fs::write(&path, text).expect("a small file");
    let photographs = photographs();
    let data = if is_there {
        photographs.path().to_owned()
    } else {
        folder.path().join("nowhere")
    };
    Grid::load_on(&path, Some(&data), options.dataset)?.runs(options)
}

fn message(text: &str) -> String {
    let error = planned(text, &Options::default(), true).expect_err("a refused grid");
    let message = error.to_string();
    message
        .split_once("small.toml:")
        .expect("it names the file")
        .1
        .to_owned()
}

#[test]
fn a_method_that_photographs_do_not_allow_can_be_left_out() {
    let refused = message(PHOTOGRAPHS);
    assert!(
        refused.starts_with("10:8: a contrastive term needs more than one view"),
        "{refused}"
    );
    assert!(refused.contains("leave the method out with `--methods`"), "{refused}");
    let allowed = Options {
        methods: Some(vec!["ce".to_owned()]),
        ..Options::default()
    };
    assert_eq!(
        names(&planned(PHOTOGRAPHS, &allowed, true).expect("a sound part")),
        ["ce"]
    );
    let unknown = Options {
        methods: Some(vec!["cee".to_owned()]),
        ..Options::default()
    };
    let unknown = planned(PHOTOGRAPHS, &unknown, true)
        .expect_err("no such method")
        .to_string();
    assert!(
        unknown.ends_with("it has ce, contrast; did you mean `ce`?"),
        "{unknown}"
    );
}

#[test]
fn photographs_are_not_looked_up_for_another_data_set() {
    let shapes = Options {
        dataset: Some(Dataset::Shapes),
        ..Options::default()
    };
    let plan = planned(PHOTOGRAPHS, &shapes, false).expect("shapes need no files");
    assert_eq!((plan.first().dataset, plan.asked().len()), (Dataset::Shapes, 2));
    let missing = planned(PHOTOGRAPHS, &Options::default(), false).expect_err("they are missing");
    assert!(missing.to_string().contains("nowhere: no such folder"), "{missing}");
}

#[test]
fn a_batch_of_more_photographs_than_there_are_is_refused_in_the_plan() {
    let text = PHOTOGRAPHS.replace("batch_size = 16", "batch_size = 117");
    let refused = "6:1: batch_size 117 is larger than the 116 training images; set batch_size to 116 or less";
    assert_eq!(message(&text), refused);
    let alone = text.replace("[recipe]\nbatch_size = 117\n", "");
    let refused = "3:14: batch_size 128 is larger than the 116 training images; set batch_size to 116 or less";
    assert_eq!(message(&alone), refused);
}

#[test]
fn a_wrong_value_inside_photographs_is_named_with_its_key() {
    let stated = "{ photographs = { side = 32, hold_out = { per_class = 2 } } }";
    let with = |value: &str| message(&PHOTOGRAPHS.replace(stated, value));
    for (value, expected) in [
        (
            "{ photographs = { side = \"x\" } }",
            "2:36: `photographs.side` cannot be `\"x\"`; write a number of pixels, such as `224`",
        ),
        (
            "{ photographs = { side = -1 } }",
            "2:36: `photographs.side` cannot be `-1`; write a number of pixels, such as `224`",
        ),
        (
            "{ photographs = { set = 3 } }",
            "2:35: `photographs.set` cannot be `3`; write one of `\"imagenet-lt\"`, `\"inaturalist2018\"`, `\"places-lt\"`",
        ),
        (
            "{ photographs = { hold_out = 10 } }",
            "2:40: `photographs.hold_out` cannot be `10`; write `{ per_class = …, seed = … }`",
        ),
        (
            "{ photographs = { side = 32, hold_out = { per_class = \"x\" } } }",
            "2:65: `photographs.hold_out.per_class` cannot be `\"x\"`; write a number of photographs, such as `10`",
        ),
    ] {
        assert_eq!(with(value), expected);
    }
    let unknown = with("{ photographs = { sides = 32 } }");
    assert!(unknown.starts_with("2:29: unknown field `sides`"), "{unknown}");
    let table = PHOTOGRAPHS.replace(&format!("dataset = {stated}\n"), "");
    let table = message(&(table + "[dataset.photographs]\nside = \"x\"\n"));
    assert!(
        table.ends_with(": `photographs.side` cannot be `\"x\"`; write a number of pixels, such as `224`"),
        "{table}"
    );
}
