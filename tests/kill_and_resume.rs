//! kill -9 at any moment, then the same command: it goes on, and ends as if it had never stopped.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sandbox::{Sandbox, TINY, precision};

const ONLY: [&str; 2] = ["--methods", "nc-drw-crt"];
const PATIENCE: Duration = Duration::from_secs(300); // an epoch takes a second, but the machine may be busy

/// Looks often until `found` returns something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
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
pub(crate) fn kill_after_an_epoch(sandbox: &Sandbox, run_dir: &str, options: &[&str]) -> Vec<String> {
    let mut parent = sandbox
        .run_command(options)
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let checkpoint = sandbox.path(&format!("{run_dir}/checkpoint.safetensors"));
    wait_for("an epoch is checkpointed", || checkpoint.exists().then_some(()));
    parent.kill().expect("it is our child");
    parent.wait().expect("it is our child");

    let name = run_dir.strip_prefix("out/runs/").expect("runs lie there");
    let state = wait_for("the worker dies with its parent", || {
        let status = sandbox.reproduce("status", options).succeeded().stdout;
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
pub(crate) fn without_times(csv: &str) -> Vec<Vec<String>> {
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

/// Other settings or data than those of the interrupted run whose `environment.toml` this is; nothing is written.
fn refuses_what_would_change_the_numbers(sandbox: &Sandbox, environment: &str) {
    let begun = sandbox.read(environment);
    let other = if precision() == "f32" { "bf16" } else { "f32" };
    let trained_in = format!("in {}", precision());
    for (option, value, trained) in [
        ("--precision", other, trained_in.as_str()),
        ("--threads", "2", "with 1 thread"),
    ] {
        let asked = format!("was trained {trained}, and {option} {value} is asked for; leave the option out or choose");
        let options = [&ONLY[..], &[option, value]].concat();
        sandbox.run(&options).refused(2, &[&asked]);
    }
    for (field, refusals) in [
        (
            "data_digest",
            [
                "was trained on data with digest 0123, and the data found here have digest",
                "with --data",
            ],
        ),
        (
            "split_digest",
            [
                "was trained on a split with digest 0123",
                "continue with the program that started it",
            ],
        ),
        (
            "libtorch",
            [
                "was trained with libtorch 0123, and this program has 2.11.0",
                "choose another --out",
            ],
        ),
    ] {
        let (before, rest) = begun.split_once(&format!("{field} = \"")).expect(field);
        let (_, after) = rest.split_once('"').expect(field);
        let other = format!("{before}{field} = \"0123\"{after}");
        sandbox.write(environment, &other);
        let said = sandbox.run(&ONLY);
        assert!(said.code.is_some_and(|code| code != 0), "{said:#?}");
        for refusal in refusals {
            assert!(said.stderr.contains(refusal), "{said:#?}");
        }
        assert_eq!(sandbox.read(environment), other);
    }
    sandbox.write(environment, &begun);
}

#[test]
fn a_grid_killed_in_both_stages_ends_bit_for_bit_as_one_that_was_not() {
    let undisturbed = Sandbox::new(TINY);
    undisturbed.run(&ONLY).succeeded();
    let killed = Sandbox::new(TINY);
    let stages = ["nc-drw", "nc-drw-crt"].map(|method| killed.run_dir(method));
    let kept = stages
        .each_ref()
        .map(|run_dir| kill_after_an_epoch(&killed, run_dir, &ONLY));
    let environment = format!("{}/environment.toml", stages[1]);
    let begun = killed.read(&environment);
    let commit = begun
        .lines()
        .find(|line| line.starts_with("commit = "))
        .expect("it states one");
    killed.write(&environment, &begun.replacen(commit, "commit = \"0123456789ab\"", 1));
    refuses_what_would_change_the_numbers(&killed, &environment);
    killed.run(&ONLY).succeeded();

    let ended = killed.read(&environment);
    assert!(ended.starts_with(&format!("format = 2\n{commit}\n")), "{ended}");
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

#[test]
fn a_run_killed_inside_an_epoch_goes_on_with_the_next_step() {
    let options = ["--methods", "nc-drw", "--checkpoint-every", "0"];
    let killed = Sandbox::new(TINY);
    let run_dir = killed.run_dir("nc-drw");
    let checkpoint = killed.path(&format!("{run_dir}/checkpoint.safetensors"));
    let mut run = killed
        .run_command(&options)
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    wait_for("a step is checkpointed", || checkpoint.exists().then_some(()));
    run.kill().expect("it is our child");
    run.wait().expect("it is our child");
    let interrupted = wait_for("the worker dies with its parent", || {
        let status = killed.reproduce("status", &options[..2]).succeeded().stdout;
        status.contains("interrupted after ").then_some(status)
    });
    assert!(
        interrupted.contains(" epochs and ") && interrupted.contains(" step"),
        "{interrupted}"
    );
    killed.run(&options[..2]).succeeded();

    let undisturbed = Sandbox::new(TINY);
    undisturbed.take_finished(TINY, "nc-drw", "0");
    let rows = |sandbox: &Sandbox| without_times(&sandbox.read(&format!("{run_dir}/metrics.csv")));
    assert_eq!(rows(&killed), rows(&undisturbed));
    let bits = |sandbox: &Sandbox| fs::read(sandbox.path(&format!("{run_dir}/checkpoint.safetensors"))).expect("kept");
    assert!(bits(&killed) == bits(&undisturbed), "the networks differ");
}
