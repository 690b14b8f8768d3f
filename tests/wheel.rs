//! The launcher of the wheel: it finds the libtorch of the torch that is installed, or says in a line what is missing.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::sandbox::{Said, Sandbox, TINY, said};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A folder of packages with the launcher, the program and the grids, as the wheel unpacks them.
fn installed() -> Sandbox {
    let sandbox = Sandbox::new(TINY);
    for file in ["__init__.py", "__main__.py"] {
        let text = fs::read_to_string(format!("{CHECKOUT}/python/longtail/{file}")).expect(file);
        sandbox.write(&format!("site/longtail/{file}"), &text);
    }
    fs::create_dir(sandbox.path("site/longtail/bin")).expect("a folder");
    fs::copy(
        env!("CARGO_BIN_EXE_reproduce"),
        sandbox.path("site/longtail/bin/reproduce"),
    )
    .expect("a program");
    let benchmarks = Path::new(CHECKOUT).join("benchmarks").canonicalize().expect("a folder");
    symlink(benchmarks, sandbox.path("site/longtail/benchmarks")).expect("writable");
    sandbox
}

fn with_torch(sandbox: &Sandbox, version: &str) {
    let metadata = format!("Metadata-Version: 2.1\nName: torch\nVersion: {version}\n");
    sandbox.write(&format!("site/torch-{version}.dist-info/METADATA"), &metadata);
}

fn launch(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let mut python = Command::new("python3");
    python.args(["-S", "-m", "longtail"]).args(arguments); // without the packages of this machine
    python
        .current_dir(sandbox.path(""))
        .env("PYTHONPATH", sandbox.path("site"));
    said(&python.output().expect("Python 3, which the set-up needs"))
}

#[test]
fn a_missing_or_another_torch_is_said_in_a_line() {
    let sandbox = installed();
    let none =
        "error: this environment has no PyTorch, whose libtorch this program runs on; pip install torch==2.11.0\n";
    assert_eq!(launch(&sandbox, &["plan", "shapes-lt"]).refused(1, &[]).stderr, none);
    with_torch(&sandbox, "2.5.1+cu124");
    let other = "error: this program runs on the libtorch of torch 2.11.0, and this environment has torch 2.5.1+cu124; \
                 pip install torch==2.11.0, here or in an environment of its own\n";
    assert_eq!(launch(&sandbox, &["plan", "shapes-lt"]).refused(1, &[]).stderr, other);
}

#[test]
fn the_program_runs_on_the_libtorch_of_torch_and_finds_its_grids_by_name() {
    let sandbox = installed();
    with_torch(&sandbox, "2.11.0");
    sandbox.write(
        "site/torch/__init__.py",
        "raise SystemExit('torch takes seconds to import')\n",
    );
    let libtorch = env::var("LIBTORCH").expect("cargo sets LIBTORCH, see .cargo/config.toml");
    let libtorch = Path::new(&libtorch).join("lib").canonicalize().expect("libtorch");
    symlink(libtorch, sandbox.path("site/torch/lib")).expect("writable");
    let plan = launch(&sandbox, &["plan", "shapes-lt"]).succeeded();
    assert!(plan.stdout.contains("5 runs, 5 networks to train"), "{}", plan.stdout);
    launch(&sandbox, &["plan", "nowhere"]).refused(2, &["cannot read grid nowhere"]);
}
