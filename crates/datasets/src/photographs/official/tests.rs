use std::fmt::Write;
use std::num::NonZeroUsize;

use super::*;

/// A list of the layout and the counts of the real one: `counts[class]` lines for each class.
fn write_list(folder: &Path, file: &str, counts: &[i64], path: impl Fn(usize, i64) -> String) {
    let mut text = String::new();
    for (class, &count) in counts.iter().enumerate() {
        for number in 0..count {
            writeln!(text, "{} {class}", path(class, number)).unwrap();
        }
    }
    std::fs::write(folder.join(file), text).unwrap();
}

/// 62,500 photographs in 365 classes, the largest with 4980 and the smallest with 5, and in each group as many as published.
fn counts_of_places() -> Vec<i64> {
    let mut counts = vec![4980, 382];
    counts.extend([377; 129]);
    counts.extend([50; 163]);
    counts.extend([5; 71]);
    counts
}

fn lists_of_places(train: &[i64]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_list(folder.path(), "Places_LT_train.txt", train, |class, number| {
        format!("train/class{class}/{number:08}.jpg")
    });
    write_list(folder.path(), "Places_LT_val.txt", &[20; 365], |class, number| {
        format!("train/class{class}/v{number:08}.jpg")
    });
    write_list(folder.path(), "Places_LT_test.txt", &[100; 365], |class, number| {
        format!("val/class{class}/Places365_val_{number:08}.jpg")
    });
    folder
}

#[test]
fn published_counts() {
    let of = |set: LargeSet| {
        let facts = set.facts();
        let photographs = |list: ListFacts| (list.photographs, list.largest, list.smallest);
        let splits = (
            photographs(facts.train),
            facts.validation.map(photographs),
            photographs(facts.test),
        );
        (facts.classes, splits, facts.groups)
    };
    assert_eq!(
        of(LargeSet::ImagenetLt),
        (
            1000,
            ((115_846, 1280, 5), Some((20_000, 20, 20)), (50_000, 50, 50)),
            [385, 479, 136]
        )
    );
    assert_eq!(
        of(LargeSet::Inaturalist2018),
        (8142, ((437_513, 1000, 2), None, (24_426, 3, 3)), [842, 3701, 3599])
    );
    assert_eq!(
        of(LargeSet::PlacesLt),
        (
            365,
            ((62_500, 4980, 5), Some((7300, 20, 20)), (36_500, 100, 100)),
            [131, 163, 71]
        )
    );
    for set in LargeSet::ALL {
        assert_eq!(set.facts().groups.iter().sum::<usize>(), set.facts().classes, "{set}");
    }
}

#[test]
fn names_are_those_of_configurations() {
    for set in LargeSet::ALL {
        assert_eq!(serde_json::to_string(&set).unwrap(), format!("\"{set}\""));
    }
}

#[test]
fn lists_with_the_published_counts_are_read() {
    let folder = lists_of_places(&counts_of_places());
    let splits = LargeSet::PlacesLt.read(folder.path(), Path::new("nowhere")).unwrap();
    assert_eq!(splits.train.class_counts()[..3], [4980, 382, 377]);
    assert_eq!((splits.train.len(), splits.test.len()), (62_500, 36_500));
    assert_eq!(splits.validation.unwrap().class_counts(), [20; 365]);
    assert_eq!(splits.test.class_names()[364], "class364");
    assert_eq!(splits.test.relative_path(0), "val/class0/Places365_val_00000000.jpg");
}

#[test]
fn lists_with_other_counts_are_refused() {
    let error = |train: &[i64]| {
        let folder = lists_of_places(train);
        let error = LargeSet::PlacesLt
            .read(folder.path(), Path::new("nowhere"))
            .unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "")
    };
    let remedy = "the list is truncated or another version: fetch it again";
    let mut counts = counts_of_places();
    counts[1] -= 1;
    assert_eq!(
        error(&counts),
        format!("/Places_LT_train.txt: photographs 62499, places-lt has 62500; {remedy}")
    );
    counts[0] += 1;
    assert_eq!(
        error(&counts),
        format!("/Places_LT_train.txt: photographs of the largest class 4981, places-lt has 4980; {remedy}")
    );
}

#[test]
fn missing_lists_are_named_with_its_source() {
    let error = LargeSet::ImagenetLt
        .read(Path::new("nowhere"), Path::new(""))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "nowhere: not all lists of imagenet-lt are there; put `ImageNet_LT_train.txt`, `ImageNet_LT_val.txt`, `ImageNet_LT_test.txt` of \
         github.com/facebookresearch/classifier-balancing in that folder"
    );
}

#[test]
fn what_is_not_on_the_disk_is_counted_by_list_and_class() {
    let folder = lists_of_places(&counts_of_places());
    let own = folder.path().join("places-lt");
    let lists = ["Places_LT_train.txt", "Places_LT_val.txt", "Places_LT_test.txt"];
    std::fs::create_dir_all(own.join("val/class7")).unwrap();
    for list in lists {
        std::fs::rename(folder.path().join(list), own.join(list)).unwrap();
    }
    std::fs::write(own.join("val/class7/Places365_val_00000003.jpg"), "").unwrap();
    let threads = NonZeroUsize::new(2).unwrap();
    let found = LargeSet::PlacesLt.look_up(folder.path(), threads, 1).unwrap();
    assert_eq!(found.root, own);
    assert_eq!(found.splits.iter().map(|split| split.list).collect::<Vec<_>>(), lists);
    let missing = found.splits.iter().map(|split| split.missing.total());
    assert_eq!(missing.collect::<Vec<_>>(), [62_500, 7300, 36_499]);
    let test = &found.splits[2];
    assert_eq!((test.missing.class_counts[7], test.class_counts[7]), (99, 100));
    assert_eq!(test.missing.first, [own.join("val/class0/Places365_val_00000000.jpg")]);
}

#[test]
fn a_list_with_the_totals_and_other_groups_is_refused() {
    let mut counts = counts_of_places();
    counts[1] -= 51;
    counts[131] += 51;
    let folder = lists_of_places(&counts);
    let error = LargeSet::PlacesLt
        .look_up(folder.path(), NonZeroUsize::MIN, 0)
        .unwrap_err();
    let wanted = "Places_LT_train.txt: classes of more than 100 photographs 132, places-lt has 131; \
                  the list is truncated or another version: fetch it again";
    assert!(error.to_string().ends_with(wanted), "{error}");
}
