//! Results that do not belong together, or that somebody damaged: refused, and not overwritten.

use std::fs;
use std::process::Command;

use crate::analyze::cell;
use crate::kill_and_resume::kill_after_an_epoch;
use crate::sandbox::{Sandbox, TINY, entries};

#[test]
fn a_folder_with_results_of_another_configuration_is_refused_by_every_verb_and_left_alone() {
    let sandbox = Sandbox::new(TINY);
    sandbox.write("out/recipe.toml", "dataset = \"cifar10\"\n");
    let message = "error: out holds results of another configuration: out/recipe.toml has `dataset = \"cifar10\"`, and `dataset = \
                   \"shapes\"` is asked for; choose another --out\n";
    sandbox.run(&[]).refused(2, &[message]);
    for verb in ["report", "status"] {
        sandbox.reproduce(verb, &[]).refused(2, &[message]);
    }
    let submit = sandbox.reproduce("submit", &["--dry-run"]).refused(2, &[message]);
    assert_eq!(submit.stdout, "");
    assert_eq!(entries(&sandbox.path("out")), ["recipe.toml"]);
    sandbox.write("out/recipe.toml", "dataset = \"cifar");
    let damaged = [
        "error: out/recipe.toml is damaged: ",
        "; delete this file, then run the same command again",
    ];
    sandbox.reproduce("status", &[]).refused(2, &damaged);
    sandbox.write("out/recipe.toml", "");
    let emptied = "out/recipe.toml is damaged: it is empty; delete this file, then run the same command again";
    sandbox.reproduce("status", &[]).refused(2, &[emptied]);
}

#[test]
fn everything_that_moves_numbers_decides_whose_a_folder_is() {
    let sandbox = Sandbox::new(TINY);
    let one_epoch = ["--methods", "ce", "--epochs", "1"];
    sandbox.run(&one_epoch).succeeded();
    let claimed = sandbox.read("out/recipe.toml");
    let tables = ["out/runs.csv", "out/summary.csv", "out/summary.md"].map(|table| sandbox.read(table));

    let line = |line: &str| format!("{line}\nseeds");
    let changes = [
        (
            "seeds",
            line("selection = \"file-order\""),
            "has `selection = { ldam = { seed = 0 } }`, and `selection = \"file-order\"` is",
        ),
        (
            "seeds",
            line("selection = { ldam = { seed = 1 } }"),
            "and `selection = { ldam = { seed = 1 } }` is asked for",
        ),
        (
            "seeds",
            line("shots = \"index\""),
            "has `shots = \"images\"`, and `shots = \"index\"` is asked for",
        ),
        (
            "seeds",
            line("validation = { per_class = 5 }"),
            "has no `validation`, and `validation = { per_class = 5, seed = 0 }` is",
        ),
        (
            "{ crop_and_flip = true }",
            "{ crop_and_flip = false }".to_owned(),
            "and `augmentation = { ",
        ),
        (
            "weight_decay = 5e-4",
            "weight_decay = 5e-3".to_owned(),
            "has `weight_decay = 0.0005`, and `weight_decay = 0.005` is asked for",
        ),
    ];
    let old: String = claimed
        .split("\n[")
        .filter(|part| {
            !["selection", "augmentation"]
                .iter()
                .any(|table| part.starts_with(table))
        })
        .collect::<Vec<_>>()
        .join("\n[");
    let old = old.replace("shots = \"images\"\n", "");
    for (from, to, expected) in &changes {
        sandbox.write("grid.toml", &TINY.replacen(from, to, 1));
        for verb in ["run", "report", "status"] {
            sandbox
                .reproduce(verb, &one_epoch)
                .refused(2, &["out holds results of another configuration: ", expected]);
        }
        sandbox.write("out/recipe.toml", &old); // as older versions wrote it
        let status = sandbox.reproduce("status", &one_epoch);
        if *from == "weight_decay = 5e-4" {
            status.refused(2, &[expected]);
        } else {
            status.succeeded();
        }
        sandbox.write("out/recipe.toml", &claimed);
    }
    sandbox.write("grid.toml", TINY);
    sandbox
        .reproduce("report", &["--methods", "ce", "--epochs", "2"])
        .refused(
            2,
            &["has `epochs = 1`, and `epochs = 2` is asked for; choose another --out"],
        );
    assert_eq!(
        tables,
        ["out/runs.csv", "out/summary.csv", "out/summary.md"].map(|table| sandbox.read(table))
    );

    let runs = sandbox.read("out/runs.csv");
    for column in ["selection", "held_out", "shots", "augmentation", "precision", "threads"] {
        assert!(!cell(&runs, 0, column).is_empty(), "{column}: {runs}");
    }
    let summary = &tables[2];
    assert!(
        summary.contains("images chosen as by Cao et al. 2019 (seed 0)"),
        "{summary}"
    );
}

