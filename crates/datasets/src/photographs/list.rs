//! Lists as text: a path, a space and a class number on each line, as the repositories of ImageNet-LT, Places-LT and
//! iNaturalist 2018 have them.

use std::collections::HashMap;
use std::path::Path;

use crate::DataError;
use crate::photographs::error::{LineProblem, PhotographError};
use crate::photographs::index::PhotographIndex;

/// Reads a list whose paths are relative to `root`.
///
/// A line is a path, which may have spaces, one space and a class number. Windows line ends and a missing last line end are
/// accepted. The labels are 0 to `classes - 1`; without `classes`, the largest label says how many there are. A class is
/// named after the folder that its first photograph is in, and after its number if that folder has photographs of
/// another class too or the class has none.
///
/// # Errors
/// If the list cannot be read or is empty; if a line has no path, no label, a label out of range, or the path of an earlier
/// line, with the number of that line.
pub fn read_list(list: &Path, root: &Path, classes: Option<usize>) -> Result<PhotographIndex, DataError> {
    let bytes = std::fs::read(list).map_err(DataError::read(list))?;
    let mut index = PhotographIndex::new(root, Vec::new());
    let mut largest = 0;
    let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
    let mut number = 0;
    while let Some(line) = lines.next() {
        number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() && lines.peek().is_none() {
            break; // what follows the last line end
        }
        let (path, label) = parse(line, classes).map_err(|problem| at_line(list, number, line, problem))?;
        largest = largest.max(label);
        index.push(path, label);
    }
    if index.is_empty() {
        return Err(PhotographError::EmptyList { path: list.to_owned() }.into());
    }
    if let Some((first, second)) = duplicate(&index) {
        let problem = LineProblem::Duplicate { first: first + 1 };
        let text = index.relative_path(second).as_bytes();
        return Err(at_line(list, second + 1, text, problem).into());
    }
    index.set_class_names(names_of_folders(&index, classes.unwrap_or(largest as usize + 1)));
    Ok(index)
}

/// The path and the label of a line.
fn parse(line: &[u8], classes: Option<usize>) -> Result<(&str, u32), LineProblem> {
    let line = std::str::from_utf8(line).map_err(|_| LineProblem::NotUtf8)?;
    let (path, label) = line.trim_end().rsplit_once(' ').ok_or(LineProblem::NoLabel)?;
    let number: i64 = label.parse().map_err(|_| {
        // The end of a path with spaces, not a label that is wrongly written.
        if label.contains(['.', '/']) {
            LineProblem::NoLabel
        } else {
            LineProblem::NotANumber(label.to_owned())
        }
    })?;
    if path.trim().is_empty() {
        return Err(LineProblem::NoPath);
    }
    Ok((path, label_in_range(number, classes)?))
}

/// More classes than any data set has: a label above is a mistake, and would cost memory for each class below it.
const MOST_CLASSES: usize = 1 << 20;

/// The label as a class number, if it is one of `classes`.
pub(crate) fn label_in_range(label: i64, classes: Option<usize>) -> Result<u32, LineProblem> {
    let classes = classes.unwrap_or(MOST_CLASSES);
    u32::try_from(label)
        .ok()
        .filter(|&label| (label as usize) < classes)
        .ok_or(LineProblem::OutOfRange {
            label,
            classes: classes as i64,
        })
}

/// The positions of the first two photographs with the same path.
fn duplicate(index: &PhotographIndex) -> Option<(usize, usize)> {
    let mut seen = HashMap::with_capacity(index.len());
    (0..index.len()).find_map(|position| {
        let first = seen.insert(index.relative_path(position), position as u32)?;
        Some((first as usize, position))
    })
}

fn at_line(list: &Path, line: usize, text: &[u8], problem: LineProblem) -> PhotographError {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(text);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    PhotographError::Line {
        path: list.to_owned(),
        line,
        text: shown,
        problem,
    }
}

/// For each class the folder of its photographs, without what all lists of a data set begin with, or the class's number.
fn names_of_folders(index: &PhotographIndex, classes: usize) -> Vec<String> {
    let mut folders = vec![None; classes];
    let mut owners = HashMap::new();
    for position in 0..index.len() {
        let class = index.label(position) as usize;
        let folder = class_folder(index.relative_path(position));
        folders[class].get_or_insert(folder);
        owners
            .entry(folder)
            .and_modify(|owner| {
                if *owner != Some(class) {
                    *owner = None;
                }
            })
            .or_insert(Some(class));
    }
    (0..classes)
        .map(|class| match folders[class] {
            Some(folder) if !folder.is_empty() && owners[folder] == Some(class) => folder.replace('/', "-"),
            _ => class.to_string(),
        })
        .collect()
}

