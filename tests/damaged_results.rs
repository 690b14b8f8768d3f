//! Results that do not belong together, or that somebody damaged: refused, and not overwritten.

use std::fs;

use crate::analyze::cell;
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
    let made_elsewhere = "error: no run of grid is finished in out, so the tables there, made elsewhere, are left as they are; train with \
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

#[test]
fn a_damaged_outcome_is_refused_by_every_verb_that_reads_it() {
    let sandbox = Sandbox::new(TINY);
    let outcome = format!("{}/outcome.json", sandbox.run_dir("ce"));
    sandbox.write(&outcome, "{ \"run\": \"ce");
    let damaged = format!("{outcome} is damaged: ");
    let parts = [damaged.as_str(), "delete this file, then run the same command again"];
    for verb in ["run", "report"] {
        sandbox.reproduce(verb, &[]).refused(2, &parts);
    }
    let others = sandbox.reproduce("status", &[]).refused(1, &parts).stdout;
    let of_run = |name: &str| others.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    assert!(of_run("ce.").is_some_and(|line| line.ends_with("damaged")), "{others}");
    assert!(
        of_run("nc-drw.").is_some_and(|line| line.ends_with("to do")),
        "{others}"
    );
}

#[test]
fn a_corrupt_checkpoint_fails_its_run_and_is_named() {
    let sandbox = Sandbox::new(TINY);
    let checkpoint = format!("{}/checkpoint.safetensors", sandbox.run_dir("ce"));
    sandbox.write(&checkpoint, "not tensors");
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
    for table in ["metrics.csv", "per_class.csv"] {
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
