//! One bit for each test image, as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Base64 of the bits, eight a byte, the first image in the lowest bit.
pub(super) fn text(bits: &[bool]) -> String {
    let byte = |bits: &[bool]| {
        let bits = bits.iter().enumerate();
        bits.fold(0_u8, |byte, (place, &bit)| byte | u8::from(bit) << place)
    };
    STANDARD.encode(bits.chunks(8).map(byte).collect::<Vec<u8>>())
}

/// The first `n` bits of a text.
///
/// # Errors
/// In words, if it is no Base64, or of another number of bits.
pub(super) fn read(text: &str, n: usize) -> Result<Vec<bool>, String> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("its bits are no Base64: {error}"))?;
    if bytes.len() != n.div_ceil(8) {
        return Err(format!(
            "it has {} bytes of bits, and {n} test images take {}",
            bytes.len(),
            n.div_ceil(8)
        ));
    }
    let mut bits: Vec<bool> = bytes
        .iter()
        .flat_map(|byte| (0..8).map(move |place| byte >> place & 1 == 1))
        .collect();
    if bits.split_off(n).contains(&true) {
        return Err(format!("it has bits beyond its {n} test images"));
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_as_they_were_written_and_a_wrong_number_is_named() {
        for n in [0, 1, 7, 8, 9, 2000] {
            let bits: Vec<bool> = (0..n).map(|image| image % 3 == 1).collect();
            assert_eq!(read(&text(&bits), n), Ok(bits), "{n}");
        }
        assert_eq!(
            text(&[true, false, false, false, false, false, false, false, true]),
            "AQE="
        );
        assert_eq!(
            read("AQE=", 17).expect_err("too few"),
            "it has 2 bytes of bits, and 17 test images take 3"
        );
        assert_eq!(
            read("AQE=", 8).expect_err("too many"),
            "it has 2 bytes of bits, and 8 test images take 1"
        );
        assert_eq!(
            read("AQI=", 9).expect_err("a bit too many"),
            "it has bits beyond its 9 test images"
        );
        assert!(
            read("so", 4)
                .expect_err("no Base64")
                .starts_with("its bits are no Base64: ")
        );
    }
}
