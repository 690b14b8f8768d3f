//! Results that do not belong together, or that somebody damaged: refused, and not overwritten.

use std::fs;

use crate::sandbox::{Sandbox, TINY, entries};

#[test]
fn a_folder_with_results_of_another_configuration_is_refused_and_left_alone() {
    let sandbox = Sandbox::new(TINY);
    sandbox.write("out/recipe.toml", "dataset = \"cifar10\"\n");
    let parts = [
        "out holds results of another configuration",
        "`dataset = \"shapes\"`",
        "choose another --out",
    ];
    sandbox.run(&[]).refused(2, &parts);
    assert_eq!(entries(&sandbox.path("out")), ["recipe.toml"]);
}

#[test]
fn an_edited_config_is_refused_and_left_alone() {
    let sandbox = Sandbox::new(TINY);
    let config = format!("{}/config.toml", sandbox.run_dir("ce"));
    sandbox.write(&config, "seed = 1\n");
    let parts = [
        &format!("{config} is the config of another run"),
        "restore the file or remove the folder",
    ];
    sandbox.run(&["--methods", "ce"]).refused(1, &parts);
    assert_eq!(sandbox.read(&config), "seed = 1\n");
}

#[test]
fn a_damaged_outcome_is_refused_by_every_verb_that_reads_it() {
    let sandbox = Sandbox::new(TINY);
    let outcome = format!("{}/outcome.json", sandbox.run_dir("ce"));
    sandbox.write(&outcome, "{ \"run\": \"ce");
    let damaged = format!("{outcome} is damaged: ");
    let parts = [damaged.as_str(), "delete this file, then run the same command again"];
    for verb in ["run", "report"] {
        sandbox.reproduce(verb, &[]).refused(2, &parts);
    }
    let others = sandbox.reproduce("status", &[]).refused(1, &parts).stdout;
    let of_run = |name: &str| others.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    assert!(of_run("ce.").is_some_and(|line| line.ends_with("damaged")), "{others}");
    assert!(
        of_run("nc-drw.").is_some_and(|line| line.ends_with("to do")),
        "{others}"
    );
}

#[test]
fn a_corrupt_checkpoint_fails_its_run_and_is_named() {
    let sandbox = Sandbox::new(TINY);
    let checkpoint = format!("{}/checkpoint.safetensors", sandbox.run_dir("ce"));
    sandbox.write(&checkpoint, "not tensors");
    let parts = [
        &format!("cannot read checkpoint {checkpoint}: "),
        "delete this file to train the run again",
    ];
    sandbox.run(&["--methods", "ce"]).refused(1, &parts);
    sandbox.reproduce("status", &[]).refused(1, &parts);
    assert_eq!(sandbox.read(&checkpoint), "not tensors");
}

#[test]
fn a_checkpoint_of_another_network_does_not_fit_and_is_left_alone() {
    let [small, large] = ["resnet8", "resnet20"].map(|network| Sandbox::with("\"resnet8\"", &format!("\"{network}\"")));
    small.run(&["--methods", "ce", "--epochs", "1"]).succeeded();
    let [trained] = &entries(&small.path("out/runs"))[..] else {
        panic!("one run")
    };
    let foreign = fs::read(small.path(&format!("out/runs/{trained}/checkpoint.safetensors"))).expect("a checkpoint");

    let run_dir = large.run_dir("ce");
    for table in ["metrics.csv", "per_class.csv"] {
        large.write(
            &format!("{run_dir}/{table}"),
            &small.read(&format!("out/runs/{trained}/{table}")),
        );
    }
    let checkpoint = format!("{run_dir}/checkpoint.safetensors");
    fs::write(large.path(&checkpoint), &foreign).expect("a small file");
    let mismatch = format!("checkpoint {checkpoint} does not fit its config: ");
    large
        .run(&["--methods", "ce"])
        .refused(1, &[&mismatch, "delete this file to train the run again"]);
    assert!(fs::read(large.path(&checkpoint)).expect("it is there") == foreign);
}
