//! Rows that a run's checkpoint counts and somebody took away: the run is not gone on with as if they had never been.

use std::fs;

use crate::kill_and_resume::kill_after_an_epoch;
use crate::sandbox::{Sandbox, TINY};

const ONLY: [&str; 4] = ["--methods", "nc-drw-crt", "--validation", "5"];

/// Every line but the last one of the first epoch.
fn without_a_row(text: &str) -> String {
    let last = text.lines().rfind(|line| line.starts_with("0,")).expect("an epoch");
    text.replacen(&format!("\n{last}\n"), "\n", 1)
}

fn with_a_row_twice(text: &str) -> String {
    let first = text.lines().nth(1).expect("a row");
    text.replacen(first, &format!("{first}\n{first}"), 1)
}

fn with_half_a_row(text: &str) -> String {
    let first = text.lines().nth(1).expect("a row");
    let (half, _) = first.rsplit_once(',').expect("more than one column");
    text.replacen(first, half, 1)
}

#[test]
fn a_run_whose_rows_do_not_agree_with_its_checkpoint_is_refused_in_both_stages() {
    let sandbox = Sandbox::new(TINY);
    let plan = sandbox.reproduce("plan", &ONLY).succeeded().stdout;
    let first_stage = plan
        .split_whitespace()
        .find(|word| word.starts_with("nc-drw.r"))
        .expect("it is needed");
    let second_stage = plan
        .split_whitespace()
        .find(|word| word.starts_with("nc-drw-crt.r"))
        .expect("it is asked for");
    for run in [first_stage, second_stage] {
        let run_dir = format!("out/runs/{run}");
        kill_after_an_epoch(&sandbox, &run_dir, &ONLY);
        for table in ["metrics.csv", "per_class.csv", "validation.csv"] {
            let file = format!("{run_dir}/{table}");
            let text = sandbox.read(&file);
            let refused = |fault: &str| {
                let remedy = "put the file back as it was, or remove the run's folder to train it again";
                sandbox
                    .run(&ONLY)
                    .refused(1, &[&format!("failed: {run}: {file} {fault}"), remedy]);
            };
            fs::remove_file(sandbox.path(&file)).expect("it was there");
            refused("is not there, and the run's checkpoint counts ");
            assert!(!sandbox.path(&file).exists());
            let first = if table == "per_class.csv" {
                "epoch 0, class 0"
            } else {
                "epoch 0"
            };
            let half = format!("has half a row of {first} in line 2");
            let damage = [
                (with_half_a_row(&text), half.as_str()),
                (without_a_row(&text), "has no row of epoch 0"),
                (with_a_row_twice(&text), "has "),
                (String::new(), "has no header"),
            ];
            // Every damage of one table; the others are checked by the same lines.
            let tried = if run == first_stage && table == "per_class.csv" {
                4
            } else {
                1
            };
            for (damaged, fault) in damage.into_iter().take(tried) {
                sandbox.write(&file, &damaged);
                refused(fault);
                assert_eq!(sandbox.read(&file), damaged, "it is left alone");
            }
            sandbox.write(&file, &text);
        }
    }
    sandbox.run(&ONLY).succeeded();
}
