//! The main job: a grid runs, ends in tables, and is not run again.

use std::fs;
use std::process::Stdio;

use sha2::{Digest, Sha256};

use crate::analyze::cell;
use crate::sandbox::{Sandbox, TINY, entries, precision, said};

const TABLES: [&str; 4] = [
    "out/runs.csv",
    "out/summary.csv",
    "out/robustness.csv",
    "out/summary.md",
];

pub(crate) fn outcome(sandbox: &Sandbox, run_dir: &str) -> serde_json::Value {
    serde_json::from_str(&sandbox.read(&format!("{run_dir}/outcome.json"))).expect("an outcome is JSON")
}

#[test]
fn a_data_set_as_it_is_has_no_ratio_in_outcome_and_tables() {
    let sandbox = Sandbox::with(
        "imbalance = [{ exponential = { ratio = 400 } }]",
        "imbalance = [\"natural\"]",
    );
    // All but 20 images of each class are held out, for time.
    let options = ["--methods", "ce", "--imbalance", "natural", "--validation", "980"];
    sandbox.run(&options).succeeded();
    let [run_dir] = &entries(&sandbox.path("out/runs"))[..] else {
        panic!("one run")
    };
    assert!(run_dir.starts_with("ce.natural.s0."), "{run_dir}");
    let outcome = outcome(&sandbox, &format!("out/runs/{run_dir}"));
    assert_eq!(
        (&outcome["imbalance"], &outcome["ratio"]),
        (&"natural".into(), &serde_json::Value::Null)
    );
    assert_eq!(outcome["train_images"], 200);
    let command = outcome["command"].as_str().expect("a text");
    assert!(command.contains(" --imbalance natural "), "{command}");
    assert!(
        sandbox.read("out/summary.csv").contains("\nce,natural,,"),
        "an empty field"
    );
    let summary = sandbox.read("out/summary.md");
    assert!(
        summary.contains("Training splits: natural (200 images, split `"),
        "{summary}"
    );
}

#[test]
fn a_grid_runs_once_and_ends_in_tables_that_can_be_made_again() {
    let sandbox = Sandbox::new(TINY);
    let first = sandbox.run(&[]).succeeded();
    let run_dirs = ["ce", "nc-drw", "nc-drw-crt"].map(|method| sandbox.run_dir(method));
    every_run_left_its_files(&sandbox, &run_dirs);

    let crt = outcome(&sandbox, &run_dirs[2]);
    assert_eq!(
        crt["threads"], 1,
        "it was the only run left, and no more threads are asked for"
    );
    assert_eq!(crt["precision"], precision(), "whatever the processor");
    assert_eq!(
        format!("out/runs/{}", crt["first_stage"].as_str().expect("a name")),
        run_dirs[1]
    );
    assert_eq!(
        entries(&sandbox.path("out/runs")).len(),
        3,
        "a first stage is trained once"
    );

    let status = sandbox.reproduce("status", &[]).succeeded().stdout;
    assert_eq!(
        status.lines().filter(|line| line.contains("done: ")).count(),
        3,
        "{status}"
    );
    let states = sandbox.reproduce("status", &["--json"]).succeeded().stdout;
    let states: Vec<serde_json::Value> = serde_json::from_str(&states).expect("JSON");
    assert!(
        states
            .iter()
            .all(|run| run["state"] == "finished" && run["accuracy"].is_f64()),
        "{states:?}"
    );
    assert_eq!(states.len(), 3);

    let tables = TABLES.map(|table| sandbox.read(table));
    let metrics = run_dirs
        .clone()
        .map(|run_dir| sandbox.read(&format!("{run_dir}/metrics.csv")));
    let again = sandbox.run(&[]).succeeded();
    assert_eq!(again.stdout, first.stdout);
    assert!(!again.stderr.contains("epoch"), "nothing is trained: {}", again.stderr);
    assert_eq!(
        metrics,
        run_dirs.map(|run_dir| sandbox.read(&format!("{run_dir}/metrics.csv")))
    );
    assert_eq!(tables, TABLES.map(|table| sandbox.read(table)));

    for table in TABLES {
        fs::remove_file(sandbox.path(table)).expect("it was there");
    }
    let report = sandbox.reproduce("report", &[]).succeeded();
    let tables_again = report.stdout.strip_suffix("\nout/report.html\n");
    let tables_again = tables_again.expect("the last line is the page's path");
    assert!(first.stdout.starts_with(tables_again), "{}", report.stdout);
    assert_eq!(tables, TABLES.map(|table| sandbox.read(table)));
}

