//! Tells the binary which commit it is built from: every result carries it.

use std::path::Path;
use std::process::Command;

fn main() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(&workspace)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let sources = [
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "benchmarks/methods.toml",
        "benchmarks/recipes.toml",
        "benchmarks/published.csv",
    ];
    let changed = git(&[&["status", "--porcelain", "--untracked-files=all", "--"], &sources[..]].concat());
    let mark = if changed.is_none_or(|changed| changed.is_empty()) {
        ""
    } else {
        "+"
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=LONGTAIL_COMMIT={commit}{mark}");
    for source in sources.iter().chain(&[".git/HEAD", ".git/logs/HEAD"]) {
        let path = workspace.join(source);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}
