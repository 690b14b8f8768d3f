use std::fmt::Write;

use super::*;
use crate::photographs::fixtures::{fixture, write_jpeg};
use crate::photographs::{TrainingView, read_list};

const PHOTOGRAPHS: usize = 23;

/// A folder of photographs, listed, the ones at `bad` being no images.
fn index(bad: &[usize]) -> (tempfile::TempDir, Arc<PhotographIndex>) {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for number in 0..PHOTOGRAPHS {
        let path = format!("{}/{number}.jpg", number % 4);
        write_jpeg(&folder.path().join(&path), number);
        if bad.contains(&number) {
            std::fs::write(folder.path().join(&path), "no image").unwrap();
        }
        writeln!(list, "{path} {}", number % 4).unwrap();
    }
    let file = folder.path().join("list.txt");
    std::fs::write(&file, list).unwrap();
    let index = read_list(&file, folder.path(), None).unwrap();
    (folder, Arc::new(index))
}

fn settings(workers: usize) -> StreamSettings {
    StreamSettings {
        view: View::Training(TrainingView::new(16)),
        seed: 5,
        epoch: 2,
        batch: NonZeroUsize::new(4).unwrap(),
        skip_batches: 0,
        workers: NonZeroUsize::new(workers).unwrap(),
        skip_bad: 0,
    }
}

/// The photographs backwards, so that the place in the order is not the position in the index.
fn order() -> Vec<i64> {
    (0..PHOTOGRAPHS as i64).rev().collect()
}

type Plain = (Vec<i64>, Vec<u8>);

/// All batches as plain numbers, and an error if there is one.
fn read(index: &Arc<PhotographIndex>, settings: StreamSettings) -> (Vec<Plain>, Option<String>) {
    let (mut batches, mut problem) = (Vec::new(), None);
    for batch in PhotographStream::new(index, order(), settings).unwrap() {
        assert!(problem.is_none(), "nothing follows an error");
        match batch {
            Err(error) => problem = Some(error.to_string()),
            Ok(batch) => {
                let labels = Vec::try_from(&batch.labels).unwrap();
                assert_eq!(batch.images.size(), [labels.len() as i64, 3, 16, 16]);
                batches.push((labels, Vec::try_from(batch.images.flatten(0, -1)).unwrap()));
            }
        }
    }
    (batches, problem)
}

#[test]
fn batches_are_the_same_for_every_number_of_workers_and_after_a_resumption() {
    let (_folder, index) = index(&[]);
    let (whole, problem) = read(&index, settings(1));
    assert_eq!((whole.len(), whole[5].0.len(), problem), (6, 3, None));
    let labels: Vec<i64> = whole.iter().flat_map(|(labels, _)| labels.clone()).collect();
    assert_eq!(labels, order().iter().map(|number| number % 4).collect::<Vec<i64>>());
    for workers in [2, 5, 40] {
        assert_eq!(read(&index, settings(workers)).0, whole, "{workers} workers");
    }
    for skip_batches in [1, 4, 5, 6, 100] {
        let rest = read(
            &index,
            StreamSettings {
                skip_batches,
                ..settings(3)
            },
        )
        .0;
        assert_eq!(rest, whole[skip_batches.min(6)..], "{skip_batches} left out");
    }
    for other in [
        StreamSettings {
            epoch: 3,
            ..settings(1)
        },
        StreamSettings { seed: 6, ..settings(1) },
    ] {
        assert_ne!(read(&index, other).0, whole);
    }
}

#[test]
fn left_out_batches_are_not_read() {
    let (_folder, index) = index(&[22, 21]); // in the first batch
    let skipping = StreamSettings {
        skip_batches: 1,
        ..settings(2)
    };
    assert_eq!(read(&index, skipping).1, None);
}

