//! Image files to pixels, whatever they are called.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};

use crate::photographs::error::ImageProblem;
use crate::photographs::jpeg::Jpeg;
use crate::photographs::pack::RawRows;
use crate::photographs::region::Region;

/// The most pixels that are decoded at once, unless another limit is asked for: 2²⁶, in 201 MB.
pub const PIXEL_LIMIT: usize = 1 << 26;

/// An image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Rows of red, green and blue, `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

/// Decodes an image of at most `limit` pixels as Pillow's `Image.open(file).convert("RGB")` does, which is what torchvision's
/// `ImageFolder` does.
///
/// The content decides whether it is JPEG, PNG or WebP. Greyscale, palettes and CMYK become RGB, transparency is dropped, of an
/// animation the first image is taken. Of 16 bits the upper 8 are taken, where Pillow cuts greyscale off at 255. An EXIF
/// orientation is **not** applied, as torchvision does not. JPEG is decoded to the same pixels as by Pillow with
/// libjpeg-turbo; damage inside of a JPEG file that has an end is accepted, as libjpeg does. Lossy WebP can differ from
/// Pillow's by its interpolation of colour.
///
/// # Errors
/// If the bytes are none of these formats, are truncated or damaged, or are more pixels than the limit.
pub fn decode(bytes: &[u8], limit: usize) -> Result<RgbImage, ImageProblem> {
    let source = Source::open(bytes)?;
    let (width, height) = source.size();
    let whole = Region {
        x: 0,
        y: 0,
        width,
        height,
    };
    let mut pixels = Vec::new();
    source.check_size(whole, 1, limit)?;
    source.decode(whole, 1, &mut pixels)?;
    Ok(RgbImage { width, height, pixels })
}

/// An image whose size is known, and whose pixels are not read yet.
pub(crate) enum Source<'a> {
    /// Of a raw pack.
    Raw(RawRows<'a>),
    Jpeg(Box<Jpeg<'a>>),
    Png(Box<PngDecoder<Cursor<&'a [u8]>>>),
    WebP(Box<WebPDecoder<Cursor<&'a [u8]>>>),
}

impl<'a> Source<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ImageProblem> {
        match bytes {
            [] => Err(ImageProblem::Empty),
            [0xff, 0xd8, 0xff, ..] => Ok(Source::Jpeg(Box::new(Jpeg::open(bytes)?))),
            [0x89, b'P', b'N', b'G', ..] => {
                let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(|error| damaged("PNG", &error))?;
                Ok(Source::Png(Box::new(decoder)))
            }
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| damaged("WebP", &error))?;
                Ok(Source::WebP(Box::new(decoder)))
            }
            _ => Err(ImageProblem::UnknownFormat(bytes[..bytes.len().min(8)].to_vec())),
        }
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (width, height) = match self {
            Source::Raw(rows) => return rows.size(),
            Source::Jpeg(jpeg) => return jpeg.size(),
            Source::Png(decoder) => decoder.dimensions(),
            Source::WebP(decoder) => decoder.dimensions(),
        };
        (width as usize, height as usize)
    }

    /// Whether the file can be decoded at a smaller scale, which takes less time and, with the part that is decoded, less
    /// memory.
    pub(crate) fn can_shrink(&self) -> bool {
        matches!(self, Source::Jpeg(jpeg) if jpeg.can_be_decoded_in_part())
    }

    /// Width and height at `1 / shrink` of the scale.
    pub(crate) fn shrunk_size(&self, shrink: usize) -> (usize, usize) {
        match self {
            Source::Jpeg(jpeg) => jpeg.shrunk_size(shrink),
            Source::Raw(_) | Source::Png(_) | Source::WebP(_) => self.size(),
        }
    }

    /// Whether decoding `region` needs memory for at most `limit` pixels.
    ///
    /// # Errors
    /// If it needs more.
    pub(crate) fn check_size(&self, region: Region, shrink: usize, limit: usize) -> Result<(), ImageProblem> {
        let (width, height) = self.size();
        let in_memory = if self.can_shrink() || matches!(self, Source::Raw(_)) {
            // All columns of a region's rows are decoded before it is cut out.
            self.shrunk_size(shrink).0.saturating_mul(region.height)
        } else {
            width.saturating_mul(height)
        };
        if in_memory > limit {
            return Err(ImageProblem::TooLarge { width, height, limit });
        }
        Ok(())
    }

    /// Decodes at least `region` of the image at `1 / shrink` of its scale to `pixels`, in rows of red, green and blue, and
    /// returns what was decoded.
    pub(crate) fn decode(self, region: Region, shrink: usize, pixels: &mut Vec<u8>) -> Result<Region, ImageProblem> {
        let (width, height) = self.size();
        *pixels = match self {
            Source::Raw(rows) => return rows.read(region, pixels),
            Source::Jpeg(jpeg) => return jpeg.decode(region, shrink, pixels),
            Source::Png(decoder) => rgb(*decoder).map_err(|error| damaged("PNG", &error))?,
            Source::WebP(decoder) => rgb(*decoder).map_err(|error| damaged("WebP", &error))?,
        };
        Ok(Region {
            x: 0,
            y: 0,
            width,
            height,
        })
    }
}

fn rgb(decoder: impl ImageDecoder) -> Result<Vec<u8>, ImageError> {
    let image = DynamicImage::from_decoder(decoder)?;
    Ok(match image {
        // `to_rgb8` rounds, where libpng takes the upper byte.
        DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_)
        | DynamicImage::ImageRgb16(_)
        | DynamicImage::ImageRgba16(_) => {
            let upper = |sample: u16| (sample >> 8) as u8;
            image.into_rgb16().into_raw().into_iter().map(upper).collect()
        }
        image => image.into_rgb8().into_raw(),
    })
}

fn damaged(format: &'static str, error: &ImageError) -> ImageProblem {
    let reason = error.to_string();
    ImageProblem::Damaged { format, reason }
}

#[cfg(test)]
mod tests;
