//! Files among photographs that are none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::photographs::folder::{is_hidden, is_photograph};

/// Files in the folders of the classes that are left out for their names' endings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredFiles {
    /// Number of files by ending, in lower case and without the dot; empty for names without one.
    pub by_ending: BTreeMap<String, usize>,
    /// The first of them, in the order of the paths.
    pub first: PathBuf,
}

impl IgnoredFiles {
    /// Those in `root`, a folder of classes or of splits; `None` if there is none. Files beside the folders, and what begins with a dot,
    /// do not count: they are not meant to be photographs.
    pub fn in_folder(root: &Path) -> Option<IgnoredFiles> {
        let walk = WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name();
        let visible = walk.into_iter().filter_entry(|entry| !is_hidden(entry));
        let mut ignored: Option<IgnoredFiles> = None;
        for entry in visible.flatten() {
            if entry.depth() < 2 || !entry.file_type().is_file() || is_photograph(entry.path()) {
                continue;
            }
            let ending = entry.path().extension().unwrap_or_default();
            let ending = ending.to_string_lossy().to_lowercase();
            let ignored = ignored.get_or_insert_with(|| IgnoredFiles {
                by_ending: BTreeMap::new(),
                first: entry.path().to_owned(),
            });
            *ignored.by_ending.entry(ending).or_default() += 1;
        }
        ignored
    }
}

/// Such as `3 files are left out, 2 .gif and 1 .txt, the first of them a/1.gif: …`.
impl fmt::Display for IgnoredFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.by_ending.values().sum();
        let kinds = self.by_ending.iter().map(|(ending, files)| match ending.as_str() {
            "" => format!("{files} without an ending"),
            ending => format!("{files} .{ending}"),
        });
        let kinds: Vec<String> = kinds.collect();
        let are = if all == 1 { "file is" } else { "files are" };
        write!(
            formatter,
            "{all} {are} left out ({}), the first of them {}; convert those that are photographs to JPEG, PNG or WebP",
            kinds.join(", "),
            self.first.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_photographs_are_counted_by_their_endings() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = || IgnoredFiles::in_folder(folder.path()).map(|ignored| ignored.to_string());
        for file in ["a/1.jpg", "a/.DS_Store", "README.txt"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(in_folder(), None);
        for file in ["a/3.GIF", "a/2.gif", "a/list", "a/.git/x.gif"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let said = in_folder()
            .unwrap()
            .replace(&folder.path().display().to_string(), "ROOT");
        assert_eq!(
            said,
            "3 files are left out (1 without an ending, 2 .gif), the first of them ROOT/a/2.gif; convert those that are \
             photographs to JPEG, PNG or WebP"
        );
        std::fs::remove_file(folder.path().join("a/2.gif")).unwrap();
        std::fs::remove_file(folder.path().join("a/list")).unwrap();
        assert!(in_folder().unwrap().starts_with("1 file is left out (1 .gif), "));
    }
}
