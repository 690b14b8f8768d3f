//! The lists of a large set, beside what the disk has of them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::photographs::index::PhotographIndex;
use crate::photographs::missing::MissingPhotographs;
use crate::photographs::official::LargeSet;

/// What was found of a large set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The folder of the lists and the photographs.
    pub root: PathBuf,
    /// Each list: that of training first, that of the reported test last.
    pub splits: Vec<ListedSplit>,
}

/// A list, and which of its photographs are not on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSplit {
    /// The list's file.
    pub list: &'static str,
    /// `[k]`
    pub class_names: Vec<String>,
    /// Photographs of each class on the list, `[k]`.
    pub class_counts: Vec<i64>,
    /// Those that are not there.
    pub missing: MissingPhotographs,
}

impl LargeSet {
    /// The folder of its lists and photographs: the one of its name below `root` if there is one, else `root`.
    pub(crate) fn folder(self, root: &Path) -> PathBuf {
        Some(root.join(self.name()))
            .filter(|folder| folder.is_dir())
            .unwrap_or_else(|| root.to_owned())
    }

    /// Reads the lists in `root`, or in the folder of the set's name there, and looks for every photograph with `threads` threads. Keeps the paths
    /// of the first `shown` of each list that are missing.
    ///
    /// # Errors
    /// As [`LargeSet::read`], and if not as many classes as published have many, some and few photographs.
    ///
    /// # Panics
    /// If the operating system starts no further thread.
    pub fn look_up(self, root: &Path, threads: NonZeroUsize, shown: usize) -> Result<LookedUp, DataError> {
        let facts = self.facts();
        let root = self.folder(root);
        let splits = self.read(&root, &root)?;
        self.check_groups(&facts, &splits.train, &root.join(facts.train.file))?;
        let listed = |list, index: &PhotographIndex| ListedSplit {
            list,
            class_names: index.class_names().to_vec(),
            class_counts: index.class_counts(),
            missing: index.missing(threads, shown),
        };
        let train = listed(facts.train.file, &splits.train);
        let validation = facts.validation.zip(splits.validation.as_ref());
        let validation = validation.map(|(facts, index)| listed(facts.file, index));
        let test = listed(facts.test.file, &splits.test);
        Ok(LookedUp {
            root,
            splits: [train].into_iter().chain(validation).chain([test]).collect(),
        })
    }
}