fn every_run_left_its_files(sandbox: &Sandbox, run_dirs: &[String]) {
    for run_dir in run_dirs {
        let indices = sandbox.read(&format!("{run_dir}/indices.txt"));
        let digest = format!("{:x}", Sha256::digest(&indices));
        let outcome = outcome(sandbox, run_dir);
        assert_eq!(outcome["split_digest"], digest);
        assert_eq!(outcome["train_images"], indices.lines().count());
        assert_eq!(sandbox.read(&format!("{run_dir}/metrics.csv")).lines().count(), 1 + 2);
        for name in ["config.toml", "environment.toml"] {
            toml::from_str::<toml::Table>(&sandbox.read(&format!("{run_dir}/{name}"))).expect("TOML");
        }
        assert!(sandbox.path(&format!("{run_dir}/checkpoint.safetensors")).exists());
        let run = run_dir.strip_prefix("out/runs/").expect("runs lie there");
        assert!(sandbox.read("out/runs.csv").contains(run), "{run} has a row");
    }
    let groups = ["many", "medium", "few"].map(|group| format!("{group}_by_index_mean"));
    assert!(
        groups
            .iter()
            .any(|group| !cell(&sandbox.read("out/summary.csv"), 1, group).is_empty())
    );
    assert_eq!(sandbox.read("out/summary.csv").lines().count(), 1 + run_dirs.len());
    assert_eq!(
        sandbox.read("out/robustness.csv").lines().count(),
        1 + 15 * run_dirs.len()
    );
    let summary = sandbox.read("out/summary.md");
    assert!(summary.contains("| nc-drw-crt | exponential 400 |"), "{summary}");
    assert!(!summary.contains("Not in the table"), "{summary}");
}

#[test]
fn plan_and_a_dry_run_print_the_same_runs_and_write_nothing() {
    let sandbox = Sandbox::new(TINY);
    let plan = sandbox
        .reproduce("plan", &["--methods", "nc-drw-crt"])
        .succeeded()
        .stdout;
    assert!(plan.ends_with("1 run, 2 networks to train\n"), "{plan}");
    let dry_run = sandbox.run(&["--dry-run", "--methods", "nc-drw-crt"]).succeeded();
    assert_eq!(dry_run.stdout, plan);
    assert_eq!(entries(&sandbox.path("")), ["grid.toml"]);
}

/// A processor without bf16 instructions computes it too, so this holds everywhere.
#[test]
fn a_forced_precision_is_trained_in_and_stated() {
    let losses = ["f32", "bf16"].map(|precision| {
        let sandbox = Sandbox::new(TINY);
        sandbox
            .run(&["--methods", "nc-drw", "--precision", precision])
            .succeeded();
        let summary = sandbox.read("out/summary.md");
        assert!(summary.contains(&format!("Arithmetic: {precision} on ")), "{summary}");
        let metrics = sandbox.read(&format!("{}/metrics.csv", sandbox.run_dir("nc-drw")));
        let other = if precision == "f32" { "bf16" } else { "f32" };
        let asked = format!("--precision {other} is asked for; leave the option out or choose another --out");
        sandbox
            .run(&["--methods", "nc-drw", "--precision", other])
            .refused(2, &["was trained in", precision, &asked]);
        assert_eq!(sandbox.read("out/summary.md"), summary);
        cell(&metrics, 1, "train_loss").parse::<f64>().expect("a number")
    });
    let difference = (losses[0] - losses[1]).abs() / losses[0];
    assert!(difference > 0.0 && difference < 0.05, "{losses:?}");
}

#[test]
fn whoever_reads_the_output_may_stop_reading() {
    let sandbox = Sandbox::new(TINY);
    let mut plan = sandbox.command("plan", &[]);
    let mut plan = plan
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(plan.stdout.take());
    let said = said(&plan.wait_with_output().expect("it ends"));
    assert_eq!(said.stderr, "");
}
