use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset::{IMAGE_BYTES, Records};
use crate::{DataError, Loaded, cifar_pickle};

/// CIFAR-10 or CIFAR-100 and the two layouts its files come in.
pub(crate) struct Cifar {
    pub(crate) name: &'static str,
    pub(crate) classes: i64,
    /// File name of the official archive with the first layout.
    pub(crate) archive: &'static str,
    pub(crate) archive_md5: &'static str,
    /// Of these the first one found is read.
    pub(crate) layouts: [Layout; 2],
}

/// How a data set lies in files.
pub(crate) struct Layout {
    pub(crate) folder: &'static str,
    format: Format,
    train: Files,
    test: Files,
}

/// The files of one split, each with the same number of records.
struct Files {
    split: &'static str,
    names: &'static [&'static str],
    records: usize,
}

#[derive(Clone, Copy)]
enum Format {
    /// Records of `label_bytes` labels, of which the last one counts, and an image.
    Binary { label_bytes: usize },
    /// A pickled dictionary with a list of labels under `label_key` and an array of images, `[n, 3072]` u8.
    Pickle { label_key: &'static str },
}

pub(crate) const CIFAR10: Cifar = Cifar {
    name: "cifar10",
    classes: 10,
    archive: "cifar-10-binary.tar.gz",
    archive_md5: "c32a1d4ab5d03f1284b67883e8d87530",
    layouts: [
        Layout {
            folder: "cifar-10-batches-bin",
            format: Format::Binary { label_bytes: 1 },
            train: Files {
                split: "train",
                names: &[
                    "data_batch_1.bin",
                    "data_batch_2.bin",
                    "data_batch_3.bin",
                    "data_batch_4.bin",
                    "data_batch_5.bin",
                ],
                records: 10_000,
            },
            test: Files {
                split: "test",
                names: &["test_batch.bin"],
                records: 10_000,
            },
        },
        Layout {
            folder: "cifar-10-batches-py",
            format: Format::Pickle { label_key: "labels" },
            train: Files {
                split: "train",
                names: &[
                    "data_batch_1",
                    "data_batch_2",
                    "data_batch_3",
                    "data_batch_4",
                    "data_batch_5",
                ],
                records: 10_000,
            },
            test: Files {
                split: "test",
                names: &["test_batch"],
                records: 10_000,
            },
        },
    ],
};

pub(crate) const CIFAR100: Cifar = Cifar {
    name: "cifar100",
    classes: 100,
    archive: "cifar-100-binary.tar.gz",
    archive_md5: "03b5dce01913d631647c71ecec9e9cb8",
    layouts: [
        Layout {
            folder: "cifar-100-binary",
            format: Format::Binary { label_bytes: 2 }, // the coarse label, then the fine one
            train: Files {
                split: "train",
                names: &["train.bin"],
                records: 50_000,
            },
            test: Files {
                split: "test",
                names: &["test.bin"],
                records: 10_000,
            },
        },
        Layout {
            folder: "cifar-100-python",
            format: Format::Pickle {
                label_key: "fine_labels",
            },
            train: Files {
                split: "train",
                names: &["train"],
                records: 50_000,
            },
            test: Files {
                split: "test",
                names: &["test"],
                records: 10_000,
            },
        },
    ],
};

impl Cifar {
    /// The folder under `data_root` with the files, or `data_root` itself, and their layout.
    pub(crate) fn locate(&self, data_root: &Path) -> Option<(PathBuf, &Layout)> {
        let below = self
            .layouts
            .iter()
            .map(|layout| (data_root.join(layout.folder), layout));
        let itself = self.layouts.iter().map(|layout| (data_root.to_owned(), layout));
        below
            .chain(itself)
            .find(|(folder, layout)| layout.names().any(|name| folder.join(name).is_file()))
    }

    /// Reads and checks both splits.
    pub(crate) fn read(&self, data_root: &Path) -> Result<Loaded, DataError> {
        // An archive without any of its files would bring us here without a folder; reading names the first one.
        let unpacked = || (data_root.join(self.layouts[0].folder), &self.layouts[0]);
        let (folder, layout) = self.locate(data_root).unwrap_or_else(unpacked);
        let split = |files| self.read_split(&folder, layout, files);
        let (train, test) = (split(&layout.train)?, split(&layout.test)?);
        Ok(Loaded::new(train, test, self.classes, folder.display().to_string()))
    }

