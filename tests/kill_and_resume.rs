//! kill -9 at any moment, then the same command: it goes on, and ends as if it had never stopped.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sandbox::{Sandbox, TINY};

const ONLY: [&str; 2] = ["--methods", "nc-drw-crt"];
const PATIENCE: Duration = Duration::from_secs(300); // an epoch takes a second, but the machine may be busy

/// Looks often until `found` returns something.
#[track_caller]
fn wait_for<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Starts the grid, kills it once an epoch of `run_dir` is checkpointed, and returns its header and the rows of epochs that
/// need no training again.
fn kill_after_an_epoch(sandbox: &Sandbox, run_dir: &str) -> Vec<String> {
    let mut parent = sandbox
        .run_command(&ONLY)
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let checkpoint = sandbox.path(&format!("{run_dir}/checkpoint.safetensors"));
    wait_for("an epoch is checkpointed", || checkpoint.exists().then_some(()));
    parent.kill().expect("it is our child");
    parent.wait().expect("it is our child");

    let name = run_dir.strip_prefix("out/runs/").expect("runs lie there");
    let state = wait_for("the worker dies with its parent", || {
        let status = sandbox.reproduce("status", &ONLY).succeeded().stdout;
        let state = status.lines().find(|line| line.starts_with(name)).expect(name);
        (!state.ends_with("running")).then(|| state.to_owned())
    });
    let (_, epochs) = state.split_once("interrupted after ").expect(&state);
    let (epochs, _) = epochs.split_once(' ').expect(&state);
    let epochs: usize = epochs.parse().expect(&state);
    assert!(epochs >= 1, "{state}");
    let metrics = sandbox.read(&format!("{run_dir}/metrics.csv"));
    metrics.lines().take(1 + epochs).map(str::to_owned).collect()
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
    let stages = ["nc-drw", "nc-drw-crt"].map(|method| killed.run_dir(method));
    let kept = stages.each_ref().map(|run_dir| kill_after_an_epoch(&killed, run_dir));
    let environment = format!("{}/environment.toml", stages[1]);
    let begun = killed.read(&environment);
    let (commit, rest) = begun.split_once('\n').expect("its first line is the commit");
    killed.write(&environment, &format!("commit = \"0123456789ab\"\n{rest}"));
    let other = if begun.contains("precision = \"f32\"") {
        "bf16"
    } else {
        "f32"
    };
    killed
        .run(&[&ONLY[..], &["--precision", other]].concat())
        .refused(2, &["was trained in", "leave the option out or choose another --out"]);
    killed.run(&ONLY).succeeded();

    let ended = killed.read(&environment);
    assert!(ended.starts_with(commit), "{ended}");
    assert!(ended.contains("[[earlier]]\ncommit = \"0123456789ab\""), "{ended}");
    let runs = killed.read("out/runs.csv");
    assert!(runs.contains("0123456789ab then "), "{runs}");

    for (run_dir, kept) in stages.iter().zip(kept) {
        let metrics = |sandbox: &Sandbox| sandbox.read(&format!("{run_dir}/metrics.csv"));
        assert_eq!(without_times(&metrics(&killed)), without_times(&metrics(&undisturbed)));
        let rows: Vec<String> = metrics(&killed).lines().map(str::to_owned).collect();
        assert_eq!(rows[..kept.len()], kept, "what was checkpointed is not trained again");
        for name in ["checkpoint.safetensors", "per_class.csv", "indices.txt"] {
            let bytes = |sandbox: &Sandbox| fs::read(sandbox.path(&format!("{run_dir}/{name}"))).expect(name);
            assert!(bytes(&killed) == bytes(&undisturbed), "{run_dir}/{name} differs");
        }
    }
}
