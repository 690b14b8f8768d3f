use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

const NONE_HELD_OUT: Validation = Validation { per_class: 0, seed: 0 };

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    folder
}

fn paths(index: &PhotographIndex) -> Vec<&str> {
    (0..index.len()).map(|position| index.relative_path(position)).collect()
}

fn error(folder: &tempfile::TempDir, hold_out: Validation) -> String {
    let error = read_class_folders(folder.path(), hold_out).unwrap_err();
    error.to_string().replace(&folder.path().display().to_string(), "ROOT")
}

#[test]
fn classes_and_photographs_are_sorted_and_other_files_ignored() {
    let folder = tree(&[
        "b/2.JPG",
        "b/10.png",
        "b/notes.txt",
        "b/.hidden.jpg",
        "a b/more/x.webp",
        "a b/y.jpeg",
        "README.md",
    ]);
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let read = read_class_folders(folder.path(), NONE_HELD_OUT).unwrap();
    assert_eq!(read.train.class_names(), ["a b", "b"]);
    assert_eq!(
        paths(&read.train),
        ["a b/more/x.webp", "a b/y.jpeg", "b/10.png", "b/2.JPG"]
    );
    assert_eq!(read.train.label_list(), [0, 0, 1, 1]);
    assert!(read.test.is_empty());
}

#[test]
fn splits_beside_train_are_read() {
    let files = ["train/a/1.jpg", "train/b/1.jpg", "val/a/2.jpg", "val/b/2.jpg"];
    let read = read_class_folders(tree(&files).path(), NONE_HELD_OUT).unwrap();
    assert_eq!(
        (paths(&read.train), paths(&read.test)),
        (vec!["a/1.jpg", "b/1.jpg"], vec!["a/2.jpg", "b/2.jpg"])
    );
    assert_eq!(read.validation, None);

    let files = [&files[..], &["test/a/3.jpg", "test/b/3.jpg"]].concat();
    let read = read_class_folders(tree(&files).path(), NONE_HELD_OUT).unwrap();
    assert_eq!(paths(&read.test), ["a/3.jpg", "b/3.jpg"]);
    assert_eq!(paths(&read.validation.unwrap()), ["a/2.jpg", "b/2.jpg"]);
}

#[test]
fn a_test_that_is_held_out_is_balanced_seeded_and_apart() {
    let files: Vec<String> = (0..40)
        .map(|number| format!("train/{}/{number}.jpg", if number < 30 { "a" } else { "b" }))
        .collect();
    let folder = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let read = |seed| read_class_folders(folder.path(), Validation { per_class: 4, seed }).unwrap();
    let first = read(1);
    assert_eq!(
        (first.train.class_counts(), first.test.class_counts()),
        (vec![26, 6], vec![4, 4])
    );
    let mut all = [paths(&first.train), paths(&first.test)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40);
    assert_eq!(read(1), first);
    assert_ne!(read(2).test, first.test);
}

#[test]
fn what_is_wrong_with_a_folder_is_said() {
    let held_out = Validation { per_class: 2, seed: 0 };
    let expected = "expected a folder for each class with JPEG, PNG or WebP files in it";
    assert_eq!(
        error(&tree(&["1.jpg"]), held_out),
        format!("ROOT: no folder in it; {expected}")
    );
    assert_eq!(
        error(&tree(&["a/1.jpg", "b/1.txt"]), held_out),
        format!("ROOT/b: no photograph in it; {expected}")
    );
    assert_eq!(
        error(&tree(&["Cat/1.jpg", "cat/1.jpg"]), held_out),
        "ROOT: the classes `Cat` and `cat` differ only in case, and are one folder on other systems; rename or join them"
    );
    assert_eq!(
        error(
            &tree(&["a/1.jpg", "a/2.jpg", "a/3.jpg", "b/1.jpg", "b/2.jpg"]),
            held_out
        ),
        "class `b` has 2 photographs, and 2 are to be held out of each class for the test; hold out fewer, give the folder a \
         `test` folder beside `train`, or add photographs"
    );
    let both = "both folders need a folder for each of the same classes";
    assert_eq!(
        error(&tree(&["train/a/1.jpg", "test/a/1.jpg", "test/b/1.jpg"]), held_out),
        format!("ROOT/test: the class `b` is not in ROOT/train; {both}")
    );
    assert_eq!(
        error(&tree(&["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg"]), held_out),
        format!("ROOT/val: the class `b` of ROOT/train is missing; {both}")
    );
    let nowhere = tree(&[]);
    std::fs::remove_dir(nowhere.path()).unwrap();
    assert!(error(&nowhere, held_out).starts_with("ROOT: cannot be read:"));
}

#[test]
fn names_that_are_not_utf8_are_an_error() {
    for (class, file) in [(&b"a\xff"[..], &b"1.jpg"[..]), (b"a", b"1\xff.jpg")] {
        let folder = tree(&[]);
        let class = folder.path().join(OsStr::from_bytes(class));
        std::fs::create_dir(&class).unwrap();
        std::fs::write(class.join(OsStr::from_bytes(file)), "").unwrap();
        let error = error(&folder, NONE_HELD_OUT);
        assert!(
            error.ends_with("\u{fffd}.jpg: the name is not UTF-8; rename it")
                || error == "ROOT/a\u{fffd}: the name is not UTF-8; rename it",
            "{error}"
        );
    }
}

#[test]
fn a_folder_that_is_called_almost_as_a_split_is_refused() {
    for (name, meant) in [
        ("Train", "train"),
        ("training", "train"),
        ("VAL", "val"),
        ("valid", "val"),
        ("Validation", "val"),
        ("TEST", "test"),
        ("testing", "test"),
    ] {
        let other = format!("{name}/a/1.jpg");
        for beside in ["cats/1.jpg", "train/a/2.jpg"] {
            let refused = error(&tree(&[&other, beside]), NONE_HELD_OUT);
            assert_eq!(
                refused,
                format!(
                    "ROOT: the folder `{name}` is called almost as a split, and would be none; rename it to `{meant}`, or otherwise if it is \
                     a class"
                )
            );
        }
    }
    let other = tree(&["tests/1.jpg", "trains/1.jpg"]);
    std::fs::write(other.path().join("Train"), "a file").unwrap();
    let read = read_class_folders(other.path(), NONE_HELD_OUT).unwrap();
    assert_eq!(read.train.class_names(), ["tests", "trains"]);
}

#[test]
fn links_that_lead_nowhere_or_back_are_refused_with_the_remedy() {
    use std::os::unix::fs::symlink;
    let folder = tree(&["a/1.jpg", "b/1.jpg"]);
    let nowhere = folder.path().join("b/2.jpg");
    symlink("missing.jpg", &nowhere).unwrap();
    let refused = error(&folder, NONE_HELD_OUT);
    assert_eq!(
        refused,
        "ROOT/b/2.jpg: a link to what is not there; put it back, or remove the link"
    );
    std::fs::remove_file(nowhere).unwrap();
    let back = folder.path().join("a/more");
    symlink(folder.path().join("a"), &back).unwrap();
    let refused = error(&folder, NONE_HELD_OUT);
    assert_eq!(
        refused,
        "ROOT/a/more: a link to ROOT/a, the folder that it is in, so that photographs would be found without end; remove the link"
    );
    std::fs::remove_file(back).unwrap();
    symlink("missing", folder.path().join("c")).unwrap();
    let refused = error(&folder, NONE_HELD_OUT);
    assert_eq!(
        refused,
        "ROOT/c: a link to what is not there; put it back, or remove the link"
    );
}
