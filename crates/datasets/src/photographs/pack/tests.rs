mod damage;

use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fast_image_resize::Resizer;
use image::{ImageFormat, RgbImage as Written};

use super::files::Header;
use super::*;
use crate::photographs::fixtures::{difference, write_jpeg};
use crate::photographs::index::{PhotographIndex, Stored};
use crate::photographs::set::splits::Splits;
use crate::photographs::{
    ColorJitter, PIXEL_LIMIT, PhotographSet, PhotographSettings, PhotographStream, Photographs, Showing,
    StreamSettings, TrainingView, View, Viewer, decode,
};
use crate::{DataError, Pixels, Split, Validation};

const RAW: Packing = Packing {
    side: 20,
    format: PackFormat::Raw,
};
const JPEG: Packing = Packing {
    side: 20,
    format: PackFormat::Jpeg { quality: 95 },
};

/// Photographs of two classes in the folder `photos`, 41 to 53 pixels wide and 30 high, of which two of each class are the test.
struct Sandbox(tempfile::TempDir);

impl Sandbox {
    fn new() -> Sandbox {
        let sandbox = Sandbox(tempfile::tempdir().unwrap());
        for number in 0..13 {
            write_jpeg(
                &sandbox.photographs().join(format!("{}/{number:02}.jpg", number % 2)),
                number,
            );
        }
        sandbox
    }

    fn photographs(&self) -> PathBuf {
        self.0.path().join("photos")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("pack")
    }

    /// Packs to shards of four photographs with one thread, so that the order is certain.
    fn pack(&self, packing: Packing) -> Result<Packed, DataError> {
        let set = open(&self.photographs())?;
        let mut header = Header::new(set, packing);
        header.photographs_per_shard = 4;
        let splits = Splits::read(&self.photographs(), &settings(), NonZeroUsize::MIN)?;
        write(header, &splits, &self.out(), NonZeroUsize::MIN, &|_| {})
    }

    /// Why the pack does not open.
    fn refusal(&self) -> String {
        self.plain(&open(&self.out()).unwrap_err().to_string())
    }

    fn plain(&self, text: &str) -> String {
        text.replace(&self.0.path().display().to_string(), "")
    }

    fn training(&self) -> Photographs {
        let root = self.out();
        photographs(open(&root).unwrap().load(&root).unwrap().train)
    }
}

fn open(root: &Path) -> Result<PhotographSet, DataError> {
    PhotographSet::open(root, &settings())
}

fn settings() -> PhotographSettings {
    PhotographSettings {
        set: None,
        lists: None,
        side: 16,
        hold_out: Validation { per_class: 2, seed: 0 },
    }
}

fn photographs(split: Split) -> Photographs {
    match split.pixels {
        Pixels::Files(photographs) => photographs,
        Pixels::Memory(_) => panic!("photographs are in files"),
    }
}

/// Every batch of an epoch of training as plain numbers.
fn batches(index: &Arc<PhotographIndex>, workers: usize) -> Vec<(Vec<i64>, Vec<u8>)> {
    let settings = StreamSettings {
        view: View::Training(TrainingView::new(16)),
        seed: 1,
        epoch: 0,
        batch: NonZeroUsize::new(4).unwrap(),
        skip_batches: 0,
        workers: NonZeroUsize::new(workers).unwrap(),
        skip_bad: 0,
    };
    let order = (0..index.len() as i64).rev().collect();
    PhotographStream::new(index, order, settings)
        .unwrap()
        .map(|batch| {
            let batch = batch.unwrap();
            (
                Vec::try_from(batch.labels).unwrap(),
                Vec::try_from(batch.images.flatten(0, -1)).unwrap(),
            )
        })
        .collect()
}

#[test]
fn views_of_a_raw_pack_are_those_of_the_smaller_photographs() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let jitter = ColorJitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
    };
    let training = TrainingView {
        jitter: Some(jitter),
        ..TrainingView::new(16)
    };
    let packed = sandbox.training();
    for view in [View::Training(training), View::Evaluation(EvaluationView::usual(16))] {
        let mut viewer = Viewer::new(view).unwrap();
        for position in 0..packed.index.len() {
            let file = sandbox.photographs().join(packed.index.relative_path(position));
            let whole = decode(&fs::read(file).unwrap(), PIXEL_LIMIT).unwrap();
            let smaller = resize::smaller(&whole, 20, &mut Resizer::new());
            assert_eq!((smaller.width, smaller.height), (whole.width * 20 / 30, 20));
            let mut png = Cursor::new(Vec::new());
            Written::from_raw(smaller.width as u32, 20, smaller.pixels)
                .unwrap()
                .write_to(&mut png, ImageFormat::Png)
                .unwrap();
            let showing = Showing {
                seed: 3,
                epoch: 1,
                position: position as u64,
            };
            let Stored::Packed(pack, place) = packed.index.stored(position) else {
                panic!("it is packed");
            };
            let (mut found, mut expected) = (vec![0; view.bytes()], vec![1; view.bytes()]);
            viewer.view_packed(pack, place, showing, &mut found).unwrap();
            viewer.view(png.get_ref(), showing, &mut expected).unwrap();
            assert_eq!(found, expected, "photograph {position} as {view:?}");
        }
    }
}

