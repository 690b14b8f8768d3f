//! From the bytes of a file to what a pack stores of it.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

use crate::photographs::decode::{PIXEL_LIMIT, RgbImage, decode};
use crate::photographs::error::ImageProblem;
use crate::photographs::pack::{PackFormat, Packing};

/// What a pack stores of a photograph.
pub(super) struct Stored<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Pixels.
    pub(super) width: usize,
    /// Pixels.
    pub(super) height: usize,
}

/// Decodes a file, and makes the photograph smaller if its short side is longer than the packing's, as torchvision's `Resize` does.
pub(super) fn stored<'a>(file: &'a [u8], packing: Packing, resizer: &mut Resizer) -> Result<Stored<'a>, ImageProblem> {
    let decoded = decode(file, PIXEL_LIMIT)?;
    let is_smaller = decoded.width.min(decoded.height) > packing.side;
    let RgbImage { width, height, pixels } = if is_smaller {
        smaller(&decoded, packing.side, resizer)
    } else {
        decoded
    };
    let bytes = match packing.format {
        PackFormat::Raw => Cow::Owned(pixels),
        PackFormat::Jpeg { .. } if !is_smaller => Cow::Borrowed(file),
        PackFormat::Jpeg { quality } => {
            let compressed = compress(&pixels, width, height, PixelFormat::Rgb, quality, Subsampling::S420);
            Cow::Owned(compressed.map_err(|error| ImageProblem::Damaged {
                format: "JPEG",
                reason: error.to_string(),
            })?)
        }
    };
    Ok(Stored { bytes, width, height })
}

/// The image with a short side of `side` pixels, by Pillow's antialiased bilinear filter; the long side is rounded down.
pub(super) fn smaller(image: &RgbImage, side: usize, resizer: &mut Resizer) -> RgbImage {
    let short = image.width.min(image.height);
    let [width, height] = [image.width, image.height].map(|length| side * length / short);
    let mut pixels = vec![0; 3 * width * height];
    let source: TypedImageRef<U8x3> =
        TypedImageRef::from_buffer(image.width as u32, image.height as u32, &image.pixels)
            .expect("as many pixels as were decoded");
    let mut resized: TypedImage<U8x3> =
        TypedImage::from_buffer(width as u32, height as u32, &mut pixels).expect("as many pixels as its size says");
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    resizer
        .resize_typed(&source, &mut resized, &options)
        .expect("the whole image is inside of it");
    RgbImage { width, height, pixels }
}
