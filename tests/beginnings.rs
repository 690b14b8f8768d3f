//! Shared beginnings: epochs that several runs would train alike are trained once, and no bit of any run depends on it.

use std::fs;

use crate::kill_and_resume::{kill_after_an_epoch, without_times};
use crate::sandbox::{Sandbox, entries};

const GRID: &str = include_str!("fixtures/grids/deferred.toml");

/// Each method, and the method and the number of epochs that it begins with.
const BEGINNINGS: [(&str, Option<(&str, i64)>); 5] = [
    ("ce", None),
    ("re-weighted-later", Some(("ce", 2))),
    ("re-sampled-later", Some(("ce", 2))),
    ("nc-later", Some(("ce", 2))),
    ("nc-and-re-weighted-later", Some(("nc-later", 3))),
];

/// That the run of `method` left the same in both sandboxes.
#[track_caller]
fn assert_same(method: &str, sandbox: &Sandbox, alone: &Sandbox) {
    let run_dir = sandbox.run_dir(method);
    let metrics = |sandbox: &Sandbox| without_times(&sandbox.read(&format!("{run_dir}/metrics.csv")));
    assert_eq!(metrics(sandbox), metrics(alone), "{method}");
    for name in [
        "checkpoint.safetensors",
        "per_class.csv",
        "validation.csv",
        "confusion.csv",
        "angles.csv",
        "indices.txt",
    ] {
        let bytes = |sandbox: &Sandbox| fs::read(sandbox.path(&format!("{run_dir}/{name}"))).expect(name);
        assert!(bytes(sandbox) == bytes(alone), "{method}: {name} differs");
    }
}

#[test]
fn epochs_that_methods_train_alike_are_trained_once_and_end_with_the_same_bits() {
    let together = Sandbox::new(GRID);
    let plan = together.reproduce("plan", &[]).succeeded().stdout;
    assert!(
        plan.ends_with("5 runs, 5 networks to train in 11 epochs instead of 20\n"),
        "{plan}"
    );
    together.run(&[]).succeeded();
    let alone = Sandbox::new(GRID);
    for (method, beginning) in BEGINNINGS {
        alone.take_finished(GRID, method, "0");
        assert_same(method, &together, &alone);
        let environment = together.read(&format!("{}/environment.toml", together.run_dir(method)));
        match beginning {
            None => assert!(!environment.contains("[[earlier]]"), "{environment}"),
            Some((other, epochs)) => {
                assert!(
                    environment.contains(&format!("\nfirst_epoch = {epochs}\n")),
                    "{environment}"
                );
                let kept = format!("{}/before-epoch-{epochs}.safetensors", together.run_dir(other));
                assert!(together.path(&kept).exists(), "{kept}");
            }
        }
        let files = entries(&alone.path(&alone.run_dir(method)));
        assert!(
            !files.iter().any(|file| file.starts_with("before-")),
            "nobody needs one: {files:?}"
        );
    }
}

#[test]
fn runs_killed_before_and_after_their_beginning_end_with_the_same_bits() {
    let killed = Sandbox::new(GRID);
    let options = ["--methods", "ce,nc-later"];
    for method in ["ce", "nc-later"] {
        kill_after_an_epoch(&killed, &killed.run_dir(method), &options);
    }
    killed.run(&options).succeeded();
    let alone = Sandbox::new(GRID);
    for method in ["ce", "nc-later"] {
        alone.take_finished(GRID, method, "0");
        assert_same(method, &killed, &alone);
    }
}

#[test]
fn what_was_not_kept_or_has_other_bits_is_trained_again() {
    let sandbox = Sandbox::new(GRID);
    sandbox.run(&["--methods", "ce"]).succeeded(); // it keeps nothing, since no other run is asked for
    sandbox.run(&["--methods", "ce,re-weighted-later"]).succeeded();
    let environment = |method: &str| sandbox.read(&format!("{}/environment.toml", sandbox.run_dir(method)));
    assert!(environment("re-weighted-later").contains("\nfirst_epoch = 0\n"));

    let ce = sandbox.run_dir("ce");
    let nc = sandbox.run_dir("nc-later");
    fs::copy(
        sandbox.path(&format!("{ce}/checkpoint.safetensors")),
        sandbox.path(&format!("{ce}/before-epoch-2.safetensors")),
    )
    .expect("a file of ours"); // of another epoch, which nothing notices, but of another device too, which counts
    let other = environment("ce").replacen("threads = 1", "threads = 3", 1);
    sandbox.write(&format!("{ce}/environment.toml"), &other);
    sandbox.run(&["--methods", "ce,nc-later"]).succeeded();
    let alone = Sandbox::new(GRID);
    alone.take_finished(GRID, "nc-later", "0");
    assert_same("nc-later", &sandbox, &alone);
    assert!(
        sandbox
            .read(&format!("{nc}/environment.toml"))
            .contains("\nfirst_epoch = 0\n")
    );
}
