//! Which images are mixed, where, and with which labels.

use datasets::{Normalization, Split};
use methods::{Augmentation, Augmenter, Batch, Cmo, Images, Loss, LossInput, Mix, Target};
use tch::{Device, Kind, Tensor};

use crate::fixture::Fixture;
use crate::{check_with_gradients, compare, leaf};

const BATCHES: i64 = 3000;
const BACKGROUND: i64 = 200; // a level that belongs to no class
const OFTEN: [f64; 2] = [0.045, 0.025]; // at least four standard deviations of a share, of pixels and of classes

/// A split of images filled with the level of their class, and its class counts `[k]` f32.
fn uniform_split(fixture: &Fixture) -> (Images, Tensor) {
    let [height, width] = fixture.get("coverage").size()[..] else {
        panic!("a map")
    };
    let counts = fixture.input("counts").to_kind(Kind::Int64);
    let labels =
        Tensor::arange(counts.size()[0], (Kind::Int64, Device::Cpu)).repeat_interleave_self_tensor(&counts, None, None);
    let split = Split::new(
        labels
            .to_kind(Kind::Uint8)
            .view([-1, 1, 1, 1])
            .repeat([1, 3, height, width]),
        labels,
        counts.size()[0],
    );
    let plain = Normalization {
        mean: [0.0; 3],
        deviation: [1.0 / 255.0; 3],
    };
    (Images::new(&split, &plain, Device::Cpu), counts.to_kind(Kind::Float))
}

#[test]
fn cmo_conforms_in_its_boxes_its_classes_and_the_loss_of_a_mixed_batch() {
    compare("cmo", |comparison| {
        let fixture = comparison.fixture;
        let (train, counts) = uniform_split(fixture);
        let settings = Augmentation {
            crop_and_flip: false,
            mix: Some(Mix::Cmo(Cmo {
                alpha: 2.0,
                probability: fixture.hyper("probability"),
                power: fixture.hyper("power"),
                ..Cmo::default()
            })),
            ..Augmentation::default()
        };
        let augmenter = Augmenter::new(settings, &train, &counts);
        let (coverage, classes) = (fixture.get("coverage"), fixture.get("classes"));
        let [height, width] = coverage.size()[..] else {
            panic!("a map")
        };
        let backgrounds = Batch {
            images: Tensor::full([4, 3, height, width], BACKGROUND, (Kind::Uint8, Device::Cpu)),
            labels: Tensor::zeros([4], (Kind::Int64, Device::Cpu)),
        };
        let (mut pasted, mut drawn) = (coverage.zeros_like(), classes.zeros_like());
        tch::manual_seed(6);
        for _ in 0..BATCHES {
            let (images, target) = augmenter.apply(&backgrounds);
            let Target::Mixed { second, lambda, .. } = target else {
                panic!("CMO mixes")
            };
            let inside = images.select(1, 0).round().ne(BACKGROUND); // [4, h, w]
            let share = inside.get(0).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
            let lambda = lambda.double_value(&[]);
            assert!((1.0 - share - lambda).abs() < 1e-6, "λ is what is left");
            let from_foreground = images
                .select(1, 2)
                .round()
                .to_kind(Kind::Int64)
                .eq_tensor(&second.view([4, 1, 1]));
            assert!(
                from_foreground.equal(&inside),
                "a box shows the foreground of its own label"
            );
            pasted += inside.get(0).to_kind(Kind::Double) / BATCHES as f64;
            drawn += second.bincount(None::<Tensor>, classes.size()[0]).to_kind(Kind::Double) / (4 * BATCHES) as f64;
        }
        for (key, found, allowed) in [("coverage", pasted, OFTEN[0]), ("classes", drawn, OFTEN[1])] {
            let off = (&found - fixture.get(key)).abs().max().double_value(&[]);
            assert!(off < allowed, "{}: {key} is off by {off}: {found}", fixture.name);
            comparison.checked.insert(key.to_owned());
        }

        let logits = leaf(fixture, "logits");
        let mixed = Target::Mixed {
            first: fixture.input("backgrounds").shallow_clone(),
            second: fixture.input("foregrounds").shallow_clone(),
            lambda: Tensor::from(fixture.hyper("share")),
        };
        let value = mixed.blend(|labels| {
            Loss::CrossEntropy.forward(&LossInput {
                logits: &logits,
                labels,
                features: &logits,
                class_counts: fixture.input("counts"),
                class_weights: Some(fixture.input("weights")),
                labels_seen: None,
                epoch: 0,
            })
        });
        check_with_gradients(comparison, "", &value, &[("logits", &logits)]);
    });
}
