//! What a person types: options wherever they stand, quoted scripts and commands, and output that nobody can take.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::sandbox::{Said, Sandbox, TINY, entries, said};

/// The shortest training there is.
const SHORT: [&str; 4] = ["--methods", "ce", "--epochs", "1"];

/// A grid of its name in a folder of its own, and nothing else.
fn with_grid(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(TINY);
    fs::rename(sandbox.path("grid.toml"), sandbox.path(name)).expect("it is there");
    sandbox
}

/// `script` in a shell that starts in the sandbox, finds `reproduce`, and the sandbox's own programs before all others.
fn shell(sandbox: &Sandbox, script: &str) -> Said {
    let binary = Path::new(env!("CARGO_BIN_EXE_reproduce"));
    let folders = [&sandbox.path("bin"), binary.parent().expect("it lies in a folder")];
    let path = std::env::var("PATH").expect("shells have one");
    let path = format!("{}:{}:{path}", folders[0].display(), folders[1].display());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .current_dir(sandbox.path(""))
        .env("PATH", path);
    said(&shell.output().expect("sh starts"))
}

/// A program `sbatch` that does what Slurm does with a script, on its standard input or in a file: it opens the log first, whose
/// folder it does not make, and runs the first task.
fn with_sbatch(sandbox: &Sandbox) {
    let sbatch = "#!/bin/sh\n\
                  cat \"$@\" > handed-over\n\
                  eval \"log=$(sed -n 's/^#SBATCH --output=//p' handed-over | sed 's/%%/%/g; s/%A/7/; s/%a/0/')\"\n\
                  exec 3>> \"$log\" || exit 1\n\
                  sh handed-over >&3 2>&1 && echo Submitted batch job 7\n";
    sandbox.write("bin/sbatch", sbatch);
    let made = Command::new("chmod").arg("+x").arg(sandbox.path("bin/sbatch")).status();
    assert!(made.expect("chmod starts").success());
}

#[test]
fn options_of_submit_count_wherever_they_stand() {
    let sandbox = Sandbox::new(TINY);
    with_sbatch(&sandbox);
    let script = |words: &str| shell(&sandbox, &format!("reproduce submit {words}")).succeeded().stdout;
    let first = script("--dry-run --time 8:00:00 --cores 3 --gpus 0 grid.toml --out out --seeds=-1,2 --methods ce");
    assert!(
        first.contains("#SBATCH --time=8:00:00\n#SBATCH --cpus-per-task=3\n"),
        "{first}"
    );
    assert!(
        first.contains("/reproduce run grid.toml --seeds=-1,2 --methods=ce --out=out --leave-others &\n"),
        "{first}"
    );
    assert_eq!(
        script("grid.toml --out out --seeds=-1,2 --methods ce --gpus 0 --cores 3 --time 8:00:00 --dry-run"),
        first
    );
    assert_eq!(
        script("--out out grid.toml --time 8:00:00 --seeds=-1,2 --dry-run --methods ce --gpus 0 --cores 3"),
        first
    );
    assert!(!first.contains("--gres"), "{first}");
    assert!(script("grid.toml --dry-run").contains("#SBATCH --gres=gpu:1\n"));
    assert!(!script("grid.toml --dry-run --device cpu").contains("--gres"));
    assert_eq!(entries(&sandbox.path("")), ["bin", "grid.toml"], "nothing is submitted");

    let refused = |words: &str, parts: &[&str]| shell(&sandbox, &format!("reproduce submit {words}")).refused(2, parts);
    refused(
        "grid.toml --nope",
        &["unexpected argument '--nope'", "Usage: reproduce submit"],
    );
    refused(
        "grid.toml --time soon",
        &["`soon` is not a time limit; give hours, minutes and seconds such as 4:00:00"],
    );
    refused("grid.toml --cores 0", &["0 is not in 1..=65535"]);
    refused(
        "grid.toml --sbatch=gpu",
        &["`gpu` is not an option of sbatch; give one such as --sbatch=--partition=gpu"],
    );
    refused(
        "grid.toml --select val",
        &["so `--select val` has nothing to select with"],
    );
}

