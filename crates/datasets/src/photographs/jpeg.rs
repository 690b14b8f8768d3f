//! JPEG files to pixels.

use libjpeg_turbo_rs::{ColorSpace, Decoder, JpegError, PixelFormat, ScalingFactor};

use crate::photographs::error::ImageProblem;
use crate::photographs::region::Region;

/// A JPEG file whose header was read.
pub(crate) struct Jpeg<'a> {
    decoder: Decoder<'a>,
    /// Four components, as in files for print: decoded whole.
    is_cmyk: bool,
}

impl<'a> Jpeg<'a> {
    /// Reads the header.
    ///
    /// As Pillow, refuses a file without the marker of its end; as libjpeg, accepts damaged data before it.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ImageProblem> {
        let mut decoder = Decoder::new(bytes).map_err(damaged)?;
        decoder.set_lenient(true);
        if !has_end(bytes) {
            return Err(ImageProblem::Truncated);
        }
        let is_cmyk = matches!(decoder.jpeg_color_space(), ColorSpace::Cmyk | ColorSpace::Ycck);
        decoder.set_output_format(if is_cmyk { PixelFormat::Cmyk } else { PixelFormat::Rgb });
        Ok(Jpeg { decoder, is_cmyk })
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        let header = self.decoder.header();
        (usize::from(header.width), usize::from(header.height))
    }

    /// Whether a part, or a smaller scale, can be decoded without memory for the whole: neither is possible for
    /// progressive files, whose coefficients are all needed.
    pub(crate) fn can_be_decoded_in_part(&self) -> bool {
        !self.is_cmyk && !self.decoder.has_multiple_scans()
    }

    /// Width and height of the image at `1 / shrink` of its scale, `shrink` being 1, 2, 4 or 8.
    pub(crate) fn shrunk_size(&self, shrink: usize) -> (usize, usize) {
        let (width, height) = self.size();
        (width.div_ceil(shrink), height.div_ceil(shrink))
    }

    /// Decodes `region` of the image at `1 / shrink` of its scale, and a little more, to `pixels`, in rows of red, green and
    /// blue. Returns what was decoded, which holds the region.
    pub(crate) fn decode(
        mut self,
        region: Region,
        shrink: usize,
        pixels: &mut Vec<u8>,
    ) -> Result<Region, ImageProblem> {
        let (width, height) = self.shrunk_size(shrink);
        let decoded = if self.is_cmyk {
            Region {
                x: 0,
                y: 0,
                width,
                height,
            }
        } else {
            self.with_neighbours(region, shrink)
        };
        self.decoder
            .set_scale(ScalingFactor::try_new(1, shrink as u32).map_err(damaged)?);
        if decoded
            != (Region {
                x: 0,
                y: 0,
                width,
                height,
            })
        {
            self.decoder
                .set_crop_region(decoded.x, decoded.y, decoded.width, decoded.height);
        }
        pixels.resize(self.decoder.output_buffer_size().map_err(damaged)?, 0);
        self.decoder.decode_image_into(pixels).map_err(damaged)?;
        if self.is_cmyk {
            cmyk_to_rgb(pixels);
        }
        Ok(decoded)
    }

    /// The region with what its outermost pixels depend on: colour is stored at half or a quarter of the scale, and
    /// interpolated between neighbours. It starts where a block does, as the decoder wants it.
    fn with_neighbours(&self, region: Region, shrink: usize) -> Region {
        const NEIGHBOURS: usize = 8;
        let components = &self.decoder.header().components;
        let most_horizontal = components
            .iter()
            .map(|component| usize::from(component.horizontal_sampling))
            .max();
        let block = (8 * most_horizontal.unwrap_or(1)).div_ceil(shrink);
        let (width, height) = self.shrunk_size(shrink);
        let x = region.x.saturating_sub(NEIGHBOURS) / block * block;
        let y = region.y.saturating_sub(NEIGHBOURS);
        Region {
            x,
            y,
            width: (region.x + region.width + NEIGHBOURS).min(width) - x,
            height: (region.y + region.height + NEIGHBOURS).min(height) - y,
        }
    }
}

fn damaged(error: JpegError) -> ImageProblem {
    match error {
        JpegError::UnexpectedEof => ImageProblem::Truncated,
        other => ImageProblem::Damaged {
            format: "JPEG",
            reason: other.to_string(),
        },
    }
}

/// Whether the marker of the end of the image follows that of the start of its data. Between the two, the data itself never
/// has those two bytes in a row.
fn has_end(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let mut at = 2;
    // Segments before the data: a marker and a length. A preview in one of them has an end of its own.
    while let [0xff, marker, high, low, ..] = bytes.get(at..).unwrap_or_default() {
        if *marker == START_OF_SCAN {
            break;
        }
        let is_padding = *marker == 0xff;
        at += if is_padding {
            1
        } else {
            2 + usize::from(u16::from_be_bytes([*high, *low]))
        };
    }
    bytes
        .get(at..)
        .is_some_and(|data| data.windows(2).rev().any(|pair| pair == END_OF_IMAGE))
}

/// Turns inverted CMYK, as Adobe's programs write it, to RGB with the formula of Pillow.
fn cmyk_to_rgb(pixels: &mut Vec<u8>) {
    let rgb = |pixel: &[u8]| {
        let white = u32::from(pixel[3]);
        [0, 1, 2].map(|ink| {
            let product = u32::from(255 - pixel[ink]) * white + 128;
            (white - (((product >> 8) + product) >> 8)) as u8
        })
    };
    let converted: Vec<u8> = pixels.chunks_exact(4).flat_map(rgb).collect();
    *pixels = converted;
}