/// The part of a path that names its class: `n01440764` of `train/n01440764/n01440764_762.JPEG`, `airfield` of
/// `data_256/a/airfield/00004851.jpg`, `field/wild` of `data_256/f/field/wild/00000001.jpg`.
fn class_folder(path: &str) -> &str {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let below_places = folder
        .strip_prefix("data_256/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(_, class)| class);
    below_places.unwrap_or_else(|| folder.rsplit('/').next().unwrap_or(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: impl AsRef<[u8]>, classes: Option<usize>) -> Result<PhotographIndex, String> {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.txt");
        std::fs::write(&list, text).unwrap();
        read_list(&list, Path::new("photographs"), classes)
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    #[test]
    fn spaces_windows_line_ends_and_a_missing_last_line_end_are_read() {
        let index = read(
            "train/a b/my photo 1.jpg 1\r\ntrain/c/2.jpg 0\r\ntrain/a b/3.jpg 1",
            Some(3),
        )
        .unwrap();
        assert_eq!(index.relative_path(0), "train/a b/my photo 1.jpg");
        assert_eq!(index.label_list(), [1, 0, 1]);
        assert_eq!(index.class_names(), ["c", "a b", "2"]);
        assert_eq!(index.class_counts(), [1, 2, 0]);
    }

    #[test]
    fn without_a_number_of_classes_the_largest_label_says_it() {
        assert_eq!(
            read("x/1.jpg 4\nx/2.jpg 0\n", None).unwrap().class_names(),
            ["0", "1", "2", "3", "4"]
        );
    }

    #[test]
    fn classes_are_named_after_their_folders_in_both_layouts_of_places() {
        let names = |text| read(text, None).unwrap().class_names().to_vec();
        let wanted = ["airfield", "field-wild"];
        assert_eq!(names("train/airfield/1.jpg 0\ntrain/field-wild/1.jpg 1\n"), wanted);
        assert_eq!(
            names("data_256/a/airfield/1.jpg 0\ndata_256/f/field/wild/1.jpg 1\n"),
            wanted
        );
    }

    #[test]
    fn a_wrong_line_is_named_with_its_remedy() {
        let error = |text: &[u8]| read(text, Some(10)).unwrap_err();
        let expected = "expected a path, a space and a";
        assert_eq!(
            error(b"a/1.jpg 0\na/2.jpg\n"),
            format!("/list.txt: line 2 `a/2.jpg`: no label; {expected} class number")
        );
        assert_eq!(
            error(b"a/my photo.jpg\n"),
            format!("/list.txt: line 1 `a/my photo.jpg`: no label; {expected} class number")
        );
        assert_eq!(
            error(b"a/1.jpg three\n"),
            format!("/list.txt: line 1 `a/1.jpg three`: `three` is no class number; {expected} whole number")
        );
        assert_eq!(
            error(b" 3\n"),
            format!("/list.txt: line 1 ` 3`: no path; {expected} class number")
        );
        let out_of_range = |label| {
            format!(
                "/list.txt: line 1 `a/1.jpg {label}`: label {label} is out of range, expected 0 to 9; the list is of another \
                 data set, or damaged"
            )
        };
        assert_eq!(error(b"a/1.jpg 10\n"), out_of_range(10));
        assert_eq!(error(b"a/1.jpg -1\n"), out_of_range(-1));
        assert_eq!(
            error(b"a/1.jpg 1\na/2.jpg 1\na/1.jpg 2\n"),
            "/list.txt: line 3 `a/1.jpg`: the same path as line 1; remove one of them"
        );
        assert_eq!(
            error(b"a/\xff.jpg 1\n"),
            "/list.txt: line 1 `a/\u{fffd}.jpg 1`: not UTF-8; convert the list, for instance with iconv"
        );
        assert_eq!(
            error(b"a/1.jpg 1\n\na/2.jpg 1\n"),
            format!("/list.txt: line 2 ``: no label; {expected} class number")
        );
        assert_eq!(
            error(b""),
            "/list.txt: an empty list, expected a path and a label on each line; fetch the list again"
        );
    }

    #[test]
    fn a_missing_list_is_named() {
        let error = read_list(Path::new("nowhere/list.txt"), Path::new(""), None).unwrap_err();
        assert!(
            error.to_string().starts_with("nowhere/list.txt: cannot be read:"),
            "{error}"
        );
    }
}
