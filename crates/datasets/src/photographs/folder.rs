//! Any folder of photographs with one folder a class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::photographs::error::PhotographError;
use crate::photographs::index::PhotographIndex;
use crate::{DataError, Validation};

/// The photographs of a folder, in splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFolders {
    /// The training split, class by class, each in the order of its paths.
    pub train: PhotographIndex,
    /// The folder `val` where there is a `test` beside it.
    pub validation: Option<PhotographIndex>,
    /// The folder `test`, else `val`, else photographs that were held out of the training split.
    pub test: PhotographIndex,
}

/// Reads a folder that has a folder for each class, or such folders in `train` and perhaps in `val` and `test` beside it.
///
/// Classes are sorted by name, as torchvision's `ImageFolder` does. The photographs of a class are the files in its folder, and in
/// folders below it, that are called `.jpg`, `.jpeg`, `.png` or `.webp` in any case; other files and what begins with a
/// dot are ignored. Links are followed. Without `val` and `test` beside `train`, `hold_out` says which
/// photographs are the test: the same number of each class, so that the rest has the imbalance of the folder. In a folder without
/// `train`, `val` and `test` are classes like any others.
///
/// # Errors
/// If there are no classes, or one without a photograph; if two classes differ only in case, a name is not UTF-8, a name such as
/// `Train` or `valid` is that of a split but for its spelling, the splits have different classes, or a class is too small to hold
/// photographs out and keep one; if a link leads nowhere or to a folder around it.
pub fn read_class_folders(root: &Path, hold_out: Validation) -> Result<ClassFolders, DataError> {
    splits_are_spelt(root)?;
    let split = |name: &str| Some(root.join(name)).filter(|folder| folder.is_dir());
    let Some(train_folder) = split("train") else {
        return hold_out_of(&read_split(root)?, hold_out);
    };
    let train = read_split(&train_folder)?;
    let read_beside = |folder: PathBuf| -> Result<PhotographIndex, DataError> {
        let index = read_split(&folder)?;
        same_classes(&train, &index)?;
        Ok(index)
    };
    let val = split("val").map(read_beside).transpose()?;
    let test = split("test").map(read_beside).transpose()?;
    let (validation, test) = match (val, test) {
        (None, None) => return hold_out_of(&train, hold_out),
        (validation, Some(test)) => (validation, test),
        (Some(test), None) => (None, test),
    };
    Ok(ClassFolders {
        train,
        validation,
        test,
    })
}

/// Refuses folders in `root` whose names are those of splits but for their spelling: they would be classes, or left out.
fn splits_are_spelt(root: &Path) -> Result<(), DataError> {
    for entry in std::fs::read_dir(root).map_err(DataError::read(root))? {
        let entry = entry.map_err(DataError::read(root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let meant = match name.to_lowercase().as_str() {
            "train" | "training" => "train",
            "val" | "valid" | "validation" => "val",
            "test" | "testing" => "test",
            _ => continue,
        };
        if name != meant && entry.path().is_dir() {
            let path = root.to_owned();
            return Err(PhotographError::SplitMisspelt { path, name, meant }.into());
        }
    }
    Ok(())
}

/// Takes the test split out of all photographs.
fn hold_out_of(all: &PhotographIndex, hold_out: Validation) -> Result<ClassFolders, DataError> {
    for (class, found) in all.class_counts().into_iter().enumerate() {
        if found <= hold_out.per_class {
            return Err(PhotographError::TooFewToHoldOut {
                class: all.class_names()[class].clone(),
                found,
                held_out: hold_out.per_class,
            }
            .into());
        }
    }
    let mut held_out = hold_out.hold_out(&all.label_list(), all.classes())?;
    held_out.sort_unstable();
    let kept: Vec<i64> = (0..all.len() as i64)
        .filter(|position| held_out.binary_search(position).is_err())
        .collect();
    Ok(ClassFolders {
        train: all.select(&kept),
        validation: None,
        test: all.select(&held_out),
    })
}

/// The photographs in the class folders of `folder`.
fn read_split(folder: &Path) -> Result<PhotographIndex, DataError> {
    let mut classes = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::read(folder))? {
        let path = entry.map_err(DataError::read(folder))?.path();
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            classes.insert(utf8(&path, name.to_str())?.to_owned(), path);
        } else if path.is_symlink() && !path.exists() {
            return Err(PhotographError::DanglingLink { path }.into());
        }
    }
    if classes.is_empty() {
        return Err(no_photographs(folder, "no folder in it"));
    }
    differ_in_more_than_case(folder, classes.keys())?;

    let mut index = PhotographIndex::new(folder, classes.keys().cloned().collect());
    for (label, class_folder) in (0..).zip(classes.values()) {
        let before = index.len();
        let walk = WalkDir::new(class_folder).follow_links(true).sort_by_file_name();
        for entry in walk
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry))
        {
            let entry = entry.map_err(|error| not_walked(class_folder, &error))?;
            if entry.file_type().is_file() && is_photograph(entry.path()) {
                let path = entry.path();
                let relative = path.strip_prefix(folder).unwrap_or(path);
                index.push(utf8(path, relative.to_str())?, label);
            }
        }
        if index.len() == before {
            return Err(no_photographs(class_folder, "no photograph in it"));
        }
    }
    Ok(index)
}

/// Why `folder` cannot be walked.
fn not_walked(folder: &Path, error: &walkdir::Error) -> PhotographError {
    let path = error.path().unwrap_or(folder).to_owned();
    match error.loop_ancestor() {
        Some(around) => PhotographError::LinkAround {
            path,
            around: around.to_owned(),
        },
        None if path.is_symlink() && !path.exists() => PhotographError::DanglingLink { path },
        None => PhotographError::Walk {
            reason: error.io_error().map_or_else(|| error.to_string(), ToString::to_string),
            path,
        },
    }
}

fn no_photographs(path: &Path, problem: &str) -> DataError {
    let (path, problem) = (path.to_owned(), problem.to_owned());
    PhotographError::NoPhotographs { path, problem }.into()
}

fn utf8<'a>(path: &Path, text: Option<&'a str>) -> Result<&'a str, PhotographError> {
    text.ok_or_else(|| PhotographError::NotUtf8 { path: path.to_owned() })
}

/// Whether its name begins with a dot.
pub(crate) fn is_hidden(entry: &walkdir::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a file's name ends as that of an image does; what it is, its content says when it is read.
pub(crate) fn is_photograph(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["jpg", "jpeg", "png", "webp"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn differ_in_more_than_case<'a>(
    folder: &Path,
    classes: impl Iterator<Item = &'a String>,
) -> Result<(), PhotographError> {
    let mut seen = BTreeMap::new();
    for class in classes {
        if let Some(first) = seen.insert(class.to_lowercase(), class) {
            return Err(PhotographError::SameButForCase {
                path: folder.to_owned(),
                first: first.clone(),
                second: class.clone(),
            });
        }
    }
    Ok(())
}

fn same_classes(train: &PhotographIndex, other: &PhotographIndex) -> Result<(), PhotographError> {
    let only_in = |one: &PhotographIndex, other: &PhotographIndex| {
        let mut names = one.class_names().iter();
        names.find(|&name| !other.class_names().contains(name)).cloned()
    };
    let problem = match (only_in(other, train), only_in(train, other)) {
        (Some(class), _) => format!("the class `{class}` is not in {}", train.root().display()),
        (None, Some(class)) => format!("the class `{class}` of {} is missing", train.root().display()),
        (None, None) => return Ok(()),
    };
    Err(PhotographError::OtherClasses {
        path: other.root().to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests;