#[test]
fn tables_are_not_written_over_by_less_and_finished_runs_that_they_leave_out_are_named() {
    let sandbox = Sandbox::new(TINY);
    let with_seeds = |seeds: &'static str| ["--methods", "ce", "--epochs", "1", "--seeds", seeds];
    let first = sandbox.run(&with_seeds("0")).succeeded().stdout;
    assert!(!first.contains("Also finished"), "{first}");
    let second = sandbox.run(&with_seeds("1")).succeeded().stdout;
    let [run, other] = &entries(&sandbox.path("out/runs"))[..] else {
        panic!("two runs")
    };
    let command = "reproduce report grid.toml --epochs 1 --methods ce --seeds 0,1 --out out";
    let note =
        format!("Also finished in this folder and not in this table is `{run}`. To table this one too: `{command}`\n");
    assert!(second.contains(&note), "{second}");
    assert!(sandbox.read("out/summary.md").contains(&note));
    let words: Vec<&str> = command.split(' ').skip(3).collect();
    let together = sandbox.reproduce("report", &words[..6]).succeeded().stdout;
    assert!(
        together.contains("| 2 of 2 |") && !together.contains("Also finished"),
        "{together}"
    );

    // As in a clone: tables, and no outcome.
    let tables = || {
        [
            "out/runs.csv",
            "out/summary.csv",
            "out/summary.md",
            "out/robustness.csv",
        ]
        .map(|table| sandbox.read(table))
    };
    let before = tables();
    let outcome = |run: &str| sandbox.path(&format!("out/runs/{run}/outcome.json"));
    fs::remove_file(outcome(other)).expect("it was there");
    let lost = format!(
        "out/runs.csv has 1 run that out/runs does not have the outcome of, {other} first, and would lose them; "
    );
    sandbox
        .reproduce("report", &with_seeds("0"))
        .refused(2, &[&lost, "choose another --out"]);
    sandbox
        .run(&with_seeds("0"))
        .succeeded()
        .refused(0, &["warning: ", &lost]);
    fs::remove_file(outcome(run)).expect("it was there");
    let made_elsewhere = "error: no run of grid is finished in out, so the tables there are left as they are; train with \
                          `reproduce run grid.toml --epochs 1 --methods ce --seeds 0 --out out`, or name the folder that is meant with --out\n";
    sandbox
        .reproduce("report", &with_seeds("0"))
        .refused(2, &[made_elsewhere]);
    assert_eq!(tables(), before);
}

#[test]
fn an_edited_config_is_refused_and_left_alone() {
    let sandbox = Sandbox::new(TINY);
    let config = format!("{}/config.toml", sandbox.run_dir("ce"));
    sandbox.write(&config, "seed = 1\n");
    let parts = [
        &format!("{config} is the config of another run"),
        "restore the file or remove the folder",
    ];
    sandbox.run(&["--methods", "ce"]).refused(1, &parts);
    assert_eq!(sandbox.read(&config), "seed = 1\n");
}

/// Two methods of one epoch.
const TWO: [&str; 2] = ["--methods", "ce,nc"];

fn two() -> Sandbox {
    Sandbox::new(&format!(
        "{}[[method]]\nname = \"ce\"\n[[method]]\nname = \"nc\"\nuses = {{ regularizer = {{ nc = {{}} }} }}\n",
        TINY.replace("epochs = 2", "epochs = 1")
            .split("[[method]]")
            .next()
            .expect("a head")
    ))
}

