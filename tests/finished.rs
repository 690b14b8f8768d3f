//! Finished runs, trained once for all tests that are about what comes after training.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::sandbox::{precision, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_reproduce");

/// Copies the runs of these methods and seeds of a grid to `folder`, training those that no test has asked for before.
///
/// # Panics
/// If they cannot be trained.
pub(crate) fn copy_to(folder: &Path, grid: &str, methods: &str, seeds: &str) {
    let kept = folder_of_this_program(grid);
    fs::create_dir_all(&kept).expect("a folder of ours");
    let lock = File::create(kept.join("lock")).expect("a file of ours");
    lock.lock().expect("locks"); // other tests are processes of their own
    fs::write(kept.join("grid.toml"), grid).expect("a small file");
    let options = ["--methods", methods, "--seeds", seeds];
    let reproduce = |verb: &str, more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(&kept)
            .args([verb, "grid.toml"])
            .args(options)
            .args(more);
        said(&command.output().expect("the binary starts")).succeeded().stdout
    };
    reproduce("run", &["--device", "cpu", "--precision", &precision(), "--out", "out"]);
    let plan = reproduce("plan", &[]);
    let runs = fs::read_dir(kept.join("out/runs")).expect("trained runs").flatten();
    for run in runs {
        let id = run.file_name().into_string().expect("an id is ASCII");
        if plan.contains(&format!("\n{id} ")) {
            copy_files(&run.path(), &folder.join(id));
        }
    }
}

/// A folder below cargo's own one for tests. Another grid, another build of the program and another arithmetic have others.
fn folder_of_this_program(grid: &str) -> PathBuf {
    let program = fs::metadata(PROGRAM).expect("the binary is there");
    let built = program.modified().expect("a time").duration_since(UNIX_EPOCH);
    let build = format!("{}-{}", program.len(), built.expect("after 1970").as_nanos());
    let variables = ["ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"].map(|name| std::env::var(name).unwrap_or_default());
    let arithmetic = format!("{}-{}", precision(), variables.join("-"));
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
    let others = fs::read_dir(&all).into_iter().flatten().flatten();
    for other in others.filter(|other| other.file_name() != *build) {
        drop(fs::remove_dir_all(other.path())); // of an earlier build; a test beside this one may have been faster
    }
    let mut digest = DefaultHasher::new();
    grid.hash(&mut digest);
    all.join(build).join(arithmetic).join(digest.finish().to_string())
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in the sandbox");
    for file in fs::read_dir(from).expect("a finished run").flatten() {
        if file.file_type().expect("a type").is_file() {
            fs::copy(file.path(), to.join(file.file_name())).expect("a small file");
        }
    }
}
