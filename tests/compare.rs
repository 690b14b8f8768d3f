//! Differences between methods and between folders of results, and the predictions that they are made from.

use std::fs;
use std::path::Path;

use crate::sandbox::{Said, Sandbox, TINY, said};

/// Two methods with three seeds each.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new(TINY);
    sandbox.take_finished(TINY, "ce,nc-drw", "0,1,2");
    let run = sandbox.run(&["--methods", "ce,nc-drw", "--seeds", "0,1,2"]);
    run.succeeded();
    sandbox
}

fn compare(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    said(
        &sandbox
            .binary("compare")
            .args(arguments)
            .output()
            .expect("the binary starts"),
    )
}

fn predictions(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    said(
        &sandbox
            .binary("predictions")
            .args(arguments)
            .output()
            .expect("the binary starts"),
    )
}

/// The directories of the finished runs of `method`, relative to the sandbox.
fn directories(sandbox: &Sandbox, method: &str) -> Vec<String> {
    let folders = fs::read_dir(sandbox.path("out/runs")).expect("trained runs").flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let mut found: Vec<String> = names.filter(|name| name.starts_with(&format!("{method}.r"))).collect();
    found.sort();
    found.into_iter().map(|name| format!("out/runs/{name}")).collect()
}

/// The fields of the line of CSV of an accuracy.
fn fields(csv: &str, accuracy: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_reader(csv.as_bytes()).into_records();
    let row = rows
        .find_map(|row| row.ok().filter(|row| &row[6] == accuracy))
        .expect(accuracy);
    row.iter().map(str::to_owned).collect()
}

fn number(field: &str) -> f64 {
    field.parse().expect("a number")
}

#[test]
fn methods_are_compared_on_the_predictions_of_their_seeds() {
    let sandbox = trained();
    let csv = compare(&sandbox, &["out", "nc-drw", "ce", "--csv"]).succeeded().stdout;
    let top1 = fields(&csv, "top-1");
    assert_eq!(
        top1[..6],
        ["exponential 400", "nc-drw", "ce", "0 1 2", "0 1 2", "true"],
        "{csv}"
    );
    let mean = |method: &str| -> f64 {
        let outcomes = directories(&sandbox, method)
            .into_iter()
            .map(|run| sandbox.read(&format!("{run}/outcome.json")));
        let accuracies = outcomes.map(|text| {
            let outcome: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            outcome["accuracy_last"].as_f64().expect("an accuracy")
        });
        accuracies.sum::<f64>() / 3.0
    };
    let difference = number(&top1[7]);
    assert!((difference - (mean("nc-drw") - mean("ce"))).abs() < 1e-12, "{csv}");
    let (low, high, margin) = (number(&top1[8]), number(&top1[9]), number(&top1[10]));
    assert!((high - low - 2.0 * margin).abs() < 1e-12 && margin > 0.0, "{csv}");

    // The same numbers again, whatever the number of threads.
    let one_thread = sandbox
        .binary("compare")
        .args(["out", "nc-drw", "ce", "--csv"])
        .env("RAYON_NUM_THREADS", "1")
        .output();
    assert_eq!(said(&one_thread.expect("it starts")).succeeded().stdout, csv);

    let text = compare(&sandbox, &["out", "--against", "ce"]).succeeded().stdout;
    fs::create_dir_all(sandbox.path("out/grid")).expect("a folder");
    fs::rename(sandbox.path("out/runs"), sandbox.path("out/grid/runs")).expect("in one file system");
    for grid in ["grid.toml", "grid"] {
        assert_eq!(compare(&sandbox, &[grid, "--against", "ce"]).succeeded().stdout, text);
    }
    fs::rename(sandbox.path("out/grid/runs"), sandbox.path("out/runs")).expect("in one file system");
    assert!(
        text.contains("| exponential 400 | nc-drw | ce            | top-1 "),
        "{text}"
    );
    assert!(
        text.contains("- nc-drw and ce at exponential 400: seeds 0 1 2, paired.\n"),
        "{text}"
    );

    let summary = sandbox.read("out/summary.md");
    assert!(
        summary.contains("\nAgainst `ce`, after the last epoch, in points:\n\n| method | imbalance       |"),
        "{summary}"
    );
    let line = summary
        .lines()
        .rev()
        .find(|line| line.starts_with("| nc-drw | exponential 400 |"))
        .expect("its row");
    assert!(line.contains(&format!("| {:+.2} ± ", 100.0 * difference)), "{line}");
    let table = sandbox.read("out/summary.csv");
    let row = table.lines().find(|line| line.starts_with("nc-drw,")).expect("its row");
    assert!(row.contains(&format!(",ce,{},", top1[7])), "{row}");

    let with_itself = compare(&sandbox, &["out", "--with", "out"]).succeeded().stdout;
    assert!(with_itself.contains("+0.00 to +0.00"), "{with_itself}");
    assert!(
        !with_itself.contains("better") && !with_itself.contains("worse"),
        "{with_itself}"
    );
}

