//! Random changes of brightness, contrast and saturation, with the arithmetic of Pillow's `ImageEnhance`.

use serde::{Deserialize, Serialize};

use crate::photographs::draws::Draws;

/// torchvision's `ColorJitter` without a change of hue: each factor is uniform from `1 - strength`, but at least 0, to
/// `1 + strength`, and the changes are made in a random order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorJitter {
    /// Strength of the change of brightness.
    pub brightness: f64,
    /// Strength of the change of contrast.
    pub contrast: f64,
    /// Strength of the change of saturation.
    pub saturation: f64,
}

/// One change by a factor; 1 changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// Away from black.
    Brightness(f32),
    /// Away from the mean grey of the image.
    Contrast(f32),
    /// Away from the grey of each pixel.
    Saturation(f32),
}

impl ColorJitter {
    /// As the public code of ImageNet-LT and Places-LT has it (Liu et al. 2019).
    pub const IMAGENET_LT: ColorJitter = ColorJitter {
        brightness: 0.4,
        contrast: 0.4,
        saturation: 0.4,
    };

    /// The changes of one image, in their order.
    pub(crate) fn draw(self, draws: &mut Draws) -> [Change; 3] {
        let mut factor = |strength: f64| draws.between([(1.0 - strength).max(0.0), 1.0 + strength]) as f32;
        let mut changes = [
            Change::Brightness(factor(self.brightness)),
            Change::Contrast(factor(self.contrast)),
            Change::Saturation(factor(self.saturation)),
        ];
        draws.shuffle(&mut changes);
        changes
    }
}

impl Change {
    /// Changes an image, `[n, 3]`.
    pub(crate) fn apply(self, pixels: &mut [u8]) {
        match self {
            Change::Brightness(factor) => look_up(pixels, |value| blend(0, value, factor)),
            Change::Contrast(factor) => {
                let sum: u64 = pixels.chunks_exact(3).map(|pixel| u64::from(grey(pixel))).sum();
                let mean = (sum as f64 / (pixels.len() / 3).max(1) as f64 + 0.5) as u8;
                look_up(pixels, |value| blend(mean, value, factor));
            }
            Change::Saturation(factor) => {
                for pixel in pixels.chunks_exact_mut(3) {
                    let grey = grey(pixel);
                    for value in pixel {
                        *value = blend(grey, *value, factor);
                    }
                }
            }
        }
    }
}

/// Replaces every value by that of a function of it, which is computed once for each of the 256 values.
fn look_up(pixels: &mut [u8], of: impl Fn(u8) -> u8) {
    let table: [u8; 256] = std::array::from_fn(|value| of(value as u8));
    for value in pixels {
        *value = table[usize::from(*value)];
    }
}

/// Pillow's `Image.blend`: from `from` past `to`, rounded down and kept in the range.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor * (to - from)) as u8 // rounds to zero, and 0 and 255 are kept
}

/// Pillow's conversion to `L` (ITU-R 601-2).
fn grey(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
    ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::photographs::draws::Showing;
    use crate::photographs::fixtures::{fixture, fixture_image};

    const STRENGTH: ColorJitter = ColorJitter {
        brightness: 0.4,
        contrast: 0.2,
        saturation: 1.5,
    };

    #[test]
    fn factors_are_in_their_ranges_and_every_order_comes() {
        let mut orders = std::collections::BTreeSet::new();
        for position in 0..200 {
            let changes = STRENGTH.draw(&mut Draws::new(Showing {
                seed: 0,
                epoch: 0,
                position,
            }));
            orders.insert(changes.map(|change| match change {
                Change::Brightness(factor) => {
                    assert!((0.6..=1.4).contains(&factor));
                    'b'
                }
                Change::Contrast(factor) => {
                    assert!((0.8..=1.2).contains(&factor));
                    'c'
                }
                Change::Saturation(factor) => {
                    assert!((0.0..=2.5).contains(&factor));
                    's'
                }
            }));
        }
        assert_eq!(orders.len(), 6);
    }

    #[test]
    fn changes_are_those_of_pillow() {
        let image = fixture_image("png.JPEG").pixels;
        let expected: serde_json::Value = serde_json::from_slice(&fixture("pillow.json")).unwrap();
        for (name, change) in [
            ("brightness", Change::Brightness as fn(f32) -> Change),
            ("contrast", Change::Contrast),
            ("saturation", Change::Saturation),
        ] {
            for factor in ["0.0", "0.63", "1.37"] {
                let mut changed = image.clone();
                change(factor.parse().unwrap()).apply(&mut changed);
                let sha256 = format!("{:x}", Sha256::digest(&changed));
                assert_eq!(expected["changes"][name][factor], *sha256, "{name} {factor}");
            }
        }
    }

    #[test]
    fn a_factor_of_one_changes_nothing() {
        let image: Vec<u8> = (0..=254).collect();
        for change in [Change::Brightness(1.0), Change::Contrast(1.0), Change::Saturation(1.0)] {
            let mut changed = image.clone();
            change.apply(&mut changed);
            assert_eq!(changed, image, "{change:?}");
        }
    }
}
