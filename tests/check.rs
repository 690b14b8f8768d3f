//! The gate on accuracy: a baseline is written, kept, and noticed when results fall behind it.

use serde_json::Value;

use crate::sandbox::{Said, Sandbox, TINY, precision, said};

/// `check` of a grid of two methods with two seeds, on the CPU, with its runs in `out`.
fn check(sandbox: &Sandbox, options: &[&str]) -> Said {
    said(&command(sandbox, "out", options).output().expect("the binary starts"))
}

fn command(sandbox: &Sandbox, out: &str, options: &[&str]) -> std::process::Command {
    let mut command = sandbox.binary("check");
    command.env_remove("GITHUB_ACTIONS");
    command.args(["grid.toml", "--baseline", "baseline.json", "--device", "cpu"]);
    command.args(["--precision", &precision(), "--out", out]).args(options);
    command
}

/// The grid with two seeds, and its baseline.
fn with_baseline() -> Sandbox {
    with_baseline_of("[0, 1]")
}

/// The grid with these seeds, and its baseline.
fn with_baseline_of(seeds: &str) -> Sandbox {
    let grid = TINY.replace("seeds     = [0]", &format!("seeds     = {seeds}"));
    let sandbox = Sandbox::new(&first(&grid, 2));
    sandbox.take_finished(TINY, "ce,nc-drw", seeds.trim_matches(['[', ']']));
    let written = check(&sandbox, &["--write-baseline"]).succeeded();
    assert_eq!(written.stdout, "baseline.json\n");
    sandbox
}

/// A change of the baseline's file.
fn changed(sandbox: &Sandbox, change: impl FnOnce(&mut Value)) {
    let mut baseline: Value = serde_json::from_str(&sandbox.read("baseline.json")).expect("JSON");
    change(&mut baseline);
    sandbox.write("baseline.json", &baseline.to_string());
}

/// A change of a sound baseline.
type Damage = fn(&mut Value);

/// Says of `nc-drw` that it classified every image correctly.
fn claim_all(baseline: &mut Value) {
    let images = baseline["images"].clone();
    for seed in baseline["methods"][1]["seeds"].as_array_mut().expect("seeds") {
        seed["correct"] = images.clone();
        seed["bits"] = format!("{}/w==", "/".repeat(332)).into(); // 250 bytes of ones
    }
}