#[test]
fn a_damaged_file_fails_its_run_alone_and_the_others_are_trained_and_tabled() {
    let sandbox = two();
    let run_dir = sandbox.run_dir("ce");
    let outcome = format!("{run_dir}/outcome.json");
    sandbox.write(&outcome, "{ \"run\": \"ce");
    let damaged = format!("{outcome} is damaged: ");
    let parts = [damaged.as_str(), "delete this file, then run the same command again"];
    let trained = sandbox.run(&TWO).refused(1, &parts);
    assert!(
        trained.stdout.contains("| nc     | exponential 400 | 1 of 1 |"),
        "{trained:#?}"
    );
    assert!(trained.stdout.contains(&damaged), "{trained:#?}");
    assert!(sandbox.read("out/runs.csv").contains("\nnc."));
    let reported = sandbox.reproduce("report", &TWO).refused(1, &parts);
    assert!(
        reported.stdout.contains("| nc     | exponential 400 | 1 of 1 |"),
        "{reported:#?}"
    );
    let status = sandbox.reproduce("status", &TWO).refused(1, &parts).stdout;
    let state = |name: &str| status.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    assert!(state("ce.").is_some_and(|line| line.ends_with("damaged")), "{status}");
    assert!(state("nc.").is_some_and(|line| line.contains("done: ")), "{status}");

    // Its remedy is enough, and a row that is there is not lost to damage that comes later.
    fs::remove_file(sandbox.path(&outcome)).expect("it is there");
    sandbox.run(&TWO).succeeded();
    let tables = ["runs.csv", "summary.csv", "summary.md", "robustness.csv"].map(|table| format!("out/{table}"));
    let before = tables.each_ref().map(|table| sandbox.read(table));
    let whole = sandbox.read(&outcome);
    sandbox.write(&outcome, "");
    let reported = sandbox
        .reproduce("report", &TWO)
        .refused(2, &[&damaged, "the tables there are left as they are"]);
    assert!(
        reported.stdout.contains("| nc     | exponential 400 | 1 of 1 |"),
        "{reported:#?}"
    );
    sandbox.write(&outcome, &whole);

    let robustness = format!("{run_dir}/robustness.csv");
    sandbox.write(&robustness, "");
    let remedy = "delete this file, which only the table of robustness is made from";
    let damaged = format!("{robustness} is damaged: ");
    let reported = sandbox.reproduce("report", &TWO).refused(1, &[&damaged, remedy]);
    assert!(
        reported.stdout.contains("| ce     | exponential 400 | 1 of 1 |"),
        "{reported:#?}"
    );
    sandbox.run(&TWO).refused(1, &[&damaged, remedy]);
    assert_eq!(tables.each_ref().map(|table| sandbox.read(table)), before);
}

#[test]
fn a_begun_run_with_a_damaged_environment_fails_alone() {
    let sandbox = Sandbox::new(TINY);
    let run_dir = sandbox.run_dir("ce");
    kill_after_an_epoch(&sandbox, &run_dir, &["--methods", "ce"]);
    let environment = format!("{run_dir}/environment.toml");
    let whole = sandbox.read(&environment).replace("format = 2\n", "");
    sandbox.write(&environment, "precision = \"f16\"\n");
    let parts = [
        &format!("{environment} is damaged: "),
        "put it back as it was, or remove the run's folder to train it again",
    ];
    let trained = sandbox.run(&["--methods", "ce,nc-drw"]).refused(1, &parts);
    assert!(
        trained.stdout.contains("| nc-drw | exponential 400 | 1 of 1 |"),
        "{trained:#?}"
    );
    let status = || sandbox.reproduce("status", &["--methods", "ce"]);
    let damaged = status().refused(1, &parts);
    assert!(damaged.stdout.ends_with("  damaged\n"), "{damaged:#?}");
    sandbox.write(&environment, &format!("format = 3\nnew = 1\n{whole}"));
    let newer = format!(
        "cannot use {environment}: it was written by a newer version (format 3), and this one reads formats up to 2; use the version \
         that wrote it, or a newer one"
    );
    let said = status().refused(1, &[&newer]);
    assert!(
        said.stdout.ends_with("  written by a newer version (format 3)\n"),
        "{said:#?}"
    );
    sandbox.run(&["--methods", "ce"]).refused(1, &[&newer]);
}