#[test]
fn an_evaluation_of_a_pack_is_that_of_the_files() {
    for (packing, most) in [(RAW, 0.3), (JPEG, 25.0)] {
        let packing = Packing { side: 18, ..packing };
        let sandbox = Sandbox::new();
        sandbox.pack(packing).unwrap();
        let (packed, files) = (sandbox.out(), sandbox.photographs());
        let [packed, files] = [packed, files].map(|root| open(&root).unwrap().load(&root).unwrap().test);
        assert_eq!(packed.label_list(), files.label_list());
        for index in 0..packed.len() {
            // Both have a short side of 18 pixels, of which 16 are cut out.
            let [packed, files] = [&packed, &files]
                .map(|split| Vec::try_from(split.thumbnail(index, 16).unwrap().flatten(0, -1)).unwrap());
            let (_, mean) = difference(&packed, &files);
            assert!(mean < most, "{packing}: {mean}");
        }
    }
}

#[test]
fn batches_of_a_pack_are_the_same_for_every_number_of_workers() {
    let sandbox = Sandbox::new();
    for packing in [RAW, JPEG] {
        sandbox.pack(packing).unwrap();
        let index = sandbox.training().index;
        let whole = batches(&index, 1);
        assert_eq!(whole.iter().map(|(labels, _)| labels.len()).sum::<usize>(), 9);
        for workers in [2, 7] {
            assert_eq!(batches(&index, workers), whole, "{packing}, {workers} workers");
        }
        let chosen = Arc::new(index.select(&[8, 7, 6, 5]));
        let first = batches(&Arc::new(chosen.select(&[3, 2, 1, 0])), 2);
        assert_eq!(
            first[0].0,
            [5, 6, 7, 8]
                .map(|position| index.label(position))
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
        );
        fs::remove_dir_all(sandbox.out()).unwrap();
    }
}

#[test]
fn a_small_photograph_keeps_its_size_and_in_a_jpeg_pack_its_file() {
    let sandbox = Sandbox::new();
    let large = Packing { side: 31, ..JPEG };
    assert_eq!(sandbox.pack(large).unwrap().photographs, 13);
    let index = sandbox.training().index;
    let Stored::Packed(pack, place) = index.stored(2) else {
        panic!("it is packed");
    };
    let mut bytes = Vec::new();
    pack.read(place, &mut bytes).unwrap();
    assert_eq!(
        bytes,
        fs::read(sandbox.photographs().join(index.relative_path(2))).unwrap()
    );
}

#[test]
fn a_pack_is_another_data_set_than_its_files() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let (packed, files) = (open(&sandbox.out()).unwrap(), open(&sandbox.photographs()).unwrap());
    assert_eq!((packed.name(), files.name()), ("photos packed 20 raw", "photos"));
    assert_eq!(packed.facts(), files.facts());
    assert_ne!(packed.digest(), files.digest());
    let text = toml::to_string(&packed).unwrap();
    assert!(text.contains("[packed]\nside = 20\nformat = \"raw\""), "{text}");
    assert_eq!(toml::from_str::<PhotographSet>(&text).unwrap(), packed);

    let error = |set: PhotographSet, root: &Path| sandbox.plain(&set.load(root).unwrap_err().to_string());
    let remedy = "name their folder with --data, or choose another --out to train on these";
    assert_eq!(
        error(packed, &sandbox.photographs()),
        format!("/photos: photographs in files, the run was planned with photographs packed 20 raw; {remedy}")
    );
    assert_eq!(
        error(files, &sandbox.out()),
        format!("/pack: photographs packed 20 raw, the run was planned with photographs in files; {remedy}")
    );
    let again = packed.pack(&sandbox.out(), &sandbox.0.path().join("again"), RAW, &|_| {});
    assert!(again.unwrap_err().to_string().contains("a pack already"));
}

#[test]
fn two_processes_do_not_pack_to_one_folder() {
    let sandbox = Sandbox::new();
    sandbox.pack(RAW).unwrap();
    let lock = fs::File::create(sandbox.out().join("pack.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(
        sandbox.plain(&sandbox.pack(RAW).unwrap_err().to_string()),
        "/pack: another process packs photographs here; wait for it, or choose another --out"
    );
}
