use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;
use crate::photographs::fixtures::{fixture, jpeg};

#[derive(Deserialize)]
struct Decoded {
    width: usize,
    height: usize,
    sha256: String,
    means: [f64; 3],
}

/// What Pillow makes of each file.
fn pillow() -> BTreeMap<String, Decoded> {
    #[derive(Deserialize)]
    struct Document {
        decoded: BTreeMap<String, Decoded>,
    }
    serde_json::from_slice::<Document>(&fixture("pillow.json"))
        .unwrap()
        .decoded
}

fn problem(bytes: &[u8], limit: usize) -> String {
    decode(bytes, limit).unwrap_err().to_string()
}

#[test]
fn pixels_are_those_of_pillow() {
    for (name, expected) in pillow() {
        let image = decode(&fixture(&name), PIXEL_LIMIT).unwrap();
        assert_eq!((image.width, image.height), (expected.width, expected.height), "{name}");
        let is_equal = format!("{:x}", Sha256::digest(&image.pixels)) == expected.sha256;
        // Other decoders than Pillow's may interpolate the colour of lossy WebP in another way.
        assert!(is_equal || ["lossy.webp", "animated.webp"].contains(&&*name), "{name}");
        for (channel, mean) in expected.means.into_iter().enumerate() {
            let values = image.pixels.iter().skip(channel).step_by(3);
            let found = values.map(|&value| f64::from(value)).sum::<f64>() / (image.width * image.height) as f64;
            assert!((found - mean).abs() < 0.5, "{name}: {found} {mean}");
        }
    }
}

#[test]
fn of_16_bits_the_upper_8_are_taken() {
    let image = decode(&fixture("16-bit.png"), PIXEL_LIMIT).unwrap();
    let upper = |at: usize| ((at * 11 % 65_536) >> 8) as u8;
    let expected: Vec<u8> = (0..97 * 61).flat_map(|at| [upper(at); 3]).collect();
    assert_eq!(image.pixels, expected);
}

#[test]
fn a_part_of_a_jpeg_file_has_the_pixels_of_the_whole() {
    for name in [
        "420.jpg",
        "422.jpg",
        "444.jpg",
        "grey.jpg",
        "restarts.jpg",
        "progressive.jpg",
        "cmyk.jpg",
        "tall.jpg",
    ] {
        let file = fixture(name);
        for shrink in [1, 2, 4, 8] {
            let source = || Source::open(&file).unwrap();
            let (width, height) = source().shrunk_size(shrink);
            let (mut whole, mut part) = (Vec::new(), Vec::new());
            source()
                .decode(
                    Region {
                        x: 0,
                        y: 0,
                        width,
                        height,
                    },
                    shrink,
                    &mut whole,
                )
                .unwrap();
            for (x, y) in [
                (0, 0),
                (width / 3, height / 2),
                (width / 2, height / 5),
                (width - 1, height - 1),
            ] {
                let region = Region {
                    x,
                    y,
                    width: (width - x).div_ceil(2),
                    height: (height - y).div_ceil(3),
                };
                let decoded = source().decode(region, shrink, &mut part).unwrap();
                for row in region.y..region.y + region.height {
                    let of_whole = &whole[3 * (row * width + region.x)..][..3 * region.width];
                    let start = (row - decoded.y) * decoded.width + region.x - decoded.x;
                    assert_eq!(
                        part[3 * start..][..3 * region.width],
                        *of_whole,
                        "{name} 1/{shrink} {region:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn files_that_are_no_images_are_refused() {
    assert_eq!(problem(b"", PIXEL_LIMIT), "an empty file");
    assert_eq!(
        problem(b"GIF89a...", PIXEL_LIMIT),
        "neither JPEG, PNG nor WebP: begins with the bytes [47, 49, 46, 38, 39, 61, 2e, 2e]"
    );
    assert!(problem(&[0xff, 0xd8, 0xff, 0xe0], PIXEL_LIMIT).starts_with("a truncated JPEG"));
}

#[test]
fn truncated_files_are_refused() {
    for name in ["420.jpg", "progressive.jpg", "exif-orientation.jpg"] {
        let file = fixture(name);
        for length in [file.len() - 2, file.len() * 4 / 5] {
            let truncated = "a truncated JPEG: the marker of its end is missing";
            assert_eq!(problem(&file[..length], PIXEL_LIMIT), truncated, "{name}");
        }
    }
    for (name, format) in [("png.JPEG", "PNG"), ("lossy.webp", "WebP"), ("lossless.webp", "WebP")] {
        let file = fixture(name);
        let problem = problem(&file[..file.len() / 2], PIXEL_LIMIT);
        assert!(
            problem.starts_with(&format!("a damaged or unusual {format}: ")),
            "{problem}"
        );
    }
}

#[test]
fn what_follows_the_end_of_a_jpeg_file_is_ignored_and_damage_inside_accepted() {
    let mut file = fixture("420.jpg");
    let whole = decode(&file, PIXEL_LIMIT).unwrap();
    file.extend(b"what a camera appends");
    assert_eq!(decode(&file, PIXEL_LIMIT).unwrap(), whole);
    let middle = file.len() * 3 / 4;
    for byte in &mut file[middle..middle + 4] {
        *byte ^= 0x5a;
    }
    let damaged = decode(&file, PIXEL_LIMIT).unwrap();
    assert_eq!((damaged.width, damaged.height), (whole.width, whole.height));
    assert_eq!(
        damaged.pixels[..3 * 97 * 8],
        whole.pixels[..3 * 97 * 8],
        "the rows before the damage"
    );
    assert_ne!(damaged, whole);
}

#[test]
fn images_of_too_many_pixels_are_refused_before_they_are_decoded() {
    for name in ["420.jpg", "progressive.jpg", "cmyk.jpg", "palette.png", "lossy.webp"] {
        assert_eq!(
            problem(&fixture(name), 97 * 61 - 1),
            "97x61 pixels are more than 5916 and cannot be decoded at a smaller scale",
            "{name}"
        );
        assert!(decode(&fixture(name), 97 * 61).is_ok(), "{name}");
    }
}

#[test]
fn a_header_of_many_pixels_takes_no_memory() {
    let mut file = jpeg(16, 16, 0);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]); // 65,500 pixels high and wide
    assert!(problem(&file, PIXEL_LIMIT).starts_with("65500x65500 pixels are more than 67108864"));
}
