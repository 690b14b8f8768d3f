use super::*;
use crate::photographs::fixtures::{difference, fixture, fixture_image, jpeg};
use crate::photographs::{ColorJitter, EvaluationView, TrainingView};

const EVALUATION: View = View::Evaluation(EvaluationView { resize: 40, side: 32 });
const FIRST: Showing = Showing {
    seed: 0,
    epoch: 0,
    position: 0,
};

fn training(change: impl Fn(&mut TrainingView)) -> View {
    let mut view = TrainingView::new(32);
    change(&mut view);
    View::Training(view)
}

fn seen(viewer: &mut Viewer, bytes: &[u8], showing: Showing) -> Result<Vec<u8>, ImageProblem> {
    let mut planes = vec![0; viewer.view.bytes()];
    viewer.view(bytes, showing, &mut planes)?;
    Ok(planes)
}

fn planes_of(name: &str) -> Vec<u8> {
    let image = fixture_image(name);
    let mut planes = vec![0; image.pixels.len()];
    to_planes(&image.pixels, image.width, false, &mut planes);
    planes
}

#[test]
fn the_evaluation_view_is_that_of_torchvision() {
    let mut viewer = Viewer::new(EVALUATION).unwrap();
    for name in ["420", "tall", "small", "grey"] {
        let found = seen(&mut viewer, &fixture(&format!("{name}.jpg")), FIRST).unwrap();
        let (most, mean) = difference(&found, &planes_of(&format!("evaluation-{name}.png")));
        assert!(most <= 1 && mean < 0.3, "{name}: {most} {mean}");
    }
}

#[test]
fn a_resized_crop_is_that_of_torchvision() {
    let mut viewer = Viewer::new(EVALUATION).unwrap();
    for (name, y, x, height, width) in [("smaller", 3, 10, 50, 66), ("larger", 20, 30, 18, 21)] {
        let region = Region { x, y, width, height };
        let plan = Plan {
            area: region.area(),
            region,
            shrink: 1,
            flip: false,
            changes: None,
        };
        let file = fixture("420.jpg");
        let decoded = Source::open(&file)
            .unwrap()
            .decode(region, 1, &mut viewer.decoded)
            .unwrap();
        viewer.resize(decoded, &plan);
        let expected = fixture_image(&format!("crop-{name}.png")).pixels;
        let (most, mean) = difference(&viewer.resized, &expected);
        assert!(most <= 1 && mean < 0.3, "{name}: {most} {mean}");
    }
}

#[test]
fn every_second_training_view_is_mirrored() {
    let whole = |flip| {
        training(|view| {
            view.scale = [1.0, 1.0];
            view.ratio = [97.0 / 61.0; 2];
            view.flip = flip;
        })
    };
    let file = fixture("420.jpg");
    let [mut never, mut sometimes] = [false, true].map(|flip| Viewer::new(whole(flip)).unwrap());
    let straight = seen(&mut never, &file, FIRST).unwrap();
    let mirrored: Vec<u8> = straight.chunks(32).flat_map(|row| row.iter().rev().copied()).collect();
    assert_ne!(straight, mirrored);
    let flips = (0..200).filter(|&position| {
        let view = seen(&mut sometimes, &file, Showing { position, ..FIRST }).unwrap();
        assert!(view == straight || view == mirrored);
        view == mirrored
    });
    let flips = flips.count();
    assert!((80..120).contains(&flips), "{flips}");
}

#[test]
fn a_view_follows_from_its_showing_alone() {
    let view = training(|view| {
        view.jitter = Some(ColorJitter {
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.4,
        });
    });
    let (file, other) = (fixture("420.jpg"), fixture("tall.jpg"));
    let mut viewer = Viewer::new(view).unwrap();
    let first = seen(&mut viewer, &file, FIRST).unwrap();
    seen(&mut viewer, &other, Showing { position: 1, ..FIRST }).unwrap();
    assert!(seen(&mut viewer, &file[..100], FIRST).is_err());
    assert_eq!(seen(&mut viewer, &file, FIRST).unwrap(), first);
    assert_ne!(seen(&mut viewer, &file, Showing { epoch: 1, ..FIRST }).unwrap(), first);
}

#[test]
fn a_large_crop_is_decoded_at_a_smaller_scale_and_looks_alike() {
    let file = jpeg(600, 500, 0);
    let view = |shrink| Viewer::new(training(|view| (view.scale, view.shrink) = ([0.5, 1.0], shrink))).unwrap();
    let (mut small, mut full) = (view(true), view(false));
    for position in 0..10 {
        let showing = Showing { position, ..FIRST };
        let source = Source::open(&file).unwrap();
        assert_eq!(
            (
                small.plan(&source, showing).unwrap().shrink,
                full.plan(&source, showing).unwrap().shrink
            ),
            (8, 1)
        );
        let (most, mean) = difference(
            &seen(&mut small, &file, showing).unwrap(),
            &seen(&mut full, &file, showing).unwrap(),
        );
        assert!(mean < 4.0, "{most} {mean}");
    }
}

#[test]
fn an_image_over_the_limit_is_decoded_at_a_smaller_scale_or_refused() {
    let file = fixture("420.jpg");
    let full = seen(&mut Viewer::new(EVALUATION).unwrap(), &file, FIRST).unwrap();
    let mut viewer = Viewer::new(EVALUATION).unwrap();
    viewer.pixel_limit = 2000;
    let half = seen(&mut viewer, &file, FIRST).unwrap();
    let (_, mean) = difference(&half, &full);
    assert!(mean > 0.0 && mean < 12.0, "{mean}");
    for name in ["progressive.jpg", "palette.png", "lossy.webp"] {
        assert!(matches!(
            seen(&mut viewer, &fixture(name), FIRST),
            Err(ImageProblem::TooLarge {
                width: 97,
                height: 61,
                limit: 2000
            })
        ));
    }
    viewer.pixel_limit = 10;
    assert!(matches!(
        seen(&mut viewer, &file, FIRST),
        Err(ImageProblem::TooLarge { .. })
    ));
}

#[test]
fn images_of_any_shape_are_shown() {
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3), (33, 32), (8, 2000)] {
        let file = jpeg(width, height, 1);
        for view in [EVALUATION, training(|_| {})] {
            let mut viewer = Viewer::new(view).unwrap();
            for position in 0..5 {
                assert!(
                    seen(&mut viewer, &file, Showing { position, ..FIRST }).is_ok(),
                    "{width}x{height}"
                );
            }
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let mut viewer = Viewer::new(EVALUATION).unwrap();
    let mut planes = vec![0; EVALUATION.bytes()];
    let problem = viewer
        .view_file(Path::new("nowhere.jpg"), FIRST, &mut planes)
        .unwrap_err();
    assert!(
        problem.to_string().starts_with("cannot be read: No such file"),
        "{problem}"
    );
}
