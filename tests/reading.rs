//! Reading needs no writing: an archive may be read-only, and results another user's.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::kill_and_resume::kill_after_an_epoch;
use crate::sandbox::{Said, Sandbox, TINY, said};

const ONLY: [&str; 2] = ["--methods", "ce,nc-drw"];
const NOBODY: u32 = 65534;

/// Everything below a folder, with when it was last changed.
fn everything(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable entry").path();
        let metadata = fs::metadata(&path).expect("it is there");
        if metadata.is_dir() {
            found.extend(everything(&path));
        }
        found.insert(path, metadata.modified().expect("Linux knows"));
    }
    found
}

/// Gives everything below `folder`, and itself, the mode `folders` or `files`.
fn change_modes(folder: &Path, folders: u32, files: u32) {
    for path in everything(folder).into_keys() {
        let mode = if path.is_dir() { folders } else { files };
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("they are ours");
    }
    fs::set_permissions(folder, Permissions::from_mode(folders)).expect("it is ours");
}

/// The verb as somebody who may read the sandbox and no more: permissions do not bind root, so another user, if this is root.
fn as_a_reader(sandbox: &Sandbox, verb: &str) -> Said {
    let mut command = sandbox.command(verb, &ONLY);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    said(&command.output().expect("the binary starts"))
}

#[test]
fn status_report_and_plan_of_a_read_only_folder_say_what_is_there_and_write_nothing() {
    let sandbox = Sandbox::new(TINY);
    sandbox.run(&["--methods", "ce"]).succeeded();
    let run_dir = sandbox.run_dir("nc-drw");
    kill_after_an_epoch(&sandbox, &run_dir, &["--methods", "nc-drw"]);
    let lock = sandbox.path(&format!("{run_dir}/run.lock"));
    fs::remove_file(&lock).expect("it was there");
    let before = everything(&sandbox.path(""));
    let status = sandbox.reproduce("status", &ONLY).succeeded().stdout;
    let of_run = |status: &str| {
        status
            .lines()
            .nth(1)
            .expect("two runs")
            .split_once("  ")
            .expect("a state")
            .1
            .to_owned()
    };
    let interrupted = of_run(&status);
    let (_, epochs) = interrupted.split_once("interrupted after ").expect(&interrupted);
    assert_eq!(everything(&sandbox.path("")), before);

    change_modes(&sandbox.path(""), 0o555, 0o444);
    let before = everything(&sandbox.path(""));
    assert_eq!(as_a_reader(&sandbox, "status").succeeded().stdout, status);
    let plan = as_a_reader(&sandbox, "plan").succeeded().stdout;
    assert!(plan.ends_with("2 runs, 2 networks to train\n"), "{plan}");
    let report = as_a_reader(&sandbox, "report").succeeded();
    assert!(report.stdout.contains("| ce     |"), "{report:#?}");
    assert!(
        report
            .stderr
            .starts_with("warning: the table is only printed: cannot write out/"),
        "{report:#?}"
    );
    assert_eq!(everything(&sandbox.path("")), before);

    change_modes(&sandbox.path(""), 0o755, 0o644);
    fs::write(&lock, "").expect("writable again");
    fs::set_permissions(&lock, Permissions::from_mode(0o000)).expect("it is ours");
    let status = as_a_reader(&sandbox, "status").succeeded().stdout;
    let expected = format!(
        "interrupted after {epochs}, or running: cannot read {run_dir}/run.lock: Permission denied (os error 13)"
    );
    assert_eq!(of_run(&status), expected);
}
