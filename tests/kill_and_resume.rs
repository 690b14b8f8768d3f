//! kill -9 at any moment, then the same command: it goes on, and ends as if it had never stopped.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sandbox::{Sandbox, TINY};

const ONLY: [&str; 2] = ["--methods", "nc-drw-crt"];
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `done`, looking often.
#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Starts the grid, kills it once an epoch of `run_dir` is checkpointed, and returns the rows that need no training again.
fn kill_after_an_epoch(sandbox: &Sandbox, run_dir: &str) -> Vec<String> {
    let metrics = format!("{run_dir}/metrics.csv");
    let mut parent = sandbox.run_command(&ONLY).spawn().expect("the binary starts");
    let checkpoint = sandbox.path(&format!("{run_dir}/checkpoint.safetensors"));
    wait_until("an epoch is checkpointed", || checkpoint.exists());
    parent.kill().expect("it is running");
    parent.wait().expect("it is our child");

    let name = run_dir.strip_prefix("out/runs/").expect("runs lie there");
    let mut state = String::new();
    wait_until("the worker dies with its parent", || {
        let status = sandbox.reproduce("status", &ONLY).succeeded().stdout;
        state = status
            .lines()
            .find(|line| line.starts_with(name))
            .expect(name)
            .to_owned();
        !state.ends_with("running")
    });
    let epochs = state.split_once("interrupted after ").expect(&state).1;
    let epochs: usize = epochs
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .expect(&state);
    assert!(epochs >= 1, "{state}");
    sandbox
        .read(&metrics)
        .lines()
        .take(1 + epochs)
        .map(str::to_owned)
        .collect()
}

/// A CSV without the columns that a clock filled in.
fn without_times(csv: &str) -> Vec<Vec<String>> {
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let timed: Vec<bool> = rows[0]
        .iter()
        .map(|name| ["images_per_second", "seconds"].contains(name))
        .collect();
    assert_eq!(timed.iter().filter(|&&timed| timed).count(), 2);
    let keep = |row: Vec<&str>| {
        row.iter()
            .zip(&timed)
            .filter(|&(_, timed)| !timed)
            .map(|(&cell, _)| cell.to_owned())
            .collect()
    };
    rows.into_iter().map(keep).collect()
}

#[test]
fn a_grid_killed_in_both_stages_ends_bit_for_bit_as_one_that_was_not() {
    let undisturbed = Sandbox::new(TINY);
    undisturbed.run(&ONLY).succeeded();
    let killed = Sandbox::new(TINY);
    for method in ["nc-drw", "nc-drw-crt"] {
        let run_dir = killed.run_dir(method);
        let kept = kill_after_an_epoch(&killed, &run_dir);
        assert!(!killed.path(&format!("{run_dir}/outcome.json")).exists());
        if method == "nc-drw-crt" {
            killed.run(&ONLY).succeeded();
        } else {
            killed.run(&["--methods", "nc-drw"]).succeeded();
        }
        let metrics = killed.read(&format!("{run_dir}/metrics.csv"));
        let rows: Vec<&str> = metrics.lines().collect();
        assert_eq!(rows[..kept.len()], kept, "epochs before the kill are not trained again");
        assert_eq!(
            without_times(&metrics),
            without_times(&undisturbed.read(&format!("{run_dir}/metrics.csv")))
        );
        for name in ["checkpoint.safetensors", "per_class.csv", "indices.txt"] {
            let bytes = |sandbox: &Sandbox| fs::read(sandbox.path(&format!("{run_dir}/{name}"))).expect(name);
            assert!(bytes(&killed) == bytes(&undisturbed), "{run_dir}/{name} differs");
        }
    }
}
