//! What goes to other programs: the images of a split.

use std::fs;

use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use crate::analyze::cell;
use crate::sandbox::{Said, Sandbox, TINY, entries, said};

fn split(sandbox: &Sandbox, options: &[&str]) -> Said {
    let mut command = sandbox.binary("split");
    said(&command.args(options).output().expect("the binary starts"))
}

fn numbers(sandbox: &Sandbox, file: &str) -> Vec<i64> {
    let array = Tensor::read_npy(sandbox.path(file)).expect(file);
    assert_eq!(array.kind(), Kind::Int64);
    Vec::try_from(array).expect("[n]")
}

#[test]
fn a_split_has_the_images_that_runs_train_on() {
    let sandbox = Sandbox::new(TINY);
    let said = split(&sandbox, &["shapes-lt", "--imbalance", "100"]).succeeded();
    assert!(
        said.stdout.starts_with(
            "shapes, exponential 100: 2478 training images, 1000 to 10 of a class; 5 many-, 3 medium- and 2 few-shot classes\n"
        ),
        "{}",
        said.stdout
    );
    let files = [
        "classes.csv",
        "split.json",
        "train.csv",
        "train.npy",
        "train_labels.npy",
    ];
    assert_eq!(entries(&sandbox.path("split")), files);

    let (indices, labels) = (
        numbers(&sandbox, "split/train.npy"),
        numbers(&sandbox, "split/train_labels.npy"),
    );
    let rows = indices.iter().zip(&labels).map(|(index, label)| {
        format!(
            "{index},{label}
"
        )
    });
    let rows: Vec<String> = rows.collect();
    let rows = rows.concat();
    assert_eq!(sandbox.read("split/train.csv"), format!("index,label\n{rows}"));
    assert!(
        indices.iter().zip(&labels).all(|(index, label)| index % 10 == *label),
        "see datasets/src/shapes.rs"
    );
    let list: Vec<String> = indices.iter().map(|index| format!("{index}\n")).collect();
    let digest = format!("{:x}", Sha256::digest(list.concat()));
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/shapes-lt/runs.csv");
    let archive = fs::read_to_string(archive).expect("an archive");
    assert_eq!(digest, cell(&archive, 0, "split_digest"), "of a run");
    let description: serde_json::Value = serde_json::from_str(&sandbox.read("split/split.json")).expect("JSON");
    assert_eq!(description["split_digest"], digest);
    assert_eq!(description["data_digest"], cell(&archive, 0, "data_digest"));
    assert_eq!(description["imbalance"]["exponential"]["ratio"], 100.0);
    let classes = sandbox.read("split/classes.csv");
    assert!(
        classes.starts_with("class,name,images,group,group_by_index\n0,plain disc,1000,many,many\n"),
        "{classes}"
    );
    assert!(classes.ends_with("\n9,striped crescent,10,few,few\n"), "{classes}");
}

#[test]
fn every_shape_of_imbalance_and_images_that_are_held_out() {
    let sandbox = Sandbox::new(TINY);
    let options = [
        "shapes",
        "--imbalance",
        "10",
        "--shape",
        "step",
        "--hold-out",
        "25",
        "--select-by",
        "file-order",
    ];
    split(&sandbox, &[&options[..], &["--out", "a/b"]].concat()).succeeded();
    let (train, validation) = (
        numbers(&sandbox, "a/b/train.npy"),
        numbers(&sandbox, "a/b/validation.npy"),
    );
    assert_eq!((train.len(), validation.len()), (5 * 975 + 5 * 97, 250));
    assert!(validation.iter().all(|index| !train.contains(index)));
    split(&sandbox, &["shapes", "--imbalance", "10", "--out", "a/b"]).succeeded();
    assert!(
        !sandbox.path("a/b/validation.npy").exists(),
        "some of its images are training images now"
    );
    split(&sandbox, &["shapes", "--imbalance", "natural", "--out", "all"]).succeeded();
    assert_eq!(numbers(&sandbox, "all/train.npy").len(), 10_000);
    let other_seed = ["shapes", "--imbalance", "100", "--split-seed", "1", "--out", "seed"];
    let digest = split(&sandbox, &other_seed).succeeded().stdout;
    assert_ne!(
        digest,
        split(&sandbox, &["shapes", "--imbalance", "100"]).succeeded().stdout
    );
}

#[test]
fn a_split_that_cannot_be_made_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new(TINY);
    let refused = |options: &[&str], part: &str| split(&sandbox, options).refused(2, &[part]);
    refused(&["shapes"], "say how long the tail is, such as `--imbalance 100`");
    refused(
        &["cifar1000", "--imbalance", "100"],
        "[possible values: cifar10, cifar100, shapes]",
    );
    refused(&["shapes", "--imbalance", "0.5"], "0.5");
    refused(&["shapes", "--imbalance", "5000"], "class");
    refused(&["shapes", "--imbalance", "100", "--hold-out", "1001"], "class");
    sandbox.write("file", "");
    let into_a_file = ["shapes", "--imbalance", "100", "--out", "file/split"];
    refused(
        &into_a_file,
        "cannot write file/split; move away the file that is in the place of a folder",
    );
    assert_eq!(entries(&sandbox.path("")), ["file", "grid.toml"], "nothing is made");
}
