//! Where the photographs of an official list are on a disk: the same photographs are unpacked, and listed, in several ways.

use std::num::NonZeroUsize;

use crate::photographs::index::PhotographIndex;
use crate::photographs::official::{LargeSet, LargeSplit};

/// The photographs of a split at the paths of the first layout in which one of a few is on the disk; as listed where none is.
pub(crate) fn on_disk(set: LargeSet, split: LargeSplit, listed: PhotographIndex) -> PhotographIndex {
    /// So that a few photographs that are missing do not decide; taken from all over the list.
    const LOOKED_FOR: usize = 16;
    let step = listed.len().div_ceil(LOOKED_FOR).max(1);
    let few: Vec<i64> = (0..listed.len() as i64).step_by(step).collect();
    let few = listed.select(&few);
    let is_here = |index: &PhotographIndex| index.missing(NonZeroUsize::MIN, 0).total() < index.len() as i64;
    if is_here(&few) {
        return listed;
    }
    for path in others(set, split) {
        if is_here(&few.at_paths(path)) {
            return listed.at_paths(path);
        }
    }
    listed
}

/// Makes a path of a class's name and a photograph's path as it is listed.
type Layout = fn(&str, &str) -> String;

/// Every layout of a split, each from the class's name and the file's name.
fn others(set: LargeSet, split: LargeSplit) -> &'static [Layout] {
    match (set, split) {
        (LargeSet::ImagenetLt, LargeSplit::Train | LargeSplit::Validation) | (LargeSet::Inaturalist2018, _) => &[],
        (LargeSet::ImagenetLt, LargeSplit::Test) => &[
            |_, path| format!("val/{}", file(path)),
            |class, path| format!("val/{class}/{}", file(path)),
        ],
        (LargeSet::PlacesLt, LargeSplit::Train | LargeSplit::Validation) => &[
            |class, path| format!("train/{class}/{}", file(path)),
            |class, path| {
                let initial = class.chars().next().unwrap_or_default();
                format!("data_256/{initial}/{}/{}", class.replace('-', "/"), file(path))
            },
        ],
        (LargeSet::PlacesLt, LargeSplit::Test) => &[
            |class, path| format!("val/{class}/{}", file(path)),
            |_, path| format!("val_256/{}", file(path)),
        ],
    }
}

fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a photograph is found whose class is `field-wild`, given how it is listed and where it is on the disk.
    fn found(set: LargeSet, split: LargeSplit, listed: &str, on_the_disk: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(on_the_disk);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
        let mut index = PhotographIndex::new(folder.path(), vec!["field-wild".to_owned()]);
        index.push(listed, 0);
        on_disk(set, split, index).relative_path(0).to_owned()
    }

    #[test]
    fn every_layout_is_found_whichever_is_listed() {
        let [train, test] = [LargeSplit::Train, LargeSplit::Test];
        let places = ["train/field-wild/1.jpg", "data_256/f/field/wild/1.jpg"];
        let places_test = ["val/field-wild/2.jpg", "val_256/2.jpg"];
        let imagenet_test = ["val/field-wild/3.JPEG", "val/3.JPEG"];
        for (set, split, layouts) in [
            (LargeSet::PlacesLt, train, places),
            (LargeSet::PlacesLt, LargeSplit::Validation, places),
            (LargeSet::PlacesLt, test, places_test),
            (LargeSet::ImagenetLt, test, imagenet_test),
        ] {
            for listed in layouts {
                for on_the_disk in layouts {
                    assert_eq!(found(set, split, listed, on_the_disk), on_the_disk, "{listed}");
                }
            }
        }
    }

    #[test]
    fn photographs_that_are_nowhere_stay_as_listed() {
        let listed = "val/field-wild/3.JPEG";
        assert_eq!(
            found(LargeSet::ImagenetLt, LargeSplit::Test, listed, "elsewhere/3.JPEG"),
            listed
        );
    }
}
