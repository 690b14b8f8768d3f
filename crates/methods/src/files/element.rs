//! Elements: the kinds of numbers in arrays of files, and the tensors that they become.

use tch::{Kind, Tensor};

/// A kind of number in files that can become a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// One byte; every value but 0 is true.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits; i64 as a tensor.
    U16,
    /// Unsigned, 32 bits; i64 as a tensor.
    U32,
    /// Unsigned, 64 bits; i64 as a tensor.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
}

/// Why bytes are not an array.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElementError {
    /// More or fewer bytes than the shape needs.
    #[error("{found} bytes do not make an array of shape {shape:?} with {size} bytes per number")]
    Length {
        /// The expected shape.
        shape: Vec<u64>,
        /// Bytes of a number.
        size: usize,
        /// The number of bytes found.
        found: usize,
    },
    /// An unsigned number that no tensor holds.
    #[error("{0} is beyond 9223372036854775807, the largest i64")]
    TooLarge(u64),
    /// libtorch's message.
    #[error("{0}")]
    Torch(String),
}

impl Element {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 | Element::Bf16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }

    /// Bytes of an array of this shape; `None` if they, or libtorch's strides, would exceed i64.
    pub fn array_bytes(self, shape: &[u64]) -> Option<u64> {
        let strides = shape
            .iter()
            .try_fold(self.size() as u64, |bytes, &size| bytes.checked_mul(size.max(1)))?;
        i64::try_from(strides).ok()?;
        Some(if shape.contains(&0) { 0 } else { strides })
    }

    /// A tensor on the CPU from little-endian numbers in row-major order.
    ///
    /// # Errors
    /// [`ElementError`], for any mismatch of `bytes` and `shape`.
    pub fn tensor(self, bytes: &[u8], shape: &[u64]) -> Result<Tensor, ElementError> {
        if self.array_bytes(shape) != Some(bytes.len() as u64) {
            return Err(ElementError::Length {
                shape: shape.to_vec(),
                size: self.size(),
                found: bytes.len(),
            });
        }
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect(); // within i64, as `array_bytes` says
        let whole = |kind, bytes: &[u8]| Tensor::f_from_data_size(bytes, &shape, kind);
        let made = match self {
            Element::U8 => whole(Kind::Uint8, bytes),
            Element::I8 => whole(Kind::Int8, bytes),
            Element::I16 => whole(Kind::Int16, bytes),
            Element::I32 => whole(Kind::Int, bytes),
            Element::I64 => whole(Kind::Int64, bytes),
            Element::F16 => whole(Kind::Half, bytes),
            Element::Bf16 => whole(Kind::BFloat16, bytes),
            Element::F32 => whole(Kind::Float, bytes),
            Element::F64 => whole(Kind::Double, bytes),
            // In libtorch, a byte other than 0 and 1 in a tensor of bool is undefined behaviour.
            Element::Bool => whole(
                Kind::Bool,
                &bytes.iter().map(|&byte| u8::from(byte != 0)).collect::<Vec<u8>>(),
            ),
            Element::U16 | Element::U32 | Element::U64 => {
                Tensor::f_from_slice(&unsigned(bytes, self.size())?).and_then(|flat| flat.f_reshape(&shape))
            }
        };
        made.map_err(|error| ElementError::Torch(error.to_string()))
    }
}

fn unsigned(bytes: &[u8], size: usize) -> Result<Vec<i64>, ElementError> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let numbers = bytes.chunks_exact(size).map(number);
    numbers
        .map(|number| i64::try_from(number).map_err(|_| ElementError::TooLarge(number)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_become_i64_and_every_byte_but_zero_is_true() {
        let numbers = |element: Element, bytes: &[u8]| {
            let shape = [(bytes.len() / element.size()) as u64];
            element
                .tensor(bytes, &shape)
                .map(|tensor| Vec::<i64>::try_from(tensor.to_kind(Kind::Int64)).unwrap())
        };
        assert_eq!(numbers(Element::U16, &[1, 2, 255, 255]), Ok(vec![513, 65_535]));
        assert_eq!(numbers(Element::U32, &[0, 0, 0, 128]), Ok(vec![1 << 31]));
        assert_eq!(numbers(Element::U64, &[9, 0, 0, 0, 0, 0, 0, 0]), Ok(vec![9]));
        assert_eq!(numbers(Element::Bool, &[0, 1, 7]), Ok(vec![0, 1, 1]));
        assert_eq!(
            numbers(Element::U64, &[255; 8]).unwrap_err().to_string(),
            "18446744073709551615 is beyond 9223372036854775807, the largest i64"
        );
    }

    #[test]
    fn a_shape_that_the_bytes_do_not_fill_takes_no_memory() {
        let refusal = |shape: &[u64]| Element::F32.tensor(&[0; 8], shape).unwrap_err().to_string();
        assert_eq!(
            refusal(&[3]),
            "8 bytes do not make an array of shape [3] with 4 bytes per number"
        );
        assert_eq!(
            refusal(&[1 << 62, 64]),
            "8 bytes do not make an array of shape [4611686018427387904, 64] with 4 bytes per number"
        );
        let strides_overflow = Element::F32.tensor(&[], &[0, 1 << 62, 1 << 62]).unwrap_err();
        assert_eq!(
            strides_overflow.to_string(),
            "0 bytes do not make an array of shape [0, 4611686018427387904, 4611686018427387904] with 4 bytes per number"
        );
        assert_eq!(Element::F32.tensor(&[], &[0, 5]).unwrap().size(), [0, 5]);
        assert_eq!(Element::F32.tensor(&[0; 4], &[]).unwrap().size(), [0_i64; 0]);
    }
}
