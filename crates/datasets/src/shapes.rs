//! The embedded data set `shapes`: procedural images, generated in memory, the same on every machine.
//!
//! Every image shows one bright shape on a darker, cluttered background. Its class is the pair of its outline (disc,
//! square, triangle, cross, crescent) and its texture (plain, striped): class c has outline `c mod 5` and texture
//! `c mod 2`. So every outline and every texture occurs among both the large and the small classes of a long-tailed
//! split, and only the combination distinguishes a small class from the large ones. These do not depend on the class:
//!
//! - the shape's centre (up to 4 pixels off the middle), radius (8 to 12 pixels) and tilt (up to 27 degrees);
//! - its two colours, of which a plain shape uses one, and the width and phase of the stripes;
//! - the background: a linear gradient between two dark colours in any direction, with four small discs and squares of
//!   any colour;
//! - the contrast between shape, stripes and background (at least 150 in the sum of the channels' differences), and
//!   uniform noise of up to ±20 on every channel of every pixel.
//!
//! Image i of the training split is drawn from seed i of the Mersenne Twister, image i of the test split from seed
//! 2³¹ + i, and both have class `i mod 10`. Only `+ − × ÷ √` and comparisons of `f32` are used, which IEEE 754 defines
//! to the bit. The ranges were chosen by looking at images and so that plain cross-entropy learns the large classes of
//! an exponential split of ratio 100 within 15 epochs; no method for imbalanced data was tried on them. The number of
//! images was chosen so that the accuracy of cross-entropy differs little between seeds.

use crate::mersenne_twister::MersenneTwister;
use crate::records::{IMAGE_BYTES, Loaded, Records, SIDE};
use crate::{Facts, Normalization, class_names};

const CLASSES: i64 = 10;
const TRAIN_IMAGES_PER_CLASS: u32 = 1000;
const TEST_IMAGES_PER_CLASS: u32 = 200;
const TEST_SEED: u32 = 1 << 31;
const CLUTTER: usize = 4;
const CONTRAST: f32 = 150.0;
const NOISE: f32 = 20.0;

type Colour = [f32; 3];
// Ranges of a colour's channels.
const DARK: (f32, f32) = (0.0, 120.0);
const BRIGHT: (f32, f32) = (110.0, 255.0);
const ANY: (f32, f32) = (0.0, 255.0);

/// Facts about both splits.
pub(crate) fn facts() -> Facts {
    let per_class = |images: u32| vec![i64::from(images); CLASSES as usize];
    Facts {
        train: per_class(TRAIN_IMAGES_PER_CLASS),
        test: per_class(TEST_IMAGES_PER_CLASS),
        class_names: class_names::SHAPES.to_vec(),
        side: SIDE as i64,
        normalization: Normalization::SHAPES,
    }
}

/// Generates both splits.
pub(crate) fn load() -> Loaded {
    let train = records(0, TRAIN_IMAGES_PER_CLASS);
    let test = records(TEST_SEED, TEST_IMAGES_PER_CLASS);
    Loaded::new(train, test, CLASSES, "made in the process".to_owned())
}

