//! Methods and recipes that a grid names, with what it changes.

use super::*;

const NAMED: &str = r#"
dataset = "cifar10"
imbalance = [{ exponential = { ratio = 100 } }]
seeds = [0]
published_source = "mlresearch/v206:liu23i/liu23i.pdf (Liu AISTATS 2023) table 3"
methods = ["ce-drw", "ce-crt"]
[published]
ce-drw = "CE-DRW"
[change.ce-drw]
reweight = { class-balanced = { start_epoch = 12 } }
[[method]]
name = "own"
[method.uses]
loss = "balanced-softmax"
"#;

#[test]
fn methods_that_are_named_have_the_parts_of_the_catalogue_and_stand_before_those_that_are_defined() {
    let planned = runs(NAMED, &Options::default());
    assert_eq!(names(&planned), ["ce-drw", "ce-crt", "own"]);
    let crt = &planned[1].run.method;
    let second_stage = SecondStage::Crt(Protocol::Paper.classifier_retraining());
    assert_eq!((&crt.second_stage, crt.reweight), (&Some(second_stage), None));
}

#[test]
fn a_change_is_laid_over_the_protocols_values_in_place_of_what_the_catalogue_states() {
    let (beta, start_epoch) = (0.9999, 12);
    let reweight = Some(Reweight::ClassBalanced { beta, start_epoch });
    assert_eq!(runs(NAMED, &Options::default())[0].run.method.reweight, reweight);
}

#[test]
fn a_published_number_is_that_of_the_method_it_is_stated_for() {
    let grid = load(NAMED).expect("a sound grid");
    let planned = grid.runs(&Options::default()).expect("a sound grid");
    let published = planned.asked().map(|planned| grid.published(&planned.run));
    let accuracies: Vec<Option<f64>> = published.map(|row| row.map(published::Published::accuracy)).collect();
    assert_eq!(accuracies, [Some(0.751), None, None]);
}

#[test]
fn the_command_line_may_say_the_name_that_a_method_had() {
    let asking = |name: &str| Options {
        methods: Some(vec![name.to_owned()]),
        ..Options::default()
    };
    assert_eq!(names(&runs(NAMED, &asking("crt"))), ["ce-crt"]);
    let text = NAMED.replace("seeds =", "plug_in = { nc = {} }\nseeds =");
    assert_eq!(names(&runs(&text, &asking("crt+nc"))), ["ce-crt+nc"]);
    let of_its_own = NAMED.replace("\"own\"", "\"crt\"");
    assert_eq!(names(&runs(&of_its_own, &asking("crt"))), ["crt"]);
}

#[test]
fn a_recipe_like_a_named_one_is_it_with_what_differs() {
    let recipe = |keys: &str| {
        runs(&format!("{NAMED}[recipe]\n{keys}\n"), &Options::default())[0]
            .run
            .recipe
            .clone()
    };
    let cao = Recipe {
        weight_decay: 2e-4,
        learning_rate: LearningRate::MultiStep {
            initial: 0.1,
            factor: 0.01,
            epochs: vec![160, 180],
        },
        ..Protocol::Paper.recipe()
    };
    assert_eq!(recipe("like = \"cao-2019\""), cao);
    let weight_decay = 5e-4;
    assert_eq!(
        recipe("like = \"cao-2019\"\nweight_decay = 5e-4"),
        Recipe { weight_decay, ..cao }
    );
}

#[test]
fn names_that_nothing_has_are_refused_with_the_nearest() {
    let with = |from: &str, to: &str| refusal(&NAMED.replace(from, to));
    assert_eq!(
        with("\"ce-crt\"]", "\"ldam-dwr\"]"),
        "6:22: there is no method `ldam-dwr`; `reproduce methods` lists them, and a `[[method]]` table defines one; did you mean `ldam-drw`?"
    );
    assert_eq!(
        with("\"ce-crt\"]", "\"crt\"]"),
        "6:22: method `crt` is called `ce-crt` now; use that name"
    );
    assert_eq!(
        with("[change.ce-drw]", "[change.ce-dwr]"),
        "9:9: `change` has a line for `ce-dwr`, which `methods` does not name; add it there, or remove the line; did you mean `ce-drw`?"
    );
    assert_eq!(
        with("ce-drw = \"CE-DRW\"", "own = \"CE-DRW\""),
        "8:1: `published` has a line for `own`, which `methods` does not name; add it there, or remove the line"
    );
    assert_eq!(
        with("[\"ce-drw\", \"ce-crt\"]", "\"ce-drw\""),
        "6:11: `methods` cannot be `\"ce-drw\"`; write a list such as `[\"ce\", \"ldam-drw\"]`"
    );
    assert_eq!(
        with("[[method]]", "[recipe]\nlike = \"cao\"\n[[method]]"),
        "12:8: there is no recipe `cao`; there are cao-2019, ride"
    );
    assert_eq!(
        with("\"own\"", "\"ce-drw\""),
        "12:8: method ce-drw is stated twice; state it once"
    );
    assert_eq!(
        with("\"ce-crt\"]", "\"ce-drw\"]"),
        "6:22: method ce-drw is stated twice; state it once"
    );
}

#[test]
fn a_change_of_parts_is_refused_because_a_name_means_the_same_parts_everywhere() {
    let other = |part: &str| {
        format!(
            "9:9: `change.ce-drw` gives it another `{part}`, and a name means the same parts everywhere; change settings of the parts that \
             it has, or define a method of another name in a `[[method]]` table"
        )
    };
    let with = |change: &str| refusal(&NAMED.replace("reweight = { class-balanced = { start_epoch = 12 } }", change));
    assert_eq!(with("loss = \"balanced-softmax\""), other("loss"));
    assert_eq!(
        with("reweight = { inverse-frequency = { power = 1, start_epoch = 0 } }"),
        other("reweight")
    );
    assert_eq!(with("augmentation = { cmo = {} }"), other("augmentation"));
    assert_eq!(
        with("reweight = { class-balanced = { start = 12 } }"),
        "10:33: `start`: unknown field `start`, expected `beta` or `start_epoch`"
    );
}

#[test]
fn the_grid_of_the_documentation_is_sound() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/running.md");
    let text = fs::read_to_string(path).expect(path);
    let (_, grid) = text.split_once("```toml\n").expect("it has a grid");
    let (grid, _) = grid.split_once("```\n").expect("the grid ends");
    let planned = runs(grid, &Options::default());
    assert_eq!(planned.asked().len(), 9);
}
