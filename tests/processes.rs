//! Several processes train one run: the numbers of one process within rounding, the same bits again, and nothing lost when one is killed.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::kill_and_resume::{wait_for, without_times};
use crate::sandbox::{Sandbox, TINY};

const TWO: [&str; 6] = ["--methods", "nc-drw", "--processes", "2", "--checkpoint-every", "0"];

fn outcome(sandbox: &Sandbox) -> Value {
    let run_dir = sandbox.run_dir("nc-drw");
    serde_json::from_str(&sandbox.read(&format!("{run_dir}/outcome.json"))).expect("JSON")
}

#[test]
fn a_process_that_is_killed_inside_an_epoch_ends_its_run_which_then_goes_on_to_the_bits_of_an_uninterrupted_one() {
    let straight = Sandbox::new(TINY);
    straight.run(&TWO).succeeded();
    let run_dir = straight.run_dir("nc-drw");

    let killed = Sandbox::new(TINY);
    let run = killed.run_command(&TWO).stderr(Stdio::null()).spawn();
    let mut run = run.expect("the binary starts");
    let checkpoint = killed.path(&format!("{run_dir}/checkpoint.safetensors"));
    wait_for("a step is checkpointed", || checkpoint.exists().then_some(()));
    let second = wait_for("the second process", || {
        let processes = fs::read_dir("/proc").expect("a Linux machine").flatten();
        let arguments = |path: std::path::PathBuf| fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        let mut ours = processes.map(|process| process.path()).filter(|path| {
            let arguments = arguments(path.clone());
            let here = fs::read_link(path.join("cwd"))
                .is_ok_and(|folder| folder == killed.path("").canonicalize().expect("it exists"));
            here && arguments.contains("\0--rank\0")
        });
        ours.next()?.file_name()?.to_str()?.parse::<i32>().ok()
    });
    let second = rustix::process::Pid::from_raw(second).expect("a process");
    rustix::process::kill_process(second, rustix::process::Signal::KILL).expect("it is ours");
    let failed = run.wait().expect("our child");
    assert_eq!(failed.code(), Some(1));
    let log = killed.read(&format!("{run_dir}/log.txt"));
    assert!(
        log.contains("error: rank 1 was lost") && log.contains("the same command resumes the run"),
        "{log}"
    );
    let status = killed.reproduce("status", &["--methods", "nc-drw"]).succeeded().stdout;
    assert!(status.contains("interrupted after "), "{status}");

    killed.run(&TWO).succeeded();
    let metrics = |sandbox: &Sandbox| without_times(&sandbox.read(&format!("{run_dir}/metrics.csv")));
    assert_eq!(metrics(&killed), metrics(&straight));
    let bits =
        |sandbox: &Sandbox| fs::read(sandbox.path(&format!("{run_dir}/checkpoint.safetensors"))).expect("it is kept");
    assert!(bits(&killed) == bits(&straight), "the networks differ");

    let alone = Sandbox::new(TINY);
    alone.take_finished(TINY, "nc-drw", "0");
    let loss = |sandbox: &Sandbox| -> f64 { metrics(sandbox)[1][2].parse().expect("a number") };
    let (one, two) = (loss(&alone), loss(&straight));
    assert!((one - two).abs() < 0.02 * one, "{one} by one process, {two} by two");
    assert_eq!(
        (
            outcome(&straight)["processes"].clone(),
            outcome(&alone)["processes"].clone()
        ),
        (2.into(), 1.into())
    );
    let table = straight.read("out/summary.md");
    assert!(table.contains("1 thread in each of 2 processes"), "{table}");

    let other = ["--methods", "nc-drw", "--processes", "3"];
    fs::remove_file(killed.path(&format!("{run_dir}/outcome.json"))).expect("it is there");
    killed
        .run(&other)
        .refused(2, &["was trained by 2 processes, and --processes 3 is asked for"]);
}

#[test]
fn methods_that_need_a_whole_batch_in_one_process_are_refused_before_training() {
    let contrasted =
        format!("{TINY}\n[[method]]\nname = \"paco\"\n[method.uses]\ncontrast = {{ parametric = {{}} }}\n");
    let sandbox = Sandbox::new(&contrasted);
    sandbox.run(&["--processes", "2"]).refused(
        2,
        &["`paco` cannot be trained by 2 processes: its contrastive learning compares views of a whole batch; choose other methods with \
           --methods, or leave out --processes"],
    );
    assert!(!sandbox.path("out/runs").exists());
}
