//! Tells the binary which commit it is built from, which every result carries, and gives it the chart library of the page of results.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    name_commit();
    pack_chart_library();
}

/// plotly.js, MIT, out of the crate plotly: compressed, and as text that a page can hold.
fn pack_chart_library() {
    let folder = env::var_os("OUT_DIR").expect("cargo says where");
    let path = Path::new(&folder).join("plotly.js.gz.base64");
    if path.exists() {
        return; // of the same version: another one has another folder
    }
    let scripts = plotly::Plot::offline_js_sources(); // plotly.js, then MathJax, which the page does without
    let library = scripts
        .split_once('>')
        .and_then(|(_, rest)| rest.split_once("</script>"));
    let (library, _) = library.expect("the crate states the first script in its own element");
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(library.as_bytes()).expect("memory takes all");
    let packed = packed.finish().expect("memory takes all");
    fs::write(&path, STANDARD.encode(packed)).expect("cargo's folder is writable");
}

fn name_commit() {
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