#[test]
fn one_seed_says_something_about_networks_alone_and_other_seeds_are_no_pairs() {
    let sandbox = trained();
    let of_ce = directories(&sandbox, "ce");
    let elsewhere = |run: &str| sandbox.path(&format!("moved/{}", run.rsplit('/').next().expect("a name")));
    fs::create_dir(sandbox.path("moved")).expect("a folder");
    for run in &of_ce[1..] {
        fs::rename(sandbox.path(run), elsewhere(run)).expect("it is there");
    }
    let text = compare(&sandbox, &["out", "nc-drw", "ce"]).succeeded().stdout;
    let expected = "- nc-drw and ce at exponential 400: seeds 0, paired; seeds left out of nc-drw: 1 2; one seed says something about \
                    these two networks (McNemar's test for top-1), not about the methods.\n";
    assert!(text.contains(expected), "{text}");

    for run in &of_ce[1..] {
        fs::rename(elsewhere(run), sandbox.path(run)).expect("it is there");
    }
    fs::rename(sandbox.path(&of_ce[0]), elsewhere(&of_ce[0])).expect("it is there");
    for run in &directories(&sandbox, "nc-drw")[1..] {
        fs::rename(sandbox.path(run), elsewhere(run)).expect("it is there");
    }
    compare(&sandbox, &["out", "nc-drw", "ce"]).refused(
        2,
        &["nc-drw (seeds 0) and ce (seeds 1, 2) have no seed in common; train the same seeds of both, or two or more of each"],
    );
}

#[test]
fn what_cannot_be_compared_is_refused_by_name() {
    let sandbox = trained();
    for (arguments, message) in [
        (
            &["out", "nc-dwr", "ce"][..],
            "no run of method `nc-dwr` is finished in out; it has ce, nc-drw; did you mean `nc-drw`?",
        ),
        (&["out", "ce", "ce"], "`ce` is compared with itself; name two methods"),
        (
            &["out"],
            "there is nothing to compare with; give two methods, `--against METHOD`, or another folder of results with `--with`",
        ),
        (
            &["nowhere", "ce", "nc-drw"],
            "cannot read nowhere/runs; name a folder of results with its runs",
        ),
    ] {
        compare(&sandbox, arguments).refused(2, &[message]);
    }

    let run = directories(&sandbox, "ce").remove(1);
    let (outcome, file) = (
        format!("{run}/outcome.json"),
        sandbox.path(&format!("{run}/predictions.npz")),
    );
    let sound = (sandbox.read(&outcome), fs::read(&file).expect("predictions"));
    let digest = |text: &str| {
        let outcome: serde_json::Value = serde_json::from_str(text).expect("JSON");
        outcome["data_digest"].as_str().expect("a digest").to_owned()
    };
    sandbox.write(&outcome, &sound.0.replace(&digest(&sound.0), "0123"));
    compare(&sandbox, &["out", "nc-drw", "ce"]).refused(2, &["on 0123; compare runs of the same data set"]);
    sandbox.write(&outcome, &sound.0);

    let remedy = format!("make it again with `reproduce predictions --again {run}`");
    fs::write(&file, &sound.1[..sound.1.len() / 2]).expect("writable");
    compare(&sandbox, &["out", "nc-drw", "ce"]).refused(2, &["and the run's outcome states", &remedy]);
    fs::remove_file(&file).expect("it is there");
    compare(&sandbox, &["out", "nc-drw", "ce"]).refused(2, &["No such file or directory", &remedy]);
    predictions(&sandbox, &[&run]).refused(2, &[&remedy]);

    let again = predictions(&sandbox, &["--again", &run]).succeeded();
    assert!(
        again.stdout.contains(" of 2000 test images are classified correctly"),
        "{}",
        again.stdout
    );
    assert_eq!(fs::read(&file).expect("predictions").len(), sound.1.len());
    let states = |text: &str| {
        let outcome: serde_json::Value = serde_json::from_str(text).expect("JSON");
        outcome["predictions_digest"].as_str().expect("a digest").len()
    };
    assert_eq!(states(&sandbox.read(&outcome)), 64);
    compare(&sandbox, &["out", "nc-drw", "ce"]).succeeded();
}

#[test]
fn predictions_of_every_kind_of_run_are_those_that_its_outcome_counts() {
    let sandbox = Sandbox::new(&format!(
        "{TINY}\n[[method]]\nname = \"ncm\"\n[method.uses]\nsecond_stage = {{ nearest-class-mean = {{}} }}\n"
    ));
    sandbox.take_finished(TINY, "ce,nc-drw-crt", "0");
    sandbox.run(&[]).succeeded();
    for method in ["ce", "nc-drw-crt", "ncm"] {
        let run = directories(&sandbox, method).remove(0);
        let csv = predictions(&sandbox, &[&run, "--csv"]).succeeded().stdout;
        let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 2000, "{method}");
        let correct = rows.iter().filter(|row| row[1] == row[2]).count() as f64;
        let outcome: serde_json::Value =
            serde_json::from_str(&sandbox.read(&format!("{run}/outcome.json"))).expect("JSON");
        assert!(
            (correct / 2000.0 - outcome["accuracy_last"].as_f64().expect("an accuracy")).abs() < 1e-12,
            "{method}"
        );
        assert!(
            rows.iter().all(|row| row[3].is_empty() == (method == "ncm")),
            "{method}: {}",
            rows[0].join(",")
        );
    }
    let computed = directories(&sandbox, "ncm").remove(0);
    predictions(&sandbox, &["--again", &computed])
        .refused(2, &["only a classifier that was computed: delete its outcome.json"]);
    assert!(
        Path::new(&sandbox.path(&format!("{computed}/predictions.npz"))).exists(),
        "and loses nothing"
    );
}
