//! Both splits of a set: which photographs they have, and a digest of that.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::DataError;
use crate::photographs::annotations::read_annotations;
use crate::photographs::error::PhotographError;
use crate::photographs::folder::read_class_folders;
use crate::photographs::index::PhotographIndex;
use crate::photographs::list::read_list;
use crate::photographs::official::LargeSet;
use crate::photographs::set::settings::{ListFiles, PhotographSettings};

/// The photographs of a set.
pub(crate) struct Splits {
    pub(crate) train: PhotographIndex,
    pub(crate) test: PhotographIndex,
    /// Bytes of the file of each photograph, of the training split and then of the test split, 0 of one that is missing.
    pub(crate) lengths: Vec<u64>,
}

impl Splits {
    /// The photographs in the folder `root`, and how long their files are, which `threads` threads look up.
    ///
    /// # Errors
    /// If they are not what the settings say.
    pub(crate) fn read(root: &Path, settings: &PhotographSettings, threads: NonZeroUsize) -> Result<Splits, DataError> {
        if !root.is_dir() {
            return Err(PhotographError::NoFolder { path: root.to_owned() }.into());
        }
        let root = &settings.set.map_or_else(|| root.to_owned(), |set| set.folder(root));
        let (train, test) = match (&settings.lists, settings.set) {
            (Some(lists), set) => read_lists(root, lists, set)?,
            (None, Some(set)) => {
                let splits = set.read(root, root)?;
                (splits.train, splits.test)
            }
            (None, None) => {
                let folders = read_class_folders(root, settings.hold_out)?;
                (folders.train, folders.test)
            }
        };
        let mut lengths = train.lengths(threads);
        lengths.extend(test.lengths(threads));
        Ok(Splits { train, test, lengths })
    }

    /// Photographs of both splits.
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// The split of a photograph, and its position there, by its place among those of both.
    pub(crate) fn at(&self, place: usize) -> (&PhotographIndex, usize) {
        match place.checked_sub(self.train.len()) {
            None => (&self.train, place),
            Some(position) => (&self.test, position),
        }
    }

    /// SHA-256 in lowercase hexadecimal over, for the training split and then the test split: the number of photographs, and the label and
    /// the path of each, and the length of its file. The files are not read: they may be many gigabytes.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut lengths = self.lengths.iter();
        for index in [&self.train, &self.test] {
            digest.update((index.len() as u64).to_le_bytes());
            for (position, length) in (0..index.len()).zip(&mut lengths) {
                digest.update(index.label(position).to_le_bytes());
                digest.update(index.relative_path(position));
                digest.update(length.to_le_bytes());
            }
        }
        format!("{:x}", digest.finalize())
    }
}

/// The training and the test photographs of two lists with the same classes; of a large set, with the published counts.
fn read_lists(
    root: &Path,
    lists: &ListFiles,
    set: Option<LargeSet>,
) -> Result<(PhotographIndex, PhotographIndex), DataError> {
    let read = |list: &str, classes: Option<usize>| -> Result<(PathBuf, PhotographIndex), DataError> {
        let path = root.join(list);
        if !path.is_file() {
            return Err(PhotographError::NoStatedList { path }.into());
        }
        let is_json = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let read = if is_json { read_annotations } else { read_list };
        let index = read(&path, root, classes)?;
        Ok((path, index))
    };
    let facts = set.map(LargeSet::facts);
    let (train_path, train) = read(&lists.train, facts.map(|facts| facts.classes))?;
    let (test_path, mut test) = read(&lists.test, Some(train.class_names().len()))?;
    test.set_class_names(train.class_names().to_vec());
    if let (Some(set), Some(facts)) = (set, facts) {
        set.check(facts.train, &train, &train_path)?;
        set.check(facts.test, &test, &test_path)?;
    }
    Ok((train, test))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Validation;

    fn settings(train: &str, test: &str) -> PhotographSettings {
        let [train, test] = [train, test].map(str::to_owned);
        PhotographSettings {
            set: None,
            lists: Some(ListFiles { train, test }),
            side: 16,
            hold_out: Validation { per_class: 1, seed: 0 },
        }
    }

    #[test]
    fn lists_of_both_formats_are_read_and_have_the_classes_of_the_training_list() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"images": [{"id": 1, "file_name": "a/1.jpg"}, {"id": 2, "file_name": "b/2.jpg"}],
            "categories": [{"id": 0, "name": "blackbird"}, {"id": 1, "name": "great tit"}],
            "annotations": [{"image_id": 1, "category_id": 0}, {"image_id": 2, "category_id": 1}]}"#;
        fs::write(folder.path().join("train.json"), json).unwrap();
        fs::write(folder.path().join("val.txt"), "b/3.jpg 1\n").unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/3.jpg"), "four").unwrap();
        let read = |test| Splits::read(folder.path(), &settings("train.json", test), NonZeroUsize::MIN);
        let splits = read("val.txt").unwrap();
        assert_eq!(splits.train.label_list(), [0, 1]);
        assert_eq!(splits.test.class_names(), ["blackbird", "great tit"]);
        assert_eq!(
            (splits.test.relative_path(0), splits.lengths),
            ("b/3.jpg", vec![0, 0, 4])
        );

        let error = read("val2.txt").err().unwrap().to_string();
        assert!(
            error.ends_with("val2.txt: no such list; `lists` names files in the folder of the photographs"),
            "{error}"
        );
        fs::write(folder.path().join("val.txt"), "b/3.jpg 2\n").unwrap();
        assert!(
            read("val.txt")
                .err()
                .unwrap()
                .to_string()
                .contains("label 2 is out of range, expected 0 to 1")
        );
    }

    #[test]
    fn lists_of_a_large_set_have_the_published_counts() {
        let folder = tempfile::tempdir().unwrap();
        for list in ["train.json", "val.json"] {
            let json = r#"{"annotations": [{"fpath": "a", "category_id": 0}], "num_classes": 8142}"#;
            fs::write(folder.path().join(list), json).unwrap();
        }
        let settings = PhotographSettings {
            set: Some(LargeSet::Inaturalist2018),
            ..settings("train.json", "val.json")
        };
        let error = Splits::read(folder.path(), &settings, NonZeroUsize::MIN).err().unwrap();
        let wanted = "train.json: photographs 1, inaturalist2018 has 437513; the list is truncated or another version: fetch it again";
        assert!(error.to_string().ends_with(wanted), "{error}");
    }
}
