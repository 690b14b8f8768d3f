//! Which pixels of a photograph a view is made of: random crops for training, the centre for evaluation.

use crate::photographs::draws::Draws;

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A rectangle with parts of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Region {
    /// The same rectangle.
    pub(crate) fn area(self) -> Area {
        Area {
            x: self.x as f64,
            y: self.y as f64,
            width: self.width as f64,
            height: self.height as f64,
        }
    }
}

impl Area {
    /// The rectangle in an image that is smaller by a factor of `shrink`.
    pub(crate) fn shrunk(self, shrink: usize) -> Area {
        let shrink = shrink as f64;
        Area {
            x: self.x / shrink,
            y: self.y / shrink,
            width: self.width / shrink,
            height: self.height / shrink,
        }
    }

    /// All pixels that the rectangle is in, and `margin` more on each side, of an image of `width`×`height`.
    pub(crate) fn pixels(self, margin: f64, width: usize, height: usize) -> Region {
        let span = |start: f64, length: f64, size: usize| {
            let first = (start - margin).floor().max(0.0) as usize;
            let end = ((start + length + margin).ceil() as usize).min(size);
            let first = first.min(size.saturating_sub(1));
            (first, end.saturating_sub(first).max(1))
        };
        let (x, width) = span(self.x, self.width, width);
        let (y, height) = span(self.y, self.height, height);
        Region { x, y, width, height }
    }
}

/// The crop of torchvision's `RandomResizedCrop.get_params`, with its draws in its order: ten times an area, as a part of the
/// image's, and a ratio of width to height; the first such rectangle that fits, at a random place; else the
/// largest one in the centre whose ratio is in the range.
pub(crate) fn random_crop(width: usize, height: usize, scale: [f64; 2], ratio: [f64; 2], draws: &mut Draws) -> Region {
    let area = (width * height) as f64;
    let log_ratio = ratio.map(f64::ln);
    for _ in 0..10 {
        let target = area * draws.between(scale);
        let aspect = draws.between(log_ratio).exp();
        let crop_width = (target * aspect).sqrt().round_ties_even() as usize;
        let crop_height = (target / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&crop_width) && (1..=height).contains(&crop_height) {
            let y = draws.at_most(height - crop_height);
            let x = draws.at_most(width - crop_width);
            return Region {
                x,
                y,
                width: crop_width,
                height: crop_height,
            };
        }
    }
    let whole = width as f64 / height as f64;
    let (crop_width, crop_height) = if whole < ratio[0] {
        (width, (width as f64 / ratio[0]).round_ties_even() as usize)
    } else if whole > ratio[1] {
        ((height as f64 * ratio[1]).round_ties_even() as usize, height)
    } else {
        (width, height)
    };
    Region {
        x: (width - crop_width) / 2,
        y: (height - crop_height) / 2,
        width: crop_width,
        height: crop_height,
    }
}

/// What torchvision's `Resize(resize)` and `CenterCrop(side)` leave of an image, as an area of it: the short side becomes
/// `resize` pixels, the long one is rounded down, and the place of the crop is rounded to the nearest even.
pub(crate) fn center_crop(width: usize, height: usize, resize: usize, side: usize) -> Area {
    let short = width.min(height);
    let resized = |length: usize| {
        if length == short {
            resize
        } else {
            resize * length / short
        }
    };
    let span = |length: usize| {
        let resized = resized(length);
        let start = ((resized - side) as f64 / 2.0).round_ties_even();
        let scale = length as f64 / resized as f64;
        (start * scale, side as f64 * scale)
    };
    let (x, area_width) = span(width);
    let (y, area_height) = span(height);
    Area {
        x,
        y,
        width: area_width,
        height: area_height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photographs::draws::Showing;

    const SCALE: [f64; 2] = [0.08, 1.0];
    const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

    fn crops(width: usize, height: usize) -> Vec<Region> {
        let showing = |position| Showing {
            seed: 0,
            epoch: 0,
            position,
        };
        (0..2000)
            .map(|position| random_crop(width, height, SCALE, RATIO, &mut Draws::new(showing(position))))
            .collect()
    }

    #[test]
    fn random_crops_are_inside_and_in_the_ranges() {
        for crop in crops(500, 375) {
            assert!(crop.x + crop.width <= 500 && crop.y + crop.height <= 375, "{crop:?}");
            let ratio = crop.width as f64 / crop.height as f64;
            let part = (crop.width * crop.height) as f64 / (500.0 * 375.0);
            assert!(ratio > 0.74 && ratio < 1.35 && part > 0.079, "{crop:?}");
        }
    }

    #[test]
    fn the_mean_area_and_place_are_those_of_torchvision() {
        // Of 400,000 calls of `get_params` on 500×375 pixels (its formulas in Python, with NumPy's generator): a mean area of 0.433
        // and a mean centre at 250.1.
        let crops = crops(500, 375);
        let mean = |of: fn(&Region) -> f64| crops.iter().map(of).sum::<f64>() / crops.len() as f64;
        let area = mean(|crop| (crop.width * crop.height) as f64) / (500.0 * 375.0);
        let centre = mean(|crop| crop.x as f64 + crop.width as f64 / 2.0);
        assert!((area - 0.433).abs() < 0.02, "{area}");
        assert!((centre - 250.0).abs() < 5.0, "{centre}");
    }

    #[test]
    fn a_long_image_without_a_fitting_crop_gives_its_centre() {
        let wide = Region {
            x: 493,
            y: 0,
            width: 13,
            height: 10,
        };
        assert!(crops(1000, 10).contains(&wide));
        assert!(crops(10, 1000).contains(&Region {
            x: 0,
            y: 493,
            width: 10,
            height: 13
        }));
        assert_eq!(
            crops(1, 1)[0],
            Region {
                x: 0,
                y: 0,
                width: 1,
                height: 1
            }
        );
    }

    #[test]
    fn the_centre_is_rounded_as_torchvision_does() {
        // Resized to 341×256: (341 - 224) / 2 = 58.5, to the even 58.
        let area = center_crop(500, 375, 256, 224);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(
            close(area.x, 58.0 * 500.0 / 341.0) && close(area.width, 224.0 * 500.0 / 341.0),
            "{area:?}"
        );
        assert!(
            close(area.y, 16.0 * 375.0 / 256.0) && close(area.height, 224.0 * 375.0 / 256.0),
            "{area:?}"
        );
    }

    #[test]
    fn pixels_hold_the_area_and_stay_inside() {
        let area = Area {
            x: 1.5,
            y: 0.2,
            width: 3.0,
            height: 9.9,
        };
        assert_eq!(
            area.pixels(0.0, 10, 10),
            Region {
                x: 1,
                y: 0,
                width: 4,
                height: 10
            }
        );
        assert_eq!(
            area.pixels(2.0, 5, 10),
            Region {
                x: 0,
                y: 0,
                width: 5,
                height: 10
            }
        );
    }
}