#[test]
fn what_stands_where_a_file_belongs_is_named_with_its_remedy() {
    let sandbox = two();
    let run_dir = sandbox.run_dir("ce");
    let outcome = sandbox.path(&format!("{run_dir}/outcome.json"));
    fs::create_dir_all(&outcome).expect("a folder");
    let said = |sandbox: &Sandbox| sandbox.reproduce("status", &TWO);
    let folder = "outcome.json: is a directory; move this folder away: a file belongs there";
    let status = said(&sandbox).refused(1, &[folder]);
    assert!(status.stdout.contains("  unreadable\n"), "{status:#?}");
    fs::remove_dir(&outcome).expect("it is empty");
    let made = Command::new("mkfifo").arg(&outcome).status().expect("mkfifo starts");
    assert!(made.success());
    said(&sandbox).refused(1, &["outcome.json: it is a pipe or a device, not a file"]);
    fs::rename(&outcome, sandbox.path("pipe.toml")).expect("the same folder's disk");
    let plan = sandbox
        .binary("plan")
        .arg("pipe.toml")
        .output()
        .expect("the binary starts");
    let refusal = "grid pipe.toml is a pipe or a device; name a grid file, such as benchmarks/shapes-lt.toml";
    crate::sandbox::said(&plan).refused(2, &[refusal]);

    for (name, in_the_way) in [("run.lock", "lock"), ("metrics.csv", "metrics.csv")] {
        let sandbox = two();
        fs::create_dir_all(sandbox.path(&format!("{run_dir}/{name}"))).expect("a folder");
        let refusal = "move this folder away, since a file belongs there, or choose another --out";
        sandbox.run(&["--methods", "ce"]).refused(1, &[in_the_way, refusal]);
    }

    let sandbox = two();
    sandbox.run(&["--methods", "ce"]).succeeded();
    fs::remove_file(sandbox.path("out/runs.csv")).expect("it is there");
    fs::create_dir(sandbox.path("out/runs.csv")).expect("a folder");
    let report = sandbox
        .reproduce("report", &["--methods", "ce"])
        .refused(2, &["cannot write out/runs.csv; move this folder away"]);
    assert!(report.stdout.contains("| ce     |"), "{report:#?}");
}

#[test]
fn a_corrupt_checkpoint_fails_its_run_and_is_named() {
    let sandbox = Sandbox::new(TINY);
    let checkpoint = format!("{}/checkpoint.safetensors", sandbox.run_dir("ce"));
    sandbox.write(&checkpoint, "not tensors");
    let environment = "commit = \"0123\"\nlibtorch = \"2.11.0\"\ndevice = \"cpu\"\nthreads = 1\n";
    let precision = format!("precision = \"{}\"\n", crate::sandbox::precision());
    sandbox.write(
        &checkpoint.replace("checkpoint.safetensors", "environment.toml"),
        &format!("{environment}{precision}"),
    );
    let parts = [
        &format!("cannot read checkpoint {checkpoint}: "),
        "delete this file to train the run again",
    ];
    sandbox.run(&["--methods", "ce"]).refused(1, &parts);
    sandbox.reproduce("status", &[]).refused(1, &parts);
    assert_eq!(sandbox.read(&checkpoint), "not tensors");
}

#[test]
fn a_checkpoint_of_another_network_does_not_fit_and_is_left_alone() {
    let [small, large] = ["resnet8", "resnet20"].map(|network| Sandbox::with("\"resnet8\"", &format!("\"{network}\"")));
    small.run(&["--methods", "ce", "--epochs", "1"]).succeeded();
    let [trained] = &entries(&small.path("out/runs"))[..] else {
        panic!("one run")
    };
    let foreign = fs::read(small.path(&format!("out/runs/{trained}/checkpoint.safetensors"))).expect("a checkpoint");

    let run_dir = large.run_dir("ce");
    for table in ["environment.toml", "metrics.csv", "per_class.csv"] {
        large.write(
            &format!("{run_dir}/{table}"),
            &small.read(&format!("out/runs/{trained}/{table}")),
        );
    }
    let checkpoint = format!("{run_dir}/checkpoint.safetensors");
    fs::write(large.path(&checkpoint), &foreign).expect("a small file");
    let mismatch = format!("checkpoint {checkpoint} does not fit its config: ");
    large
        .run(&["--methods", "ce"])
        .refused(1, &[&mismatch, "delete this file to train the run again"]);
    assert!(fs::read(large.path(&checkpoint)).expect("it is there") == foreign);
}
