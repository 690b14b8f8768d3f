//! Bad input: refused before anything is written, with the thing, the value and the remedy.

use std::fs;

use crate::sandbox::{Sandbox, TINY, entries};

/// `run` says `parts`, exits with 2 and leaves no results.
#[track_caller]
fn refuses(sandbox: &Sandbox, options: &[&str], parts: &[&str]) {
    sandbox.run(options).refused(2, parts);
    assert!(!sandbox.path("out").exists(), "{:?}", entries(&sandbox.path("out")));
}

#[test]
fn unknown_keys_and_values_of_a_grid_are_named_with_line_and_column() {
    refuses(
        &Sandbox::with("batch_size", "batch_sise"),
        &[],
        &["grid.toml:11:1: ", "unknown field `batch_sise`", "`batch_size`"],
    );
    refuses(
        &Sandbox::with(
            "name = \"ce\"",
            "name = \"ce\"\n[method.uses]\nloss = \"cross-entropi\"",
        ),
        &[],
        &[
            "grid.toml:19:8: ",
            "unknown variant `cross-entropi`",
            "expected one of `cross-entropy`",
        ],
    );
    refuses(
        &Sandbox::with("\"shapes\"", "\"cifar11\""),
        &[],
        &["grid.toml:3:13: ", "unknown variant `cifar11`", "`cifar10`"],
    );
}

#[test]
fn a_part_that_would_start_after_the_last_epoch_is_refused() {
    let sandbox = Sandbox::with("epochs = 2\nbatch_size", "epochs = 1\nbatch_size");
    refuses(
        &sandbox,
        &[],
        &[
            "grid.toml:",
            "`nc-drw` would start at epoch 1",
            "an earlier start_epoch",
        ],
    );
}

#[test]
fn a_missing_grid_and_choices_that_it_does_not_have_are_refused() {
    let sandbox = Sandbox::new(TINY);
    refuses(
        &sandbox,
        &["--methods", "ce,nope"],
        &["no method `nope`", "it has ce, nc-drw, nc-drw-crt"],
    );
    refuses(
        &sandbox,
        &["--imbalance", "7"],
        &["imbalance of ratio `7`", "it has 400"],
    );
    refuses(&sandbox, &["--epochs", "0"], &["`--epochs` is 0; set it to 1 or more"]);
    fs::remove_file(sandbox.path("grid.toml")).expect("it was there");
    let missing = "cannot read grid grid.toml: No such file or directory (os error 2); name a grid file, such as \
                   benchmarks/shapes-lt.toml\n";
    refuses(&sandbox, &[], &[missing]);
}

#[test]
fn a_device_that_is_unknown_or_not_here_is_refused() {
    let sandbox = Sandbox::new(TINY);
    for (device, message) in [
        ("tpu", "`tpu` is not a device; give cpu, cuda or cuda:N"),
        ("", "`` is not a device; give cpu, cuda or cuda:N"),
        ("cpu:1", "`cpu:1` is not a device; give cpu, cuda or cuda:N"),
        ("cuda:x", "`x` is not the number of a GPU; give one such as cuda:0"),
        ("cuda:-1", "`-1` is not the number of a GPU; give one such as cuda:0"),
        ("cuda:99", "device cuda:99 is not available"),
    ] {
        sandbox.reproduce("run", &["--device", device]).refused(2, &[message]);
        if device != "cuda:99" {
            let submit = sandbox.reproduce("submit", &["--dry-run", "--device", device]); // another machine may have that one
            submit.refused(2, &[message]);
        }
        assert_eq!(entries(&sandbox.path("")), ["grid.toml"]);
    }
}

#[test]
fn a_cuda_graph_without_a_gpu_is_refused() {
    let sandbox = Sandbox::new(TINY);
    let options = ["--device", "cpu", "--launch", "graph"];
    let message = "--launch graph needs a GPU, and these runs would train on the CPU; leave it out";
    sandbox.reproduce("run", &options).refused(2, &[message]);
    let unknown = "invalid value 'fast' for '--launch <LAUNCH>'\n  [possible values: eager, graph]";
    sandbox.reproduce("run", &["--launch", "fast"]).refused(2, &[unknown]);
    assert_eq!(entries(&sandbox.path("")), ["grid.toml"]);
}

#[test]
fn an_imbalance_that_leaves_a_class_empty_is_refused_before_training() {
    refuses(
        &Sandbox::with("ratio = 400", "ratio = 1200"),
        &[],
        &[
            "imbalance exponential 1200 leaves class 9 without images",
            "a ratio of at most 1000",
        ],
    );
}

#[test]
fn a_batch_larger_than_the_data_is_refused_before_training() {
    refuses(
        &Sandbox::with("batch_size = 64", "batch_size = 6400"),
        &[],
        &[
            "batch_size 6400 is larger than the 2049 training images",
            "set batch_size to 2049 or less",
        ],
    );
}

#[test]
fn missing_data_without_internet_says_what_to_fetch_from_where_and_where_to_put_it() {
    let sandbox = Sandbox::with("\"shapes\"", "\"cifar10\"");
    fs::create_dir(sandbox.path("data-sets")).expect("a folder");
    let parts = [
        "cifar10: no files in data-sets",
        "cannot download https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "put it at data-sets/cifar-10-binary.tar.gz",
        "`--data` or LONGTAIL_DATA",
    ];
    refuses(&sandbox, &["--data", "data-sets"], &parts);
}

#[test]
fn a_file_in_place_of_the_folder_of_data_is_refused_by_every_verb_that_reads_it() {
    let sandbox = Sandbox::with("\"shapes\"", "\"cifar10\"");
    sandbox.write("data-sets/cifar-10-binary.tar.gz", "");
    let expected = "data-sets/cifar-10-binary.tar.gz: a file, not a folder; name the folder that has the data set, such as data-sets, with \
                    `--data` or LONGTAIL_DATA";
    refuses(&sandbox, &["--data", "data-sets/cifar-10-binary.tar.gz"], &[expected]);
    let listed = sandbox.data("data-sets/cifar-10-binary.tar.gz").succeeded().stdout;
    assert!(listed.contains(&format!("cifar10  unusable: {expected}\n")), "{listed}");
    let listed = sandbox.data("data-sets").succeeded().stdout;
    let packed = "cifar10  missing: only data-sets/cifar-10-binary.tar.gz, which is unpacked when first needed\n";
    assert!(listed.contains(packed), "{listed}");
}

#[test]
fn a_truncated_data_file_is_refused_before_training() {
    let sandbox = Sandbox::with("\"shapes\"", "\"cifar10\"");
    for batch in 1..=5 {
        sandbox.write(
            &format!("data-sets/cifar-10-batches-bin/data_batch_{batch}.bin"),
            "\u{3}cut short",
        );
    }
    sandbox.write("data-sets/cifar-10-batches-bin/test_batch.bin", "\u{3}cut short");
    let parts = [
        "data-sets/cifar-10-batches-bin/data_batch_1.bin: 10 bytes, expected 30730000",
        "truncated or not of cifar10: fetch it again",
    ];
    refuses(&sandbox, &["--data", "data-sets"], &parts);
}

#[test]
fn a_file_in_place_of_the_folder_of_results_is_refused_by_every_verb() {
    let sandbox = Sandbox::new(TINY);
    sandbox.write("out", "a file, not a folder");
    let expected = "error: out is a file, not a folder of results; choose another --out\n";
    for verb in ["run", "report", "status", "submit"] {
        sandbox.reproduce(verb, &[]).refused(2, &[expected]);
    }
    assert_eq!(sandbox.read("out"), "a file, not a folder");
}