#[test]
fn a_script_runs_as_it_stands_whatever_its_names_and_wherever_it_is_handed_over() {
    let submit = "reproduce submit 'my grid.toml' --out 'my runs 50%_a' --methods ce --epochs 1 --gpus 0 --sbatch '--comment=it is mine'";
    let directly = with_grid("my grid.toml");
    with_sbatch(&directly);
    let handed_over = shell(&directly, submit).succeeded();
    assert_eq!(handed_over.stdout, "Submitted batch job 7\n");
    let script = directly.read("my runs 50%_a/submit.sh");
    assert!(
        script.contains("#SBATCH --output='my runs 50%%_a/slurm-%A_%a.txt'\n"),
        "{script}"
    );
    assert!(script.contains("#SBATCH --job-name='longtail-my grid'\n"), "{script}");
    assert!(script.contains("#SBATCH --comment='it is mine'\n"), "{script}");
    assert!(
        directly.read("my runs 50%_a/slurm-7_0.txt").contains("| ce "),
        "the task's log"
    );
    let done = "all runs are finished: my runs 50%_a/summary.md\n";
    assert_eq!(shell(&directly, submit).succeeded().stdout, done);

    let piped = with_grid("my grid.toml");
    with_sbatch(&piped);
    shell(&piped, &format!("{submit} --dry-run | sbatch")).succeeded();
    assert!(
        piped.read("slurm-7_0.txt").contains("| ce "),
        "the folder of results was not there yet"
    );
    assert_eq!(shell(&piped, submit).succeeded().stdout, done);
}

#[test]
fn the_command_below_a_table_makes_it_again() {
    let sandbox = with_grid("it's mine.toml");
    let options = "'it'\\''s mine.toml' --methods ce --epochs 1 --seeds 1 --imbalance 400 --out 'my runs 50%_a'";
    shell(
        &sandbox,
        &format!("reproduce run {options} --device cpu --precision bf16"),
    )
    .succeeded();
    let summary = sandbox.read("my runs 50%_a/summary.md");
    let (_, command) = summary.split_once("```sh\n").expect("it ends in its command");
    let (command, _) = command.split_once("\n```").expect("it ends in its command");
    let begin = "reproduce run 'it'\\''s mine.toml' --epochs 1 --methods ce --imbalance 400 --seeds 1 --out 'my runs 50%_a' --precision bf16";
    assert!(command.contains(begin), "{command}");

    let numbers = |sandbox: &Sandbox| {
        let rows = sandbox.read("my runs 50%_a/runs.csv");
        let rows = csv::Reader::from_reader(rows.as_bytes()).into_deserialize();
        let rows = rows.map(|row: Result<std::collections::BTreeMap<String, String>, _>| row.expect("a row"));
        let clocked = |column: &str| ["seconds", "command"].contains(&column);
        rows.map(|mut row| {
            row.retain(|column, _| !clocked(column));
            row
        })
        .collect::<Vec<_>>()
    };
    let before = numbers(&sandbox);
    fs::remove_dir_all(sandbox.path("my runs 50%_a")).expect("it was there");
    shell(&sandbox, command).succeeded();
    assert_eq!(numbers(&sandbox), before);
    assert_eq!(
        sandbox
            .read("my runs 50%_a/summary.md")
            .split_once("```sh\n")
            .expect("a command")
            .1,
        format!("{command}\n```\n")
    );
}

#[test]
fn a_grid_of_the_checkout_goes_by_its_name_and_is_found_by_it() {
    let sandbox = Sandbox::new(TINY);
    sandbox.write("benchmarks/own.toml", TINY);
    let report = |grid: &str| shell(&sandbox, &format!("reproduce report {grid} --methods ce --epochs 1"));
    let elsewhere = "train with `reproduce run benchmarks/own.toml --epochs 1 --methods ce`, or name the folder that is meant with --out";
    report("own").refused(
        2,
        &[
            "no run of own is finished in out/own-1-epochs, so nothing is written; ",
            elsewhere,
        ],
    );
    sandbox.write("justfile", "");
    report("benchmarks/own.toml").refused(2, &["train with `just reproduce own --epochs 1 --methods ce`, or "]);
    report("grid.toml").refused(
        2,
        &["train with `reproduce run grid.toml --epochs 1 --methods ce`, or "],
    );
    report("owm").refused(2, &["cannot read grid owm: ", "; did you mean `own`?"]);
    assert_eq!(
        entries(&sandbox.path("")),
        ["benchmarks", "grid.toml", "justfile"],
        "nothing is made"
    );
}

