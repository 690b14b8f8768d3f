//! Tables of 10,000 runs: `reproduce report` as a whole process, from reading what the runs left to the written files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use criterion::Criterion;

const RUNS: usize = 10_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(20))
        .configure_from_args();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grid = folder.path().join("many.toml");
    fs::write(&grid, grid_of(RUNS)).expect("writable");
    let out = folder.path().join("results");
    make_outcomes(&grid, &out);
    criterion.bench_function("report of 10,000 runs", |bencher| {
        bencher.iter(|| reproduce(&["report"], &grid, &out));
    });
    criterion.final_summary();
}

/// One method of one epoch, and `seeds` seeds of it.
fn grid_of(seeds: usize) -> String {
    let seeds: Vec<String> = (0..seeds).map(|seed| seed.to_string()).collect();
    format!(
        "dataset = \"shapes\"\nimbalance = [{{ exponential = {{ ratio = 100 }} }}]\nseeds = [{}]\n\
         [recipe]\nbackbone = \"resnet8\"\nepochs = 1\nwarmup_epochs = 0\nlearning_rate = {{ cosine = {{ initial = 0.1 }} }}\n\
         [[method]]\nname = \"ce\"\n",
        seeds.join(", ")
    )
}

/// Trains the first seed, and gives every other run that outcome under its own name and seed, and that robustness.
fn make_outcomes(grid: &Path, out: &Path) {
    reproduce(&["run", "--seeds", "0", "--device", "cpu"], grid, out);
    let plan = reproduce(&["plan"], grid, out);
    let runs: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.split("  ").find(|word| word.starts_with("ce.r100.s")))
        .collect();
    let trained = out.join("runs").join(runs[0]);
    let of_trained = |name: &str| fs::read_to_string(trained.join(name)).expect("the first seed is trained");
    let (outcome, robustness) = (of_trained("outcome.json"), of_trained("robustness.csv"));
    for (seed, run) in runs.iter().enumerate().skip(1) {
        let outcome = outcome
            .replace(runs[0], run)
            .replace("\"seed\": 0", &format!("\"seed\": {seed}"));
        let run_dir = out.join("runs").join(run);
        fs::create_dir_all(&run_dir).expect("writable");
        fs::write(run_dir.join("outcome.json"), outcome).expect("writable");
        fs::write(run_dir.join("robustness.csv"), &robustness).expect("writable");
    }
}

/// What the program prints.
fn reproduce(words: &[&str], grid: &Path, out: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reproduce"));
    command.arg(words[0]).arg(grid).args(&words[1..]).arg("--out").arg(out);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