    fn read_split(&self, folder: &Path, layout: &Layout, files: &Files) -> Result<Records, DataError> {
        let total = files.records * files.names.len();
        let mut records = Records {
            labels: Vec::with_capacity(total),
            pixels: Vec::with_capacity(total * IMAGE_BYTES),
        };
        for name in files.names {
            self.read_file(&folder.join(name), layout.format, files.records, &mut records)?;
        }
        // Both data sets are balanced, which finds files that are whole and yet not what they should be.
        let expected = (total as i64) / self.classes;
        let mut counts = vec![0; self.classes as usize];
        records.labels.iter().for_each(|&label| counts[label as usize] += 1);
        match counts.iter().position(|&count| count != expected) {
            None => Ok(records),
            Some(class) => Err(DataError::WrongClassCount {
                folder: folder.to_owned(),
                dataset: self.name,
                split: files.split,
                class,
                found: counts[class],
                expected,
            }),
        }
    }

    /// Appends the records of one file.
    fn read_file(&self, path: &Path, format: Format, count: usize, records: &mut Records) -> Result<(), DataError> {
        if !path.is_file() {
            return Err(DataError::MissingFile {
                path: path.to_owned(),
                dataset: self.name,
            });
        }
        let bytes = fs::read(path).map_err(DataError::read(path))?;
        let first = records.labels.len();
        match format {
            Format::Binary { label_bytes } => {
                let record_bytes = label_bytes + IMAGE_BYTES;
                if bytes.len() != count * record_bytes {
                    return Err(DataError::WrongSize {
                        path: path.to_owned(),
                        dataset: self.name,
                        found: bytes.len(),
                        records: count,
                        record_bytes,
                    });
                }
                for record in bytes.chunks_exact(record_bytes) {
                    records.labels.push(i64::from(record[label_bytes - 1]));
                    records.pixels.extend_from_slice(&record[label_bytes..]);
                }
            }
            Format::Pickle { label_key } => {
                let batch = cifar_pickle::parse(&bytes, label_key, count).map_err(|problem| DataError::Pickle {
                    path: path.to_owned(),
                    dataset: self.name,
                    problem,
                })?;
                records.labels.extend(batch.labels);
                records.pixels.extend(batch.pixels);
            }
        }
        let wrong = |label: &i64| !(0..self.classes).contains(label);
        match records.labels[first..].iter().position(wrong) {
            None => Ok(()),
            Some(record) => Err(DataError::WrongLabel {
                path: path.to_owned(),
                record,
                found: records.labels[first + record],
                classes: self.classes,
            }),
        }
    }
}

impl Layout {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.train.names.iter().chain(self.test.names).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two classes; two training files of two records, one test file of two.
    pub(crate) const TINY: Cifar = Cifar {
        name: "tiny",
        classes: 2,
        archive: "tiny.tar.gz",
        archive_md5: "not of any file",
        layouts: [
            Layout {
                folder: "tiny-bin",
                format: Format::Binary { label_bytes: 2 },
                train: Files {
                    split: "train",
                    names: &["a.bin", "b.bin"],
                    records: 2,
                },
                test: Files {
                    split: "test",
                    names: &["t.bin"],
                    records: 2,
                },
            },
            Layout {
                folder: "tiny-py",
                format: Format::Pickle {
                    label_key: "fine_labels",
                },
                train: Files {
                    split: "train",
                    names: &["a", "b"],
                    records: 2,
                },
                test: Files {
                    split: "test",
                    names: &["t"],
                    records: 2,
                },
            },
        ],
    };

    /// An image whose pixels tell the image, the plane and the place.
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
        assert_eq!(loaded.train.images.size(), [4, 3, 32, 32]);
        assert_eq!(loaded.train.images.kind(), tch::Kind::Uint8);
        assert_eq!(loaded.train.class_counts(), [2, 2]);
        let (plane, row, column) = (2, 5, 7);
        let wanted = image(3)[plane * 1024 + row * 32 + column];
        let found = loaded
            .train
            .images
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
        for (name, bytes) in tiny_files() {
            let records: Vec<&[u8]> = bytes.chunks(2 + IMAGE_BYTES).collect();
            let labels: Vec<u8> = records.iter().map(|record| record[1]).collect();
            let pixels: Vec<u8> = records.iter().flat_map(|record| record[2..].to_vec()).collect();
            let pickle = cifar_pickle::tests::like_python_2("fine_labels", &labels, &pixels);
            fs::write(root.path().join("tiny-py").join(name.trim_end_matches(".bin")), pickle).unwrap();
        }
        let (from_pickle, from_binary) = (load(root.path()).unwrap(), load(binary.path()).unwrap());
        assert_eq!(from_pickle.digest, from_binary.digest);
        assert_eq!(from_pickle.train.images, from_binary.train.images);
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
}
