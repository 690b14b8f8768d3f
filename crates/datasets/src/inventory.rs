use std::path::Path;

use crate::dataset::data_folder;
use crate::{DataError, Dataset};

/// One data set, and whether it can be used.
#[derive(Debug)]
pub struct InventoryEntry {
    /// The data set.
    pub dataset: Dataset,
    /// Whether it can be used.
    pub availability: Availability,
}

/// Whether a data set can be used.
#[derive(Debug)]
pub enum Availability {
    /// It loads.
    Found {
        /// Where the images come from, in words.
        source: String,
        /// Number of training images of each class, `[k]`.
        train: Vec<i64>,
        /// Number of test images of each class, `[k]`.
        test: Vec<i64>,
        /// SHA-256 over both splits, see [`crate::Loaded::digest`].
        digest: String,
    },
    /// No file of it was found.
    Missing {
        /// Where it was looked for and how to get it, in words.
        remedy: String,
    },
    /// Files were found but do not load.
    Broken(DataError),
}

/// Looks for every data set where [`Dataset::load`] would, and loads those that it finds. Nothing is downloaded.
pub fn inventory(data_root: Option<&Path>) -> Vec<InventoryEntry> {
    let entry = |dataset| InventoryEntry {
        dataset,
        availability: availability(dataset, &data_folder(data_root)),
    };
    Dataset::ALL.map(entry).into()
}

fn availability(dataset: Dataset, data_root: &Path) -> Availability {
    if let Some(cifar) = dataset.cifar()
        && cifar.locate(data_root).is_none()
    {
        if let Err(error) = cifar.check_folders(data_root) {
            return Availability::Broken(error);
        }
        if let Some(archive) = cifar.archive_in(data_root) {
            let path = data_root.join(archive.name);
            let remedy = format!("only {}, which is unpacked when first needed", path.display());
            return Availability::Missing { remedy };
        }
        let [binary, python] = cifar.layouts.each_ref().map(|layout| &layout.archive);
        let remedy = format!(
            "neither {} nor {} in {}; downloaded when first needed, or put {} there",
            binary.folder,
            python.folder,
            data_root.display(),
            binary.url
        );
        return Availability::Missing { remedy };
    }
    match dataset.load(Some(data_root)) {
        Ok(loaded) => Availability::Found {
            source: loaded.source,
            train: loaded.train.class_counts(),
            test: loaded.test.class_counts(),
            digest: loaded.digest,
        },
        Err(error) => Availability::Broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inventory_lists_found_broken_and_missing_data_sets() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("cifar-100-python")).unwrap();
        std::fs::write(root.path().join("cifar-100-python/test"), b"no pickle").unwrap();
        let entries = inventory(Some(root.path()));
        let [cifar10, cifar100, shapes] = &entries[..] else {
            panic!("{entries:?}")
        };

        let Availability::Missing { remedy } = &cifar10.availability else {
            panic!("{cifar10:?}")
        };
        let wanted = format!(
            "neither cifar-10-batches-bin nor cifar-10-batches-py in {}; downloaded when first needed, or put \
             https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz there",
            root.path().display()
        );
        assert_eq!(*remedy, wanted);

        let Availability::Broken(error) = &cifar100.availability else {
            panic!("{cifar100:?}")
        };
        assert!(
            error.to_string().contains("cifar-100-python/train: no such file"),
            "{error}"
        );

        let Availability::Found {
            train,
            test,
            source,
            digest,
        } = &shapes.availability
        else {
            panic!("{shapes:?}")
        };
        assert_eq!((&train[..], &test[..]), (&[1000; 10][..], &[200; 10][..]));
        assert_eq!(source, "made in the process");
        assert_eq!(digest.len(), 64);
    }

    #[test]
    fn what_stands_in_the_place_of_the_files_is_named_and_not_called_missing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-bin");
        let problem = || match &inventory(Some(root.path()))[0].availability {
            Availability::Broken(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let remedy = "remove it to have cifar10 downloaded, or put its files there";
        std::os::unix::fs::symlink("nowhere", &folder).unwrap();
        let wanted = format!("{}: a link that leads to no folder; {remedy}", folder.display());
        assert_eq!(problem(), wanted);
        std::fs::remove_file(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        let wanted = format!("{}: a folder without any of its files; {remedy}", folder.display());
        assert_eq!(problem(), wanted);
        std::fs::remove_dir(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        let wanted = format!("{}: a file, not a folder; {remedy}", folder.display());
        assert_eq!(problem(), wanted);
    }
}