#[test]
fn what_is_printed_for_other_programs_is_json() {
    let sandbox = Sandbox::new(TINY);
    let json = |words: &str| -> serde_json::Value {
        serde_json::from_str(&shell(&sandbox, words).succeeded().stdout).expect(words)
    };
    let plan = json("reproduce plan grid.toml --methods nc-drw-crt --json");
    let [first_stage, run] = &plan.as_array().expect("a list")[..] else {
        panic!("{plan}")
    };
    assert_eq!((&first_stage["listed"], &run["listed"]), (&false.into(), &true.into()));
    assert_eq!(run["needs"][0]["role"], "first stage");
    assert_eq!(run["needs"][0]["run"], first_stage["run"]);
    assert_eq!(run["config"]["recipe"]["backbone"], "resnet8");
    let data = json("reproduce data --data nowhere --json");
    assert_eq!(
        (&data[0]["dataset"], &data[0]["state"]),
        (&"cifar10".into(), &"missing".into())
    );
    assert_eq!(
        (&data[2]["dataset"], &data[2]["state"]),
        (&"shapes".into(), &"found".into())
    );
    assert_eq!(data[2]["train"][9], 1000);
    let methods = json("reproduce methods --json");
    assert_eq!(
        (&methods[0]["name"], &methods[0]["family"]),
        (&"ce".into(), &"Baselines".into())
    );
}

#[test]
fn shells_and_man_know_the_verbs() {
    let sandbox = Sandbox::new(TINY);
    for name in ["bash", "zsh", "fish"] {
        let script = shell(&sandbox, &format!("reproduce completions {name}"))
            .succeeded()
            .stdout;
        assert!(script.contains("evaluate") && script.contains("imbalance"), "{name}");
    }
    let complete = "eval \"$(reproduce completions bash)\"; COMP_WORDS=(reproduce eval); COMP_CWORD=1; \
                    _reproduce reproduce eval reproduce; echo \"${COMPREPLY[@]}\"";
    sandbox.write("complete.sh", complete);
    assert_eq!(shell(&sandbox, "bash complete.sh").succeeded().stdout, "evaluate\n");
    let page = shell(&sandbox, "reproduce man").succeeded().stdout;
    assert!(
        page.starts_with(".ie ") && page.contains(".SH \"EVALUATE\"") && page.contains("weights"),
        "{page}"
    );
    let version = shell(&sandbox, "reproduce --version").succeeded().stdout;
    assert!(
        version.starts_with("reproduce 0.1.0 (commit ") && version.ends_with(", libtorch 2.11.0)\n"),
        "{version}"
    );
}

#[test]
fn no_colour_where_none_is_wanted() {
    let sandbox = Sandbox::new(TINY);
    let refused = |variables: &str| {
        shell(&sandbox, &format!("{variables} reproduce nothing"))
            .refused(2, &[])
            .stderr
    };
    assert!(refused("CLICOLOR_FORCE=1").contains('\u{1b}'));
    assert!(!refused("CLICOLOR_FORCE=1 NO_COLOR=1").contains('\u{1b}'));
    assert!(!refused("").contains('\u{1b}'), "a file or a pipe");
}

#[test]
fn a_grid_goes_by_its_name_from_any_directory() {
    let sandbox = Sandbox::new(TINY);
    let plan = shell(&sandbox, "reproduce plan shapes-lt").succeeded().stdout;
    assert!(plan.contains("5 runs, 5 networks to train"), "{plan}");
    let report = shell(&sandbox, "reproduce report shapes-lt");
    report.refused(2, &["train with `reproduce run shapes-lt`, or "]);
}

