//! Threads: as many as are asked for, stated, and considerate of what else runs.

use std::fs;

use crate::main_job::outcome;
use crate::sandbox::{Sandbox, TINY, precision, said};

/// What libgomp says of its environment where that is as we want it.
const SLEEPING: &str = "OMP_WAIT_POLICY = 'PASSIVE'";

#[test]
fn threads_that_are_asked_for_are_stated_and_sleep_while_they_wait() {
    let sandbox = Sandbox::new(TINY);
    let mut command = sandbox.run_command(&["--methods", "ce", "--threads", "2"]);
    let run = said(
        &command
            .env("OMP_DISPLAY_ENV", "true")
            .output()
            .expect("the binary starts"),
    )
    .succeeded();
    let run_dir = sandbox.run_dir("ce");
    let log = sandbox.read(&format!("{run_dir}/log.txt"));
    assert!(log.contains(SLEEPING), "{log}");
    let outcome = outcome(&sandbox, &run_dir);
    assert_eq!(outcome["threads"], 2);
    let command = outcome["command"].as_str().expect("words");
    let options = format!(" --precision {} --threads 2", precision());
    assert!(command.ends_with(&options), "{command}");
    let summary = sandbox.read("out/summary.md");
    assert!(summary.contains(", 2 threads of libtorch"), "{summary}");
    assert!(summary.ends_with(&format!("{options}\n```\n")), "{summary}");
    let asked =
        "was trained with 2 threads, and --threads 1 is asked for; leave the option out or choose another --out";
    sandbox.run(&["--methods", "ce", "--threads", "1"]).refused(2, &[asked]);
    assert_eq!(
        sandbox.run(&["--methods", "ce"]).succeeded().stdout,
        run.stdout,
        "without the option it stays as it is"
    );

    for (policy, is_sleeping) in [(None, true), (Some("active"), false)] {
        let mut analyze = sandbox.binary("analyze");
        analyze.arg(&run_dir).env("OMP_DISPLAY_ENV", "true");
        analyze.envs(policy.map(|policy| ("OMP_WAIT_POLICY", policy)));
        let said = said(&analyze.output().expect("the binary starts")).succeeded();
        assert_eq!(said.stderr.contains(SLEEPING), is_sleeping, "{}", said.stderr);
    }
    fs::remove_dir_all(sandbox.path("analysis")).expect("it was written");
}

#[test]
fn a_run_or_a_measurement_without_threads_is_refused() {
    let sandbox = Sandbox::new(TINY);
    let refusal = "invalid value '0' for '--threads <";
    sandbox.run(&["--threads", "0"]).refused(2, &[refusal]);
    let mut bench = sandbox.binary("bench");
    said(&bench.args(["--threads", "0"]).output().expect("the binary starts")).refused(2, &[refusal]);
    let mut bench = sandbox.binary("bench");
    let said = said(
        &bench
            .args(["--images", "99999999999999"])
            .output()
            .expect("the binary starts"),
    );
    said.refused(2, &["invalid value '99999999999999' for '--images <IMAGES>'"]);
}
