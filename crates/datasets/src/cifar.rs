use std::fs;
use std::path::{Path, PathBuf};

use crate::download::{self, Archive, DownloadProgress};
use crate::records::{IMAGE_BYTES, Loaded, Records, SIDE};
use crate::{DataError, Facts, Normalization, cifar_pickle, class_names};

/// CIFAR-10 or CIFAR-100 and the two layouts its files come in.
pub(crate) struct Cifar {
    pub(crate) name: &'static str,
    pub(crate) classes: i64,
    /// One per class.
    pub(crate) class_names: &'static [&'static str],
    /// The first layout that is found is read; the archive of the first one is downloaded.
    pub(crate) layouts: [Layout; 2],
}

/// How a data set is stored in files.
pub(crate) struct Layout {
    pub(crate) archive: Archive,
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
    class_names: class_names::CIFAR10,
    layouts: [
        Layout {
            archive: Archive {
                name: "cifar-10-binary.tar.gz",
                md5: "c32a1d4ab5d03f1284b67883e8d87530",
                folder: "cifar-10-batches-bin",
                url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            },
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
            archive: Archive {
                name: "cifar-10-python.tar.gz",
                md5: "c58f30108f718f92721af3b95e74349a",
                folder: "cifar-10-batches-py",
                url: "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            },
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
    class_names: class_names::CIFAR100,
    layouts: [
        Layout {
            archive: Archive {
                name: "cifar-100-binary.tar.gz",
                md5: "03b5dce01913d631647c71ecec9e9cb8",
                folder: "cifar-100-binary",
                url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            },
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
            archive: Archive {
                name: "cifar-100-python.tar.gz",
                md5: "eb9058c3a382ffc7106e4002c42a8d85",
                folder: "cifar-100-python",
                url: "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            },
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
    /// Both data sets are balanced.
    pub(crate) fn facts(&self) -> Facts {
        let Layout { train, test, .. } = &self.layouts[0];
        let per_class = |files: &Files| vec![files.images() as i64 / self.classes; self.classes as usize];
        Facts {
            train: per_class(train),
            test: per_class(test),
            class_names: self.class_names.to_vec(),
            side: SIDE as i64,
            normalization: Normalization::CIFAR,
        }
    }

    /// The folder under `data_root` with the files, or `data_root` itself, and their layout.
    pub(crate) fn locate(&self, data_root: &Path) -> Option<(PathBuf, &Layout)> {
        let below = self
            .layouts
            .iter()
            .map(|layout| (data_root.join(layout.archive.folder), layout));
        let itself = self.layouts.iter().map(|layout| (data_root.to_owned(), layout));
        below
            .chain(itself)
            .find(|(folder, layout)| layout.names().any(|name| folder.join(name).is_file()))
    }

    /// The archive, of either layout, that the user put under `data_root`.
    pub(crate) fn archive_in(&self, data_root: &Path) -> Option<&Archive> {
        let mut archives = self.layouts.iter().map(|layout| &layout.archive);
        archives.find(|archive| data_root.join(archive.name).is_file())
    }

    /// Refuses what stands in the place of the files without being them; a download would end there.
    ///
    /// # Errors
    /// If `data_root` is no folder, or that of a layout is none, or has no file of the data set.
    pub(crate) fn check_folders(&self, data_root: &Path) -> Result<(), DataError> {
        if data_root.is_file() {
            let path = data_root.to_owned();
            return Err(DataError::NotAFolder { path });
        }
        let folders = self.layouts.iter().map(|layout| data_root.join(layout.archive.folder));
        for path in [data_root.to_owned()].into_iter().chain(folders) {
            let problem = if path.is_dir() {
                "a folder without any of its files"
            } else if path.is_symlink() {
                "a link that leads to no folder"
            } else {
                "a file, not a folder"
            };
            let is_of_layout = path != data_root;
            if path.is_symlink() && !path.exists() || is_of_layout && path.exists() {
                let dataset = self.name;
                return Err(DataError::NoFiles { path, problem, dataset });
            }
        }
        Ok(())
    }

    /// Makes sure that the files lie under `data_root`: does nothing if they do; unpacks an archive of either layout that
    /// lies there; else downloads that of the first layout.
    pub(crate) fn fetch(&self, data_root: &Path, progress: &mut dyn FnMut(DownloadProgress)) -> Result<(), DataError> {
        let is_there = || self.locate(data_root).is_some();
        if is_there() {
            return Ok(());
        }
        self.check_folders(data_root)?;
        match self.archive_in(data_root) {
            Some(archive) => archive.unpack_from(&data_root.join(archive.name), data_root),
            None => download::fetch(self.name, &self.layouts[0].archive, data_root, &is_there, progress),
        }
    }

    /// Reads and checks both splits.
    pub(crate) fn read(&self, data_root: &Path) -> Result<Loaded, DataError> {
        // Unpacking an archive without any of the files leaves no folder; reading then names the first missing file.
        let unpacked = || (data_root.join(self.layouts[0].archive.folder), &self.layouts[0]);
        let (folder, layout) = self.locate(data_root).unwrap_or_else(unpacked);
        let facts = self.facts();
        let split = |files, expected: &[i64]| self.read_split(&folder, layout, files, expected);
        let (train, test) = (split(&layout.train, &facts.train)?, split(&layout.test, &facts.test)?);
        Ok(Loaded::new(train, test, self.classes, folder.display().to_string()))
    }

    /// Reads a split, which has `expected` images of each class.
    fn read_split(
        &self,
        folder: &Path,
        layout: &Layout,
        files: &Files,
        expected: &[i64],
    ) -> Result<Records, DataError> {
        let total = files.images();
        let mut records = Records {
            labels: Vec::with_capacity(total),
            pixels: Vec::with_capacity(total * IMAGE_BYTES),
        };
        for name in files.names {
            self.read_file(&folder.join(name), layout.format, files.records, &mut records)?;
        }
        // This catches files of the right size with the wrong contents.
        let mut counts = vec![0; expected.len()];
        records.labels.iter().for_each(|&label| counts[label as usize] += 1);
        match (0..counts.len()).find(|&class| counts[class] != expected[class]) {
            None => Ok(records),
            Some(class) => Err(DataError::WrongClassCount {
                folder: folder.to_owned(),
                dataset: self.name,
                split: files.split,
                class,
                found: counts[class],
                expected: expected[class],
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
        let found = fs::metadata(path).map_err(DataError::read(path))?.len() as usize;
        let first = records.labels.len();
        match format {
            Format::Binary { label_bytes } => {
                let record_bytes = label_bytes + IMAGE_BYTES;
                if found != count * record_bytes {
                    return Err(DataError::WrongSize {
                        path: path.to_owned(),
                        dataset: self.name,
                        found,
                        records: count,
                        record_bytes,
                    });
                }
                let bytes = fs::read(path).map_err(DataError::read(path))?;
                for record in bytes.chunks_exact(record_bytes) {
                    records.labels.push(i64::from(record[label_bytes - 1]));
                    records.pixels.extend_from_slice(&record[label_bytes..]);
                }
            }
            Format::Pickle { label_key } => {
                let refuse = |problem| DataError::Pickle {
                    path: path.to_owned(),
                    dataset: self.name,
                    problem,
                };
                // Twice the images: as text for Python 2 they take half as many bytes again, and file names come on
                // top.
                let most = 2 * count * IMAGE_BYTES + (1 << 20);
                if found > most {
                    return Err(refuse(format!("{found} bytes, expected at most {most}")));
                }
                let bytes = fs::read(path).map_err(DataError::read(path))?;
                let batch = cifar_pickle::parse(&bytes, label_key, count).map_err(refuse)?;
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

impl Files {
    /// Images of all files together.
    fn images(&self) -> usize {
        self.records * self.names.len()
    }
}

/// Two classes; two training files of two records, one test file of two.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) const TINY: Cifar = Cifar {
    name: "tiny",
    classes: 2,
    class_names: &["a", "b"],
    layouts: [
        Layout {
            archive: Archive {
                name: "tiny.tar.gz",
                md5: "not of any file",
                folder: "tiny-bin",
                url: "http://127.0.0.1:1/tiny.tar.gz",
            },
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
            archive: Archive {
                name: "tiny-python.tar.gz",
                md5: "not of any file",
                folder: "tiny-py",
                url: "http://127.0.0.1:1/tiny-python.tar.gz",
            },
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

#[cfg(test)]
pub(crate) mod tests;
