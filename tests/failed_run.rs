//! A failed run is a result too: listed with its reason, and in nobody's way.

use std::process::Command;

use crate::sandbox::{Sandbox, TINY, entries, said};

const ONE_EPOCH: [&str; 4] = ["--methods", "ce", "--epochs", "1"];

#[test]
fn a_run_whose_loss_is_not_finite_is_listed_and_stops_no_other() {
    // Only methods with the regularizer fail: its weight overflows f32 in the first step.
    let grid = TINY.replace("nc = {}", "nc = { lambda_1 = 1e38 }");
    let sandbox = Sandbox::new(&grid);
    let said = sandbox.run(&[]);
    let (ce, nc, crt) = (
        sandbox.run_dir("ce"),
        sandbox.run_dir("nc-drw"),
        sandbox.run_dir("nc-drw-crt"),
    );
    let name = |run_dir: &str| run_dir.strip_prefix("out/runs/").expect("runs lie there").to_owned();
    let diverged = "in epoch 0; the checkpoint before that epoch is kept: lower the learning rate or check the data";
    let blocked = format!("failed: {}: its first stage {} failed", name(&crt), name(&nc));
    said.refused(
        1,
        &[&format!("failed: {}: loss became ", name(&nc)), diverged, &blocked],
    );

    assert!(sandbox.path(&format!("{ce}/outcome.json")).exists());
    assert!(!sandbox.path(&format!("{nc}/outcome.json")).exists());
    assert!(!sandbox.path(&crt).exists(), "it never started");
    let summary = sandbox.read("out/summary.md");
    for (method, seeds) in [("ce ", "1 of 1"), ("nc-drw ", "0 of 1"), ("nc-drw-crt ", "0 of 1")] {
        let row = summary.lines().find(|line| line.starts_with(&format!("| {method}")));
        assert!(row.is_some_and(|row| row.contains(seeds)), "{method}: {summary}");
    }
    assert!(
        summary.contains(&format!("- `{}`: loss became ", name(&nc))),
        "{summary}"
    );
}

/// A limit on the size of files stands in for a full disk: it needs no rights and holds for root too.
#[test]
fn a_full_disk_fails_the_run_and_with_room_the_same_command_finishes_it() {
    let sandbox = Sandbox::new(TINY);
    let run = sandbox.run_command(&ONE_EPOCH);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]);
    limited
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(sandbox.path(""));
    let refusal = said(&limited.output().expect("sh starts"));
    let [run] = &entries(&sandbox.path("out/runs"))[..] else {
        panic!("one run")
    };
    let run_dir = format!("out/runs/{run}");
    let checkpoint = format!("cannot write checkpoint {run_dir}/checkpoint.safetensors: ");
    refusal.refused(
        1,
        &[
            &checkpoint,
            "make room or choose another --out, then run the same command again",
        ],
    );
    assert!(
        !sandbox.path(&format!("{run_dir}/checkpoint.tmp")).exists(),
        "half a file is removed"
    );

    sandbox.run(&ONE_EPOCH).succeeded();
    assert_eq!(sandbox.read(&format!("{run_dir}/metrics.csv")).lines().count(), 1 + 1);
}
