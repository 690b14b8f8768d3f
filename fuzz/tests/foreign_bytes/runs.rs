//! Grid files and what runs leave behind.

use std::fs;

use crate::{folder, fuzz, repository};

/// Files of a finished run.
const RUN: &str = "tests/fixtures/run";

const TOML_WORDS: [&str; 40] = [
    "[",
    "]",
    "{",
    "}",
    "=",
    "\"",
    "\n",
    ",",
    "[[method]]\n",
    "[recipe]\n",
    "name = ",
    "uses",
    "loss = ",
    "epochs = ",
    "nan",
    "inf",
    "-1",
    "9223372036854775807",
    "1e308",
    "0.0",
    "true",
    "\"\"",
    "ratio = ",
    "exponential = ",
    "per_class = ",
    "seeds = ",
    "start_epoch = ",
    "\u{feff}",
    "ldam = ",
    "max_margin = ",
    "experts = ",
    "ride = ",
    "cosine = ",
    "multi-step = ",
    "initial = ",
    "initial = { method = \"ce\" }\n",
    "distillation = ",
    "second_stage = ",
    "like = \"grid.toml\"\n",
    "warmup_epochs = ",
];

#[test]
fn grid() {
    let folder = folder();
    let path = folder.path().join("grid.toml");
    let mut files = vec![repository("tests/fixtures/grids/tiny.toml")];
    files.extend(
        ["shapes-lt", "cifar10-lt-post-hoc", "ride"].map(|name| repository(&format!("benchmarks/{name}.toml"))),
    );
    fuzz!("grid", files, &TOML_WORDS, |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        reproduce::fuzz::grid(&path)
    });
}

#[test]
fn metrics_csv() {
    let folder = folder();
    let path = folder.path().join("metrics.csv");
    let rows = repository(&format!("{RUN}/metrics.csv"));
    let head: Vec<u8> = rows
        .split_inclusive(|&byte| byte == b'\n')
        .take(4)
        .flatten()
        .copied()
        .collect();
    let words = [
        "\n",
        ",",
        "\"",
        "epoch",
        "nan",
        "inf",
        "-0",
        "1e999",
        "9223372036854775808",
        "\r\n",
        "\u{feff}",
    ];
    fuzz!("metrics_csv", vec![head], &words, |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        reproduce::fuzz::metrics(&path, 2).map_err(|error| format!("{error:#}"))
    });
}

#[test]
fn scores_csv() {
    let folder = folder();
    let path = folder.path().join("scores.csv");
    let files = [
        "label,prediction,samples\n0,0,9\n0,1,1\n1,1,10\n",
        "shift,strength,accuracy\ngaussian-noise,0.1,0.5\nuniform,,0.5\n",
    ];
    fuzz!(
        "scores_csv",
        files.map(|file| file.as_bytes().to_vec()).to_vec(),
        &["\n", ",", "\"", "-1", "nan"],
        |bytes: &[u8]| {
            fs::write(&path, bytes).expect("writable");
            reproduce::fuzz::scores(&path).map_err(|error| format!("{error:#}"))
        }
    );
}

/// Damages one file of a run's directory; the others are sound.
fn of_run_directory(name: &str) -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let folder = folder();
    for file in ["config.toml", "environment.toml", "outcome.json"] {
        fs::write(folder.path().join(file), repository(&format!("{RUN}/{file}"))).expect("writable");
    }
    fs::write(folder.path().join("checkpoint.safetensors"), "").expect("writable");
    let files = vec![fs::read(folder.path().join(name)).expect("one of these")];
    (folder, files)
}

#[test]
fn config_toml() {
    let (folder, files) = of_run_directory("config.toml");
    fuzz!("config_toml", files, &TOML_WORDS, |bytes: &[u8]| {
        fs::write(folder.path().join("config.toml"), bytes).expect("writable");
        reproduce::fuzz::run_directory(folder.path())
    });
}

#[test]
fn environment_toml() {
    let (folder, files) = of_run_directory("environment.toml");
    let words = [
        "[[earlier]]\n",
        "[",
        "]",
        "earlier = ",
        "precision = \"f32\"\n",
        "threads = ",
        "-1",
        "9223372036854775808",
        "\"",
        "\n",
        "{",
        "}",
    ];
    fuzz!("environment_toml", files, &words, |bytes: &[u8]| {
        fs::write(folder.path().join("environment.toml"), bytes).expect("writable");
        reproduce::fuzz::run_directory(folder.path())
    });
}

#[test]
fn outcome_json() {
    let (folder, mut files) = of_run_directory("outcome.json");
    files.push(OUTCOME.into());
    let words = [
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "\"",
        "null",
        "1e999",
        "-",
        "\\u",
        "\\ud800",
        "\"seed\":",
        "18446744073709551616",
        "NaN",
    ];
    fuzz!("outcome_json", files, &words, |bytes: &[u8]| {
        fs::write(folder.path().join("outcome.json"), bytes).expect("writable");
        reproduce::fuzz::run_directory(folder.path())
    });
}

/// As the first version wrote it.
const OUTCOME: &str = r#"{"run":"ce.r100.s0.12d3b2b1","first_stage":null,"method":"ce","dataset":"shapes","protocol":"paper",
"imbalance":"exponential","ratio":100.0,"seed":0,"backbone":"ResNet-8","parameters":78042,"epochs":20,"train_images":1236,
"accuracy_last":0.719,"accuracy_best":0.721,"best_epoch":18,"accuracy_selected":null,"selected_epoch":null,"tau":null,"many":0.99,
"medium":0.8167,"few":0.26,"many_by_index":0.99,"medium_by_index":0.9,"few_by_index":0.26,"top5":0.98,"ece":0.2,"nc1":2.189,
"nc2_equiangularity":0.3,"nc2_min_angle":40.0,"nc2_norm_cov":0.2,"nc3":0.4,"seconds":31.5,"device":"cpu (AMD EPYC)","precision":"f32",
"threads":1,"libtorch":"2.11.0","launch":"eager","commit":"50f0c16","data_digest":"d0","split_digest":"5e",
"command":"just reproduce shapes-lt --methods ce"}"#;
