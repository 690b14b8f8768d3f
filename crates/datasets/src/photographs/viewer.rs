//! From the bytes of a file to what a network sees.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::photographs::decode::{PIXEL_LIMIT, Source};
use crate::photographs::draws::{Draws, Showing};
use crate::photographs::error::{ImageProblem, PhotographError};
use crate::photographs::jitter::Change;
use crate::photographs::pack::{Pack, PackFormat};
use crate::photographs::region::{Area, Region, center_crop, random_crop};
use crate::photographs::view::View;

/// Makes the view of one photograph after the other, in the same memory.
pub struct Viewer {
    view: View,
    pixel_limit: usize,
    /// A file as it is.
    file: Vec<u8>,
    /// What is decoded of it, in rows of red, green and blue.
    decoded: Vec<u8>,
    /// The view, in rows of red, green and blue.
    resized: Vec<u8>,
    resizer: Resizer,
}

/// What is drawn for a view, or follows from the image's size.
struct Plan {
    /// What is shown.
    area: Area,
    /// The pixels that the result may depend on.
    region: Region,
    /// At which part of the scale the image may be decoded: 1, 2, 4 or 8 for the whole, a half, a quarter or an eighth.
    shrink: usize,
    flip: bool,
    changes: Option<[Change; 3]>,
}

impl Viewer {
    /// One that makes this view of images of which at most [`PIXEL_LIMIT`] pixels need to be decoded.
    ///
    /// # Errors
    /// If the view's settings are impossible.
    pub fn new(view: View) -> Result<Self, PhotographError> {
        view.check()?;
        Ok(Viewer {
            view,
            pixel_limit: PIXEL_LIMIT,
            file: Vec::new(),
            decoded: Vec::new(),
            resized: vec![0; view.bytes()],
            resizer: Resizer::new(),
        })
    }

    /// The view of the photograph at `path`: see [`Viewer::view`].
    ///
    /// # Errors
    /// If the file cannot be read, and as [`Viewer::view`].
    ///
    /// # Panics
    /// As [`Viewer::view`].
    pub fn view_file(&mut self, path: &Path, showing: Showing, result: &mut [u8]) -> Result<(), ImageProblem> {
        let mut bytes = std::mem::take(&mut self.file);
        bytes.clear();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
        let viewed = match read {
            Ok(_) => self.view(&bytes, showing, result),
            Err(error) => Err(ImageProblem::Read(error.to_string())),
        };
        self.file = bytes;
        viewed
    }

    /// Writes the view of an image file's `bytes` to `result`, planes of red, green and blue, `[3, side, side]`.
    ///
    /// How files are decoded, [`decode`](crate::photographs::decode()) says; only the part that is seen is decoded
    /// where the format allows it. An image that has too many pixels for the limit is decoded at a smaller scale if it is a JPEG
    /// file that is not progressive.
    ///
    /// # Errors
    /// If the image cannot be decoded, or not within the limit.
    ///
    /// # Panics
    /// If `result` has not [`View::bytes`] bytes.
    pub fn view(&mut self, bytes: &[u8], showing: Showing, result: &mut [u8]) -> Result<(), ImageProblem> {
        self.view_source(Source::open(bytes)?, showing, result)
    }

    /// The view of the photograph at a place of a pack: see [`Viewer::view`].
    pub(crate) fn view_packed(
        &mut self,
        pack: &Pack,
        place: usize,
        showing: Showing,
        result: &mut [u8],
    ) -> Result<(), ImageProblem> {
        if pack.format() == PackFormat::Raw {
            return self.view_source(Source::Raw(pack.rows(place)), showing, result);
        }
        let mut bytes = std::mem::take(&mut self.file);
        let read = pack.read(place, &mut bytes);
        let viewed = read.and_then(|()| self.view(&bytes, showing, result));
        self.file = bytes;
        viewed
    }

    fn view_source(&mut self, source: Source, showing: Showing, result: &mut [u8]) -> Result<(), ImageProblem> {
        assert_eq!(result.len(), self.view.bytes(), "the result is [3, side, side]");
        let plan = self.plan(&source, showing)?;
        let decoded = source.decode(plan.region, plan.shrink, &mut self.decoded)?;
        self.resize(decoded, &plan);
        for change in plan.changes.iter().flatten() {
            change.apply(&mut self.resized);
        }
        to_planes(&self.resized, self.view.side(), plan.flip, result);
        Ok(())
    }