#[test]
fn misspelt_verbs_and_numbers_out_of_range_are_refused_with_the_remedy() {
    let sandbox = Sandbox::new(TINY);
    shell(&sandbox, "reproduce rnu").refused(
        2,
        &["unrecognized subcommand 'rnu'", "a similar subcommand exists: 'run'"],
    );
    for (options, expected) in [
        ("--epochs -1", "`--epochs` is -1; set it to 1 or more"),
        ("--epochs 9223372036854775807", "set it to 1000000 or less"),
        ("--epochs 1e3", "`1e3` is not a whole number; give one such as 30"),
        (
            "--seeds 18446744073709551615",
            "`18446744073709551615` has more than 64 bits; give a number such as 30",
        ),
        ("--epochs ''", "`` is not a whole number; give one such as 30"),
        ("--validation -5", "`--validation` is -5; set it to 1 or more"),
        (
            "--validation 1000",
            "`--validation` is 1000, but a class of shapes has 1000 training images",
        ),
        ("--seeds 0,", "`` is not a whole number"),
        (
            "--imbalance NaN",
            "grid grid has no imbalance of ratio `NaN`; it has 400",
        ),
        ("--imbalance -1", "grid grid has no imbalance of ratio `-1`; it has 400"),
        (
            "--imbalance many",
            "`many` is not a ratio; give a number such as 100, or natural",
        ),
        (
            "--methods nc-dwr",
            "it has ce, nc-drw, nc-drw-crt; did you mean `nc-drw`?",
        ),
        ("--per-device -1", "-1 is not in 1..=65535"),
        ("--metrics-every -1", "-1 is not in 1.."),
    ] {
        shell(&sandbox, &format!("reproduce run grid.toml {options}")).refused(2, &[expected]);
    }
    assert_eq!(entries(&sandbox.path("")), ["grid.toml"]);
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_reader_who_has_gone_is_none() {
    let sandbox = Sandbox::new(TINY);
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let to_full = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reproduce"));
        command
            .args(words.split(' '))
            .current_dir(sandbox.path(""))
            .env_remove("LONGTAIL_DATA");
        said(
            &command
                .stdout(full())
                .stderr(Stdio::piped())
                .output()
                .expect("it starts"),
        )
    };
    for words in [
        "plan grid.toml",
        "run grid.toml --dry-run",
        "submit grid.toml --dry-run",
        "status grid.toml",
        "methods",
        "data",
        "--help",
        "run --help",
        "--version",
    ] {
        let said = to_full(words).refused(
            2,
            &["error: cannot write to standard output", "No space left on device"],
        );
        assert_eq!(said.stderr.lines().count(), 1, "{words}: {}", said.stderr);
    }
    let both = said(
        &sandbox
            .command("plan", &[])
            .stdout(full())
            .stderr(full())
            .output()
            .expect("it starts"),
    );
    assert_eq!(both.code, Some(2));
}

/// Progress may go to a full disk, or to a reader that has gone.
#[test]
fn a_grid_does_not_depend_on_who_reads_its_progress() {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let sandbox = Sandbox::new(TINY);
    let trained = said(&sandbox.run_command(&SHORT).stderr(full()).output().expect("it starts")).succeeded();
    assert!(
        trained.stdout.contains("out/summary.md, summary.csv, runs.csv"),
        "{}",
        trained.stdout
    );
    let refused = said(&sandbox.run_command(&SHORT).stdout(full()).output().expect("it starts"));
    refused.refused(
        2,
        &["the runs have ended and their results are in out: cannot write to standard output"],
    );

    let sandbox = Sandbox::new(TINY);
    let mut run = sandbox.run_command(&SHORT);
    let mut run = run
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(run.stderr.take());
    said(&run.wait_with_output().expect("it ends")).succeeded();
    assert!(sandbox.path("out/runs.csv").exists());
}

/// As in `reproduce run grid.toml | head -1`.
#[test]
fn a_grid_does_not_depend_on_who_reads_its_tables_and_its_runs_state_how_often_they_were_measured() {
    let sandbox = Sandbox::new(TINY);
    let mut run = sandbox.run_command(&[
        "--methods",
        "ce",
        "--epochs",
        "2",
        "--evaluate-every",
        "2",
        "--metrics-every",
        "3",
    ]);
    let mut run = run
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(run.stdout.take());
    let ended = said(&run.wait_with_output().expect("it ends")).succeeded();
    assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
    let table = sandbox.read("out/summary.md");
    let measured = " --evaluate-every 2 --metrics-every 3";
    assert!(table.contains(measured), "{table}");
    let [directory] = &sandbox.run_dirs(&["--methods", "ce", "--epochs", "2"])[..] else {
        panic!("one run");
    };
    let outcome = sandbox.read(&format!("{directory}/outcome.json"));
    assert!(
        outcome.contains(&format!("--epochs 2{measured} --methods ce")),
        "{outcome}"
    );
}
