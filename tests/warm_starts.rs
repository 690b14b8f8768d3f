//! Networks that begin with another's weights or learn from another's answers, through the worker.

use std::fs;

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY, entries};
use crate::second_stages::column;

fn method(name: &str, uses: &str) -> String {
    format!("\n[[method]]\nname = \"{name}\"\n[method.uses]\n{uses}\n")
}

/// The tiny grid with a pre-trained method, one that goes on from there, and a student.
fn grid() -> String {
    let dive = "loss = \"balanced-softmax\"\n\
                distillation = { teacher = \"ce\", temperature = 3, weight = 0.5, power = 0.5 }";
    TINY.to_owned()
        + &method("ssp", "initial = \"rotation\"")
        + &method("again", "initial = { method = \"ssp\" }")
        + &method("dive", dive)
}

const METHODS: [&str; 2] = ["--methods", "ssp,again,dive"];

#[test]
fn what_is_needed_is_trained_first_and_once() {
    let sandbox = Sandbox::new(&grid());
    let plan = sandbox.reproduce("plan", &METHODS).stdout;
    let line = |beginning: &str, end: &str| {
        let found = plan
            .lines()
            .any(|line| line.starts_with(beginning) && line.contains(end));
        assert!(found, "{beginning} … {end}: {plan}");
    };
    line("ce.r400.s0.", "is trained as well, the teacher of dive.r400");
    line(
        "ssp~rotation.r400.s0.",
        "is trained as well, the initial network of ssp.r400",
    );
    line("ssp.r400.s0.", "is also the initial network of again.r400");
    line("3 runs, 5 networks to train", "");

    sandbox.run(&METHODS).succeeded();
    assert_eq!(entries(&sandbox.path("out/runs")).len(), 5);
    let first_loss = |run_dir: &str| {
        let losses = column(&sandbox.read(&format!("{run_dir}/metrics.csv")), "train_loss");
        losses[0].parse::<f64>().expect("a number")
    };
    let [ce, ssp, again, dive] = ["ce", "ssp", "again", "dive"].map(|method| sandbox.run_dir(method));
    assert!(first_loss(&again) < first_loss(&ssp), "it begins where the other ended");
    let (student, teacher) = (
        sandbox.read(&format!("{dive}/config.toml")),
        ce.trim_start_matches("out/runs/"),
    );
    assert!(student.contains(&format!("teacher = \"{teacher}\"")), "{student}");
    for run_dir in [ssp, again, dive] {
        assert!(outcome(&sandbox, &run_dir)["accuracy_last"].is_f64());
    }

    let file = method("file", "initial = { checkpoint = { path = \"ce.safetensors\" } }");
    let started_from_ce = |grid: &str| {
        let elsewhere = Sandbox::new(&(grid.to_owned() + &file));
        let checkpoint = sandbox.path(&format!("{ce}/checkpoint.safetensors"));
        fs::copy(checkpoint, elsewhere.path("ce.safetensors")).expect("a file");
        let said = elsewhere.run(&["--methods", "file"]);
        (elsewhere, said)
    };
    let (elsewhere, said) = started_from_ce(TINY);
    said.succeeded();
    let losses = column(
        &elsewhere.read(&format!("{}/metrics.csv", elsewhere.run_dir("file"))),
        "train_loss",
    );
    assert!(losses[0].parse::<f64>().expect("a number") < first_loss(&ce));
    let (_, said) = started_from_ce(&TINY.replace("\"resnet8\"", "\"resnet20\""));
    said.refused(1, &["cannot start from ce.safetensors: it has no `layer1.1.bn1.bias`"]);
}