fn records(first_seed: u32, images_per_class: u32) -> Records {
    let count = CLASSES as u32 * images_per_class;
    let labels: Vec<i64> = (0..i64::from(count)).map(|index| index % CLASSES).collect();
    let mut pixels = Vec::with_capacity(labels.len() * IMAGE_BYTES);
    for (seed, &label) in (first_seed..).zip(&labels) {
        let mut generator = MersenneTwister::new(seed);
        let scene = Scene::draw(label, &mut generator);
        scene.render(&mut generator, &mut pixels);
    }
    Records { labels, pixels }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outline {
    Disc,
    Square,
    Triangle,
    Cross,
    Crescent,
}

impl Outline {
    const ALL: [Outline; 5] = [
        Outline::Disc,
        Outline::Square,
        Outline::Triangle,
        Outline::Cross,
        Outline::Crescent,
    ];

    /// Whether the outline of radius 1 around the origin holds the point. All have about the same area.
    fn contains(self, u: f32, v: f32) -> bool {
        match self {
            Outline::Disc => u * u + v * v < 0.64,
            Outline::Square => u.abs().max(v.abs()) < 0.71,
            Outline::Triangle => v < 0.55 && 0.866 * u.abs() - 0.5 * v < 0.55,
            Outline::Cross => u.abs().min(v.abs()) < 0.31 && u.abs().max(v.abs()) < 1.0,
            Outline::Crescent => u * u + v * v < 1.0 && (u - 0.6) * (u - 0.6) + v * v > 0.64,
        }
    }
}

/// An image without its noise.
#[derive(Debug, PartialEq)]
struct Scene {
    outline: Outline,
    centre: (f32, f32),
    radius: f32,
    /// Unit vector along the shape's first axis.
    axis: (f32, f32),
    colours: [Colour; 2],
    /// Stripes per radius, and where they start; none on a plain shape.
    stripes: Option<(f32, f32)>,
    background: [Colour; 2],
    /// Unit vector along the background's gradient.
    gradient: (f32, f32),
    clutter: [Clutter; CLUTTER],
}

/// A small disc or square.
#[derive(Debug, PartialEq)]
struct Clutter {
    round: bool,
    centre: (f32, f32),
    radius: f32,
    colour: Colour,
}

impl Scene {
    fn draw(label: i64, generator: &mut MersenneTwister) -> Scene {
        let outline = Outline::ALL[label as usize % Outline::ALL.len()];
        let striped = label % 2 == 1;
        let middle = SIDE as f32 / 2.0;
        let background = [colour(generator, DARK), colour(generator, DARK)];
        let first = contrasting(generator, BRIGHT, &background);
        let second = contrasting(generator, ANY, &[background[0], background[1], first]);
        Scene {
            outline,
            centre: (
                middle + between(generator, -4.0, 4.0),
                middle + between(generator, -4.0, 4.0),
            ),
            radius: between(generator, 8.0, 12.0),
            axis: tilt(generator),
            colours: [first, second],
            // Drawn for plain shapes as well, so that only this line and the outline depend on the class.
            stripes: Some((between(generator, 2.2, 3.2), between(generator, 0.0, 2.0))).filter(|_| striped),
            background,
            gradient: direction(generator),
            clutter: std::array::from_fn(|_| Clutter {
                round: generator.at_most(1) == 0,
                centre: (
                    between(generator, 0.0, SIDE as f32),
                    between(generator, 0.0, SIDE as f32),
                ),
                radius: between(generator, 1.0, 2.5),
                colour: colour(generator, ANY),
            }),
        }
    }

    /// Appends the image with its noise to `pixels`, plane by plane.
    fn render(&self, generator: &mut MersenneTwister, pixels: &mut Vec<u8>) {
        let start = pixels.len();
        pixels.resize(start + IMAGE_BYTES, 0);
        for at in 0..SIDE * SIDE {
            let (x, y) = ((at % SIDE) as f32, (at / SIDE) as f32);
            // Four samples a pixel soften the edges.
            let samples = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
                .map(|(right, down)| self.colour_at(x + right, y + down));
            for channel in 0..3 {
                let mean = samples.iter().map(|sample| sample[channel]).sum::<f32>() / 4.0;
                pixels[start + channel * SIDE * SIDE + at] = (mean + between(generator, -NOISE, NOISE)) as u8;
            }
        }
    }

    fn colour_at(&self, x: f32, y: f32) -> Colour {
        let (dx, dy) = ((x - self.centre.0) / self.radius, (y - self.centre.1) / self.radius);
        let (u, v) = (dx * self.axis.0 + dy * self.axis.1, dy * self.axis.0 - dx * self.axis.1);
        if self.outline.contains(u, v) {
            let second = self
                .stripes
                .is_some_and(|(per_radius, phase)| (u * per_radius + phase).rem_euclid(2.0) < 1.0);
            return self.colours[usize::from(second)];
        }
        if let Some(clutter) = self.clutter.iter().find(|clutter| clutter.contains(x, y)) {
            return clutter.colour;
        }
        let middle = SIDE as f32 / 2.0;
        let along = 0.5 + ((x - middle) * self.gradient.0 + (y - middle) * self.gradient.1) / (1.5 * SIDE as f32);
        let [from, to] = self.background;
        std::array::from_fn(|channel| from[channel] + along * (to[channel] - from[channel]))
    }
}

impl Clutter {
    fn contains(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        if self.round {
            dx * dx + dy * dy < self.radius * self.radius
        } else {
            dx.abs().max(dy.abs()) < self.radius
        }
    }
}

/// Uniform from `low` to below `high`, in steps of 2⁻²⁴ of the range.
fn between(generator: &mut MersenneTwister, low: f32, high: f32) -> f32 {
    low + (high - low) * ((generator.next_u32() >> 8) as f32 / 16_777_216.0)
}

fn colour(generator: &mut MersenneTwister, (low, high): (f32, f32)) -> Colour {
    std::array::from_fn(|_| between(generator, low, high))
}

/// A colour that stands out against all `others`.
fn contrasting(generator: &mut MersenneTwister, range: (f32, f32), others: &[Colour]) -> Colour {
    loop {
        let candidate = colour(generator, range);
        let difference = |other: &Colour| {
            (0..3)
                .map(|channel| (candidate[channel] - other[channel]).abs())
                .sum::<f32>()
        };
        if others.iter().all(|other| difference(other) >= CONTRAST) {
            return candidate;
        }
    }
}

/// A uniform unit vector, from a point in the disc: sine and cosine may differ from machine to machine.
fn direction(generator: &mut MersenneTwister) -> (f32, f32) {
    loop {
        let (x, y) = (between(generator, -1.0, 1.0), between(generator, -1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return (x / length, y / length);
        }
    }
}

/// A unit vector at most 27 degrees off the horizontal.
fn tilt(generator: &mut MersenneTwister) -> (f32, f32) {
    let slope = between(generator, -0.5, 0.5);
    let length = (1.0 + slope * slope).sqrt();
    (1.0 / length, slope / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Imbalance;

    #[test]
    fn images_are_the_same_on_every_machine() {
        assert_eq!(
            load().digest,
            "1a54863bf0f1c71962ee94d35d51748679095baf6fb86032754bd1e7f98e3f56"
        );
    }

    #[test]
    fn both_splits_are_balanced_and_allow_a_ratio_of_100() {
        let loaded = load();
        assert_eq!(loaded.train.class_counts(), [1000; 10]);
        assert_eq!(loaded.test.class_counts(), [200; 10]);
        let class_counts = Imbalance::Exponential { ratio: 100.0 }
            .class_counts(&facts().train)
            .unwrap();
        assert_eq!(class_counts, [1000, 599, 359, 215, 129, 77, 46, 27, 16, 10]);
    }

    #[test]
    fn no_image_occurs_twice() {
        let loaded = load();
        let images = |split: &crate::Split| Vec::<u8>::try_from(split.in_memory().unwrap().view(-1)).unwrap();
        let all = [images(&loaded.train), images(&loaded.test)].concat();
        let distinct: std::collections::HashSet<&[u8]> = all.chunks(IMAGE_BYTES).collect();
        assert_eq!(distinct.len(), 12_000);
    }

    #[test]
    fn class_enters_in_outline_and_texture_only() {
        let drawn = |label| Scene::draw(label, &mut MersenneTwister::new(11));
        let (plain_disc, striped_square) = (drawn(0), drawn(1));
        assert_eq!((plain_disc.outline, plain_disc.stripes), (Outline::Disc, None));
        assert_eq!(striped_square.outline, Outline::Square);
        assert!(striped_square.stripes.is_some());
        assert_eq!(
            Scene {
                outline: Outline::Disc,
                stripes: None,
                ..striped_square
            },
            plain_disc
        );
    }

    #[test]
    fn outlines_have_about_the_same_area() {
        for outline in Outline::ALL {
            let grid = (-100..100).flat_map(|row| (-100..100).map(move |column| (row, column)));
            let inside = grid.filter(|&(row, column)| outline.contains(column as f32 / 80.0, row as f32 / 80.0));
            let area = inside.count() as f32 / (80.0 * 80.0);
            assert!((1.4..2.1).contains(&area), "{outline:?}: {area}");
        }
    }

    #[test]
    fn normalization_is_that_of_the_training_images() {
        let images = load().train.in_memory().unwrap().to_kind(tch::Kind::Double) / 255.0;
        let dimensions: &[i64] = &[0, 2, 3];
        let mean = Vec::<f64>::try_from(images.mean_dim(dimensions, false, tch::Kind::Double)).unwrap();
        let deviation = Vec::<f64>::try_from(images.std_dim(dimensions, false, false)).unwrap();
        let constants = facts().normalization;
        for channel in 0..3 {
            assert!((mean[channel] - constants.mean[channel]).abs() < 5e-5, "{mean:?}");
            assert!(
                (deviation[channel] - constants.deviation[channel]).abs() < 5e-5,
                "{deviation:?}"
            );
        }
    }
}