    fn plan(&self, source: &Source, showing: Showing) -> Result<Plan, ImageProblem> {
        let (width, height) = source.size();
        let mut draws = Draws::new(showing);
        let side = self.view.side();
        let (area, most_shrink, flip, changes) = match self.view {
            View::Evaluation(view) => (center_crop(width, height, view.resize, side), 1, false, None),
            View::Training(view) => {
                let crop = random_crop(width, height, view.scale, view.ratio, &mut draws);
                let flip = view.flip && draws.coin();
                let changes = view.jitter.map(|jitter| jitter.draw(&mut draws));
                let spare = crop.width.min(crop.height) / side;
                (crop.area(), if view.shrink { spare } else { 1 }, flip, changes)
            }
        };
        let scales: &[usize] = if source.can_shrink() { &[1, 2, 4, 8] } else { &[1] };
        let smallest = scales.iter().rposition(|&shrink| shrink <= most_shrink).unwrap_or(0);
        let plans = scales[smallest..].iter().map(|&shrink| {
            let area = area.shrunk(shrink);
            let margin = match self.view {
                // torchvision cuts out before it resizes: nothing outside counts.
                View::Training(_) => 0.0,
                // It resizes before it cuts out: the filter reaches beyond the edge of the crop.
                View::Evaluation(_) => (area.width.max(area.height) / side as f64).max(1.0) + 1.0,
            };
            let (width, height) = source.shrunk_size(shrink);
            let region = area.pixels(margin, width, height);
            source.check_size(region, shrink, self.pixel_limit)?;
            Ok(Plan {
                area,
                region,
                shrink,
                flip,
                changes,
            })
        });
        // The first one within the limit, else why none is.
        plans.reduce(Result::or).expect("at least one scale")
    }

    /// Resizes the plan's area of what was decoded, with Pillow's antialiased bilinear filter.
    fn resize(&mut self, decoded: Region, plan: &Plan) {
        let Region { x, y, width, height } = plan.region;
        // Of one type of pixels, for which alone the crate's code is compiled then.
        let image: TypedImageRef<U8x3> =
            TypedImageRef::from_buffer(decoded.width as u32, decoded.height as u32, &self.decoded)
                .expect("as many pixels as were decoded");
        let (left, top) = ((x - decoded.x) as u32, (y - decoded.y) as u32);
        let image = TypedCroppedImage::from_ref(&image, left, top, width as u32, height as u32)
            .expect("the region was decoded");
        let side = self.view.side() as u32;
        let mut resized: TypedImage<U8x3> =
            TypedImage::from_buffer(side, side, &mut self.resized).expect("as many pixels as the view has");
        let options = ResizeOptions::new()
            // Not `Interpolation`, which does not average where an image becomes smaller.
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false)
            .crop(
                (plan.area.x - x as f64).max(0.0),
                (plan.area.y - y as f64).max(0.0),
                plan.area.width.min(width as f64),
                plan.area.height.min(height as f64),
            );
        self.resizer
            .resize_typed(&image, &mut resized, &options)
            .expect("the area is inside the region");
    }
}

/// Rows of red, green and blue to a plane of each, mirrored if `flip`.
fn to_planes(pixels: &[u8], side: usize, flip: bool, planes: &mut [u8]) {
    let (red, rest) = planes.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    let rows = pixels.chunks_exact(3 * side);
    let planes = red
        .chunks_exact_mut(side)
        .zip(green.chunks_exact_mut(side))
        .zip(blue.chunks_exact_mut(side));
    for (row, ((red, green), blue)) in rows.zip(planes) {
        for (column, pixel) in row.chunks_exact(3).enumerate() {
            red[column] = pixel[0];
            green[column] = pixel[1];
            blue[column] = pixel[2];
        }
        if flip {
            red.reverse();
            green.reverse();
            blue.reverse();
        }
    }
}

#[cfg(test)]
mod tests;
