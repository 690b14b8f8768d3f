use super::*;

/// An image whose pixels encode the image, the colour plane and the position.
fn image(of: u8) -> Vec<u8> {
    (0..IMAGE_BYTES)
        .map(|at| (at / 7 + at / 1024 * 50) as u8 ^ of)
        .collect()
}

fn record(label: u8, of: u8) -> Vec<u8> {
    [vec![9, label], image(of)].concat()
}

/// `TINY` in its binary layout, as file names and contents.
pub(crate) fn tiny_files() -> [(&'static str, Vec<u8>); 3] {
    [
        ("a.bin", [record(0, 1), record(1, 2)].concat()),
        ("b.bin", [record(1, 3), record(0, 4)].concat()),
        ("t.bin", [record(1, 5), record(0, 6)].concat()),
    ]
}

/// `TINY` in its pickle layout, as file names and contents.
pub(crate) fn tiny_pickles() -> [(&'static str, Vec<u8>); 3] {
    tiny_files().map(|(name, bytes)| {
        let records: Vec<&[u8]> = bytes.chunks(2 + IMAGE_BYTES).collect();
        let labels: Vec<u8> = records.iter().map(|record| record[1]).collect();
        let pixels: Vec<u8> = records.iter().flat_map(|record| record[2..].to_vec()).collect();
        let pickle = cifar_pickle::tests::like_python_2("fine_labels", &labels, &pixels);
        (name.trim_end_matches(".bin"), pickle)
    })
}

/// A folder with a data set in it.
fn tiny_in(folder: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join(folder)).unwrap();
    for (name, bytes) in tiny_files() {
        fs::write(root.path().join(folder).join(name), bytes).unwrap();
    }
    root
}

fn load(root: &Path) -> Result<Loaded, DataError> {
    TINY.read(root)
}

fn message_without(root: &Path, error: &DataError) -> String {
    error.to_string().replace(&format!("{}/", root.display()), "")
}

#[test]
fn binary_layout_loads_in_file_order_with_the_last_label() {
    let root = tiny_in("tiny-bin");
    let loaded = load(root.path()).unwrap();
    assert_eq!(loaded.train.label_list(), [0, 1, 1, 0]);
    assert_eq!(loaded.test.label_list(), [1, 0]);
    assert_eq!(loaded.train.in_memory().unwrap().size(), [4, 3, 32, 32]);
    assert_eq!(loaded.train.in_memory().unwrap().kind(), tch::Kind::Uint8);
    assert_eq!(loaded.train.class_counts(), [2, 2]);
    let (plane, row, column) = (2, 5, 7);
    let wanted = image(3)[plane * 1024 + row * 32 + column];
    let found = loaded
        .train
        .in_memory()
        .unwrap()
        .int64_value(&[2, plane as i64, row as i64, column as i64]);
    assert_eq!(found, i64::from(wanted));
    assert_eq!(loaded.source, root.path().join("tiny-bin").display().to_string());
}

#[test]
fn data_root_may_be_the_folder_itself() {
    let below = tiny_in("tiny-bin");
    let itself = tiny_in("");
    assert_eq!(load(below.path()).unwrap().digest, load(itself.path()).unwrap().digest);
}

#[test]
fn pickle_layout_of_the_same_images_has_the_same_digest() {
    let binary = tiny_in("tiny-bin");
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("tiny-py")).unwrap();
    for (name, bytes) in tiny_pickles() {
        fs::write(root.path().join("tiny-py").join(name), bytes).unwrap();
    }
    let (from_pickle, from_binary) = (load(root.path()).unwrap(), load(binary.path()).unwrap());
    assert_eq!(from_pickle.digest, from_binary.digest);
    assert_eq!(from_pickle.train.in_memory(), from_binary.train.in_memory());
}

#[test]
fn digest_depends_on_every_pixel_and_label() {
    let digest_with = |file: &str, at: usize, byte: u8| {
        let root = tiny_in("tiny-bin");
        let path = root.path().join("tiny-bin").join(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        load(root.path()).map(|loaded| loaded.digest)
    };
    let untouched = load(tiny_in("tiny-bin").path()).unwrap().digest;
    assert_ne!(digest_with("t.bin", 2 + IMAGE_BYTES - 1, 99).unwrap(), untouched);
    assert_eq!(
        digest_with("t.bin", 0, 7).unwrap(),
        untouched,
        "coarse labels do not enter"
    );
}

#[test]
fn data_set_that_is_not_there_is_not_located() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("tiny-bin")).unwrap();
    assert!(TINY.locate(root.path()).is_none());
}

#[test]
fn missing_file_is_named() {
    let root = tiny_in("tiny-bin");
    fs::remove_file(root.path().join("tiny-bin/b.bin")).unwrap();
    assert_eq!(
        message_without(root.path(), &load(root.path()).unwrap_err()),
        "tiny-bin/b.bin: no such file, although other files of tiny are in its folder; complete the folder, or move \
         it away to have it downloaded again"
    );
}

#[test]
fn truncated_file_is_named_with_its_size() {
    let root = tiny_in("tiny-bin");
    fs::write(root.path().join("tiny-bin/t.bin"), &tiny_files()[2].1[1..]).unwrap();
    assert_eq!(
        message_without(root.path(), &load(root.path()).unwrap_err()),
        "tiny-bin/t.bin: 6147 bytes, expected 6148 (2 records of 3074 bytes); the file is truncated or not of tiny: \
         fetch it again"
    );
}

#[test]
fn label_beyond_the_classes_is_named_with_its_record() {
    let root = tiny_in("tiny-bin");
    fs::write(
        root.path().join("tiny-bin/b.bin"),
        [record(1, 3), record(2, 4)].concat(),
    )
    .unwrap();
    assert_eq!(
        message_without(root.path(), &load(root.path()).unwrap_err()),
        "tiny-bin/b.bin: record 1 has label 2, expected 0 to 1; the file is corrupt: fetch it again"
    );
}

#[test]
fn unbalanced_classes_are_an_error() {
    let root = tiny_in("tiny-bin");
    fs::write(
        root.path().join("tiny-bin/b.bin"),
        [record(1, 3), record(1, 4)].concat(),
    )
    .unwrap();
    assert_eq!(
        message_without(root.path(), &load(root.path()).unwrap_err()),
        "tiny-bin: class 0 has 1 train images, expected 2; the files are corrupt or not those of tiny: fetch them \
         again"
    );
}

#[test]
fn corrupt_pickle_is_named() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("tiny-py")).unwrap();
    fs::write(root.path().join("tiny-py/a"), b"\x80\x02}").unwrap();
    let message = message_without(root.path(), &load(root.path()).unwrap_err());
    assert!(message.starts_with("tiny-py/a: not a batch of tiny: "), "{message}");
    assert!(
        message.ends_with("; the file is truncated or corrupt: fetch it again"),
        "{message}"
    );
}

#[test]
fn pickle_longer_than_any_batch_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("tiny-py")).unwrap();
    let file = fs::File::create(root.path().join("tiny-py/a")).unwrap();
    file.set_len(1 << 40).unwrap(); // a hole: the disk needs no such space, the memory would
    assert_eq!(
        message_without(root.path(), &load(root.path()).unwrap_err()),
        "tiny-py/a: not a batch of tiny: 1099511627776 bytes, expected at most 1060864; the file is truncated or corrupt: \
         fetch it again"
    );
}