#[test]
fn the_same_results_pass_and_worse_ones_fail_by_name() {
    let sandbox = with_baseline_of("[0, 1, 2]"); // of two seeds an interval may be wider than any difference
    let passed = check(&sandbox, &["--junit", "junit.xml"]).succeeded().stdout;
    assert!(
        passed.contains("| nc-drw | exponential 400 | +0.00 ± 0.00 |"),
        "{passed}"
    );
    assert!(
        passed.ends_with("\nPassed: none of 16 metrics is worse by more than its margin; 0 are better.\n"),
        "{passed}"
    );
    let junit = sandbox.read("junit.xml");
    let totals = junit
        .lines()
        .find(|line| line.starts_with("<testsuites "))
        .expect("totals");
    assert!(
        totals.contains("tests=\"16\"") && totals.contains("failures=\"0\""),
        "{junit}"
    );

    changed(&sandbox, claim_all);
    let failed = check(&sandbox, &["--junit", "junit.xml"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(
        failed
            .stdout
            .contains("- `nc-drw` at exponential 400, top-1: 100.00 % in the baseline, "),
        "{}",
        failed.stdout
    );
    let (_, worse) = failed.stdout.split_once("\nFailed: ").expect("a last line");
    let (worse, _) = worse.split_once(" of 16 metrics are worse").expect("their number");
    let junit = sandbox.read("junit.xml");
    assert!(
        junit.contains(&format!("failures=\"{worse}\"")) && junit.contains("100.00 % in the baseline"),
        "{worse}: {junit}"
    );

    let annotated = command(&sandbox, "out", &["--confirm", "1"])
        .env("GITHUB_ACTIONS", "true")
        .output();
    let annotated = said(&annotated.expect("the binary starts"));
    assert_eq!(annotated.code, Some(1), "{annotated:?}");
    assert!(
        annotated
            .stderr
            .contains("worse than the baseline: nc-drw; to confirm it, 1 more run is trained"),
        "{}",
        annotated.stderr
    );
    assert!(
        annotated
            .stdout
            .contains("- nc-drw was worse with the grid's seeds; the verdict is that of seeds 0, 1, 2, 3, unpaired"),
        "{}",
        annotated.stdout
    );
    let lines = annotated
        .stdout
        .lines()
        .filter(|line| line.starts_with("::error title=accuracy::`nc-drw` at "));
    assert!((1..=5).contains(&lines.count()), "{}", annotated.stdout);
    assert!(
        annotated.stdout.contains("100.00 %25 in the baseline"),
        "{}",
        annotated.stdout
    );
}

#[test]
fn what_the_baseline_has_and_the_grid_has_not_is_a_failure() {
    let sandbox = with_baseline();
    let grid = sandbox.read("grid.toml");
    sandbox.write("grid.toml", &grid.replace("[0, 1]", "[0]"));
    let failed = check(&sandbox, &[]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(
        failed
            .stdout
            .contains("- `ce` at exponential 400: seed 1: the grid has no such run\n"),
        "{}",
        failed.stdout
    );
    sandbox.write("grid.toml", &first(&grid, 1));
    let failed = check(&sandbox, &["--junit", "junit.xml"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(sandbox.read("junit.xml").contains("seed 0: the grid has no such run"));
}

#[test]
fn other_settings_and_damaged_baselines_are_refused_before_anything_is_trained() {
    let sandbox = with_baseline();
    let grid = sandbox.read("grid.toml");
    sandbox.write("grid.toml", &grid.replace("\nepochs = 2", "\nepochs = 3"));
    elsewhere(&sandbox).refused(
        2,
        &["the baseline's `ce` at exponential 400 was trained with other settings, so that it is not comparable:\n  recipe.epochs: 2 in \
           the baseline, 3 now\n"],
    );
    assert!(!sandbox.path("elsewhere").exists());
    sandbox.write("grid.toml", &grid);

    let sound = sandbox.read("baseline.json");
    changed(&sandbox, |baseline| baseline["format"] = 2.into());
    let newer = "cannot use the baseline baseline.json: it has format 2, and this program reads format 1; use the program that wrote it";
    elsewhere(&sandbox).refused(2, &[newer]);
    sandbox.write("baseline.json", &sound);
    let damages: [(Damage, &str); 9] = [
        (
            |baseline| baseline["methods"][0]["seeds"][1]["nc1"] = Value::Null,
            "ce at exponential 400: seed 1 has no NC1, and others have",
        ),
        (
            |baseline| baseline["methods"][0]["seeds"][1]["nc3"] = (-1).into(),
            "ce at exponential 400: NC3 of seed 1 is -1; it is a positive number",
        ),
        (
            |baseline| baseline["methods"][0]["seeds"][1]["bits"] = 3.into(),
            "expected a string",
        ),
        (
            |baseline| baseline["methods"][0]["seeds"][0]["bits"] = "AAAA".into(),
            "seed 0 of ce at exponential 400: it has 3 bytes of bits, and 2000 test images take 250",
        ),
        (
            |baseline| baseline["methods"][0]["seeds"][1]["correct"] = "7000 0 0 0 0 0 0 0 0 0".into(),
            "images are classified correctly, and its counts of 10 classes ",
        ),
        (
            |baseline| baseline["margins"]["top-1"] = (-1).into(),
            "its margin of top-1 is -1; it is a number from 0",
        ),
        (
            |baseline| baseline["margins"]["top1"] = 1.into(),
            "it has a margin of `top1`, which is none of the metrics top-1, many, ",
        ),
        (
            |baseline| baseline["methods"] = Value::Array(Vec::new()),
            "it has no method",
        ),
        (
            |baseline| baseline["methods"][0]["seeds"][1]["seed"] = 0.into(),
            "it has seed 0 of ce at exponential 400 twice",
        ),
    ];
    for (damage, message) in damages {
        changed(&sandbox, damage);
        elsewhere(&sandbox).refused(
            2,
            &[
                message,
                "the baseline baseline.json is damaged: ",
                "; take it from git again, or move it away and make it anew with --write-baseline",
            ],
        );
        sandbox.write("baseline.json", &sound);
    }
    // Counts and bits that agree in sum, and not by class.
    changed(&sandbox, |baseline| {
        let correct = &mut baseline["methods"][0]["seeds"][0]["correct"];
        let counts = correct.as_str().expect("counts").split(' ');
        let counts: Vec<&str> = counts.collect();
        assert_ne!(counts[0], counts[9], "many and few images");
        *correct = counts.into_iter().rev().collect::<Vec<&str>>().join(" ").into();
    });
    check(&sandbox, &[]).refused(2, &["the baseline's bits of seed 0 of `ce` have ["]);
    sandbox.write("baseline.json", &sound);
    changed(&sandbox, |baseline| baseline["images"] = ["1"; 10].join(" ").into());
    elsewhere(&sandbox).refused(2, &["the baseline baseline.json is damaged: "]);
    std::fs::remove_file(sandbox.path("baseline.json")).expect("it is there");
    check(&sandbox, &[]).refused(
        2,
        &["cannot read the baseline baseline.json; name another with --baseline, or make it with"],
    );
}

#[test]
fn a_grid_of_another_imbalance_is_refused_and_other_methods_are_said_not_to_be_compared() {
    let sandbox = with_baseline();
    let grid = sandbox.read("grid.toml");
    sandbox.write("grid.toml", &grid.replace("ratio = 400", "ratio = 300"));
    elsewhere(&sandbox).refused(
        2,
        &["  imbalance.exponential.ratio: 400.0 in the baseline, 300.0 now\n"],
    );
    sandbox.write(
        "grid.toml",
        &format!("{grid}\n[[method]]\nname = \"another\"\n[method.uses]\nloss = {{ poly = {{ epsilon = 1.0 }} }}\n"),
    );
    let passed = check(&sandbox, &[]).succeeded().stdout;
    assert!(
        passed
            .contains("- not in the baseline, and so not compared: another; --write-baseline adds what the grid has\n"),
        "{passed}"
    );
}

#[test]
fn verdicts_replace_neither_grid_nor_baseline_nor_the_files_of_a_run_and_old_ones_do_not_stay() {
    let sandbox = with_baseline();
    let (grid, baseline) = (sandbox.read("grid.toml"), sandbox.read("baseline.json"));
    for (junit, message) in [
        (
            "grid.toml",
            "--junit grid.toml would replace the grid; name another file",
        ),
        (
            "./baseline.json",
            "--junit ./baseline.json would replace the baseline; name another file",
        ),
        (
            "nowhere/junit.xml",
            "there is no folder nowhere for --junit nowhere/junit.xml; make it, or name another place",
        ),
    ] {
        check(&sandbox, &["--junit", junit]).refused(2, &[message]);
    }
    let run_dir = sandbox.run_dir("nc-drw");
    let of_run = format!("{run_dir}/outcome.json");
    check(&sandbox, &["--junit", &of_run]).refused(2, &["is the folder of a run, whose files would be replaced"]);
    assert_eq!(
        (sandbox.read("grid.toml"), sandbox.read("baseline.json")),
        (grid, baseline)
    );

    sandbox.write("junit.xml", "of an earlier check");
    sandbox.write("baseline.json", "{}");
    check(&sandbox, &["--junit", "junit.xml"]).refused(2, &["it states no format"]);
    assert!(!sandbox.path("junit.xml").exists(), "it would say that all is well");
}

/// `check` with a folder of results that is not there.
fn elsewhere(sandbox: &Sandbox) -> Said {
    said(&command(sandbox, "elsewhere", &[]).output().expect("the binary starts"))
}

/// The grid with the first methods alone.
fn first(grid: &str, methods: usize) -> String {
    let parts: Vec<&str> = grid.split("[[method]]").take(methods + 1).collect();
    parts.join("[[method]]")
}