#[test]
fn an_unreadable_photograph_ends_the_stream_with_its_path() {
    let (folder, index) = index(&[13]);
    for workers in [1, 3] {
        let (batches, problem) = read(&index, settings(workers));
        assert_eq!(batches.len(), 2);
        assert_eq!(
            problem.unwrap(),
            format!(
                "{}/1/13.jpg: neither JPEG, PNG nor WebP: begins with the bytes [6e, 6f, 20, 69, 6d, 61, 67, 65]; replace or remove \
                 the file",
                folder.path().display()
            )
        );
    }
}

#[test]
fn unreadable_photographs_are_replaced_by_the_next_of_the_order() {
    let (_folder, index) = index(&[20, 19, 0]); // two in a row, and the last of the order
    let allowing = |workers, skip_bad| StreamSettings {
        skip_bad,
        ..settings(workers)
    };
    let (batches, problem) = read(&index, allowing(1, 3));
    assert_eq!(problem, None);
    // The order is 22, 21, 20, 19, 18, …: both come to be 18. After the last, 0, comes the first, 22.
    assert_eq!(batches[0].0, [22, 21, 18, 18].map(|number| number % 4));
    assert_eq!(batches[5].0, [2, 1, 22].map(|number| number % 4));
    assert_eq!(read(&index, allowing(4, 3)).0, batches);

    let mut stream = PhotographStream::new(&index, order(), allowing(2, 3)).unwrap();
    let replaced: Vec<usize> = (0..6)
        .map(|_| {
            stream.next().unwrap().unwrap();
            stream.replaced()
        })
        .collect();
    assert_eq!(replaced, [2, 2, 2, 2, 2, 3]);

    for workers in [1, 4] {
        let (batches, problem) = read(&index, allowing(workers, 2));
        assert_eq!(batches.len(), 5);
        let problem = problem.unwrap();
        assert!(
            problem.ends_with(
                "/0/0.jpg: neither JPEG, PNG nor WebP: begins with the bytes [6e, 6f, 20, 69, 6d, 61, 67, 65]; \
                                   replace or remove the file (2 were skipped before it, 2 may be)"
            ),
            "{problem}"
        );
    }
}

#[test]
fn a_file_that_is_missing_or_truncated_is_an_error_with_the_reason() {
    let (folder, index) = index(&[]);
    let path = folder.path().join("2/22.jpg");
    let problem = || read(&index, settings(2)).1.unwrap();
    let file = fixture("420.jpg");
    std::fs::write(&path, &file[..file.len() / 2]).unwrap();
    assert!(problem().contains("/2/22.jpg: a truncated JPEG: "));
    std::fs::remove_file(&path).unwrap();
    assert!(problem().contains("/2/22.jpg: cannot be read: No such file"));
}

#[test]
fn workers_end_when_the_stream_is_dropped() {
    let (_folder, index) = index(&[]);
    let mut stream = PhotographStream::new(&index, order(), settings(3)).unwrap();
    stream.next().unwrap().unwrap();
    drop(stream);
    assert_eq!(Arc::strong_count(&index), 1, "no worker has the index");
}

#[test]
fn an_empty_order_has_no_batch() {
    let (_folder, index) = index(&[]);
    assert!(
        PhotographStream::new(&index, Vec::new(), settings(2))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn waiting_is_measured() {
    let (_folder, index) = index(&[]);
    let mut stream = PhotographStream::new(&index, order(), settings(1)).unwrap();
    assert_eq!(stream.waited(), Duration::ZERO);
    while stream.next().is_some() {}
    assert!(stream.waited() > Duration::ZERO);
}

#[test]
fn settings_are_read_from_text() {
    let text =
        r#"{"view": {"evaluation": {"resize": 256, "side": 224}}, "seed": 1, "epoch": 0, "batch": 8, "workers": 2}"#;
    let settings: StreamSettings = serde_json::from_str(text).unwrap();
    assert_eq!(
        (settings.batch.get(), settings.skip_batches, settings.skip_bad),
        (8, 0, 0)
    );
    assert!(serde_json::from_str::<StreamSettings>(&text.replace("\"batch\": 8", "\"batch\": 0")).is_err());
}
