//! Lists as JSON: iNaturalist's own annotation files, and those of the code of BBN and Bag of Tricks.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;

use crate::DataError;
use crate::photographs::error::PhotographError;
use crate::photographs::index::PhotographIndex;
use crate::photographs::list::label_in_range;

/// Both formats, without what is not needed: unknown keys are skipped as they are read.
#[derive(Deserialize)]
struct Document {
    /// iNaturalist's only: the files of the photographs.
    images: Option<Vec<Image>>,
    annotations: Vec<Annotation>,
    /// iNaturalist's only: names of the classes.
    #[serde(default)]
    categories: Vec<Category>,
    /// The other format's only.
    num_classes: Option<usize>,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Option<Id>,
    fpath: Option<String>,
    category_id: i64,
}

#[derive(Deserialize)]
struct Category {
    id: usize,
    name: String,
}

/// Number or text, as files differ.
#[derive(PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

/// Reads an annotation file whose paths are relative to `root`: `train2018.json` or `val2018.json` of iNaturalist, in which
/// `annotations` say the `category_id` of the `images` with their `file_name`; or one whose `annotations` have an `fpath`
/// and a `category_id` each, beside `num_classes`.
///
/// The photographs are in the order of the `annotations`. A class is named as `categories` name it, else after its number;
/// without `classes` and `num_classes`, categories and labels say how many there are.
///
/// # Errors
/// If the file cannot be read, is of neither format, or has no photograph; if a label is out of range, a photograph is listed
/// twice, or an annotation's image is not among the `images`.
pub fn read_annotations(file: &Path, root: &Path, classes: Option<usize>) -> Result<PhotographIndex, DataError> {
    let reader = BufReader::new(File::open(file).map_err(DataError::read(file))?);
    let wrong = |problem: String| PhotographError::Annotations {
        path: file.to_owned(),
        problem,
    };
    let document: Document = serde_json::from_reader(reader).map_err(|error| wrong(error.to_string()))?;
    let index = index_of(&document, root, classes).map_err(wrong)?;
    if index.is_empty() {
        return Err(PhotographError::EmptyList { path: file.to_owned() }.into());
    }
    Ok(index)
}

fn index_of(document: &Document, root: &Path, classes: Option<usize>) -> Result<PhotographIndex, String> {
    let files: Option<HashMap<&Id, &str>> = document
        .images
        .as_ref()
        .map(|images| images.iter().map(|image| (&image.id, &*image.file_name)).collect());
    let stated = classes.or(document.num_classes);
    let mut index = PhotographIndex::new(root, Vec::new());
    let mut seen = HashSet::with_capacity(document.annotations.len());
    let mut least_classes = document
        .categories
        .iter()
        .map(|category| category.id + 1)
        .max()
        .unwrap_or(0);
    for (number, annotation) in document.annotations.iter().enumerate() {
        let at = |problem: &str| format!("annotation {number}: {problem}");
        let path = match (&annotation.fpath, &files, &annotation.image_id) {
            (Some(path), ..) => path,
            (None, Some(files), Some(id)) => *files.get(id).ok_or_else(|| at("its image is not among the `images`"))?,
            (None, ..) => return Err(at("no `fpath`, and no `image_id` of one of the `images`")),
        };
        let label = label_in_range(annotation.category_id, stated).map_err(|problem| at(&problem.to_string()))?;
        if !seen.insert(path) {
            return Err(at(&format!("`{path}` is listed twice")));
        }
        least_classes = least_classes.max(label as usize + 1);
        index.push(path, label);
    }
    let mut names: Vec<String> = (0..stated.unwrap_or(least_classes))
        .map(|class| class.to_string())
        .collect();
    for category in &document.categories {
        if let Some(name) = names.get_mut(category.id) {
            name.clone_from(&category.name);
        }
    }
    index.set_class_names(names);
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, classes: Option<usize>) -> Result<PhotographIndex, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        std::fs::write(&file, json).unwrap();
        read_annotations(&file, Path::new("root"), classes)
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    const INATURALIST: &str = r#"{
        "info": {"year": 2018}, "licenses": [{"id": 0}],
        "images": [{"id": 7, "file_name": "train_val2018/Aves/2/7.jpg", "width": 800, "height": 600},
                   {"id": 5, "file_name": "train_val2018/Aves/0/5.jpg"}],
        "categories": [{"id": 0, "name": "Turdus merula", "supercategory": "Aves"}, {"id": 2, "name": "Parus major"}],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 0}, {"id": 2, "image_id": 7, "category_id": 2}]
    }"#;

    #[test]
    fn inaturalists_annotations_are_joined_with_their_images() {
        let index = read(INATURALIST, None).unwrap();
        assert_eq!(index.relative_path(0), "train_val2018/Aves/0/5.jpg");
        assert_eq!(index.relative_path(1), "train_val2018/Aves/2/7.jpg");
        assert_eq!(index.label_list(), [0, 2]);
        assert_eq!(index.class_names(), ["Turdus merula", "1", "Parus major"]);
    }

    #[test]
    fn annotations_with_paths_are_read() {
        let json = r#"{"annotations": [
            {"image_id": 0, "im_height": 32, "im_width": 32, "fpath": "train/a/1.jpg", "category_id": 3},
            {"image_id": "b", "fpath": "train/b/1.jpg", "category_id": 0}], "num_classes": 5}"#;
        let index = read(json, None).unwrap();
        assert_eq!(
            (index.label_list(), index.class_counts()),
            (vec![3, 0], vec![1, 0, 0, 1, 0])
        );
        assert_eq!(index.relative_path(1), "train/b/1.jpg");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |json: &str| read(json, Some(2)).unwrap_err();
        let remedy = "; expected `images` and `annotations` as in iNaturalist's files, or `annotations` with `fpath` and \
                      `category_id`: fetch the file again";
        for (json, problem) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{}", "missing field `annotations` at line 1 column 2"),
            (
                r#"{"annotations": [{"category_id": 0}]}"#,
                "annotation 0: no `fpath`, and no `image_id` of one of the `images`",
            ),
            (
                r#"{"images": [], "annotations": [{"image_id": 1, "category_id": 0}]}"#,
                "annotation 0: its image is not among the `images`",
            ),
            (
                r#"{"annotations": [{"fpath": "a", "category_id": 0}, {"fpath": "a", "category_id": 1}]}"#,
                "annotation 1: `a` is listed twice",
            ),
            (
                r#"{"annotations": [{"fpath": "a", "category_id": 2}]}"#,
                "annotation 0: label 2 is out of range, expected 0 to 1; the list is of another data set, or damaged",
            ),
        ] {
            assert_eq!(error(json), format!("/list.json: {problem}{remedy}"));
        }
        assert!(error(r#"{"annotations": []}"#).starts_with("/list.json: an empty list"));
    }
}
