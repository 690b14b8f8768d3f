//! Npy: one array as NumPy saves it, a header in Python's syntax followed by the numbers.
//!
//! The header is one flat dictionary. It is parsed from left to right without recursion, so that no header can overflow the stack.

use anyhow::{Context, bail, ensure};
use methods::Element;
use tch::Tensor;

/// Longest header: that of an array of numbers has about a hundred bytes.
const MOST_TEXT: u64 = 1 << 16;

/// A parsed header.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// Type of the numbers in NumPy's notation, such as `<f4`, or the fields of a structure.
    kind: String,
    fortran_order: bool,
    shape: Vec<u64>,
    /// Offset of the numbers in bytes.
    start: usize,
}

impl Header {
    /// Largest number of bytes before the header's text: the magic, the version and the length of the text.
    pub(super) const PREFIX: u64 = 12;

    /// Length of the header of an entry that begins with `bytes`: at least [`Header::PREFIX`] of them, unless the entry is shorter.
    ///
    /// # Errors
    /// If it does not begin like a NumPy file.
    pub(super) fn length(bytes: &[u8]) -> anyhow::Result<u64> {
        let (prefix, text) = match bytes {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, ..] => {
                (10, u64::from(u16::from_le_bytes([*low, *high])))
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
                (Header::PREFIX, u64::from(u32::from_le_bytes([*a, *b, *c, *d])))
            }
            _ => bail!("it does not begin like a NumPy array"),
        };
        ensure!(
            text <= MOST_TEXT,
            "its header is {text} bytes long, more than any array of numbers needs"
        );
        Ok(prefix + text)
    }

    /// Reads the header at the beginning of `bytes`.
    ///
    /// # Errors
    /// If it is cut short or not a dictionary of `descr`, `fortran_order` and `shape`.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Header> {
        let start = Header::length(bytes)? as usize;
        let prefix = if bytes[6] == 1 { 10 } else { 12 };
        let text = bytes.get(prefix..start).context("its header is cut short")?;
        let text = std::str::from_utf8(text).context("its header is not text")?;
        let (mut kind, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = after('{', text)?;
        while !rest.starts_with('}') {
            let (key, value) = quoted(rest)?;
            let value = after(':', value)?;
            rest = match key {
                "descr" => {
                    let (text, rest) = description(value)?;
                    kind = Some(text.to_owned());
                    rest
                }
                "fortran_order" => {
                    let (is_fortran, rest) = truth(value)?;
                    fortran_order = Some(is_fortran);
                    rest
                }
                "shape" => {
                    let (sizes, rest) = tuple(value)?;
                    shape = Some(sizes);
                    rest
                }
                other => bail!("its header has the unknown entry `{other}`"),
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Ok(Header {
            kind: kind.context("its header has no `descr`")?,
            fortran_order: fortran_order.context("its header has no `fortran_order`")?,
            shape: shape.context("its header has no `shape`")?,
            start,
        })
    }

    /// Checks that an entry of `length` bytes can be this array, before memory is allocated for its numbers.
    ///
    /// # Errors
    /// If tensors do not have its type, or its shape needs more or fewer bytes.
    pub(super) fn check(&self, length: u64) -> anyhow::Result<()> {
        let element = self.element()?;
        let found = length.saturating_sub(self.start as u64);
        ensure!(
            element.array_bytes(&self.shape) == Some(found),
            "its header says shape {:?} and {} bytes a number, but {found} bytes follow it",
            self.shape,
            element.size()
        );
        Ok(())
    }

    fn element(&self) -> anyhow::Result<Element> {
        Ok(match self.kind.trim_start_matches(['<', '>', '|', '=']) {
            "b1" => Element::Bool,
            "u1" => Element::U8,
            "u2" => Element::U16,
            "u4" => Element::U32,
            "u8" => Element::U64,
            "i1" => Element::I8,
            "i2" => Element::I16,
            "i4" => Element::I32,
            "i8" => Element::I64,
            "f2" => Element::F16,
            "f4" => Element::F32,
            "f8" => Element::F64,
            _ => bail!(
                "it is of kind {}; convert features to float32 and labels to int64",
                self.kind
            ),
        })
    }
}

/// The tensor in a whole entry, in either byte order and either order of axes.
///
/// # Errors
/// If it is not an array, or its type is not one that tensors have.
pub(crate) fn tensor(mut bytes: Vec<u8>) -> anyhow::Result<Tensor> {
    let header = Header::read(&bytes)?;
    header.check(bytes.len() as u64)?;
    let element = header.element()?;
    let numbers = &mut bytes[header.start..];
    if header.kind.starts_with('>') {
        numbers.chunks_exact_mut(element.size()).for_each(<[u8]>::reverse);
    }
    let mut shape = header.shape;
    if !header.fortran_order {
        return Ok(element.tensor(numbers, &shape)?);
    }
    shape.reverse(); // Fortran's order is that of the transposed array
    let axes: Vec<i64> = (0..shape.len() as i64).rev().collect();
    Ok(element.tensor(numbers, &shape)?.f_permute(axes)?)
}

/// The rest after `sign`, which must come next.
fn after(sign: char, text: &str) -> anyhow::Result<&str> {
    let rest = text.trim_start().strip_prefix(sign);
    Ok(rest
        .with_context(|| format!("its header lacks a `{sign}`"))?
        .trim_start())
}

/// The text between quotation marks, and the rest after it.
fn quoted(text: &str) -> anyhow::Result<(&str, &str)> {
    let mark = text.chars().next().filter(|mark| "'\"".contains(*mark));
    let parts = mark.and_then(|mark| text[1..].split_once(mark));
    parts.context("its header lacks a quoted word")
}

/// A type of number, or the fields of a structure up to the closing bracket.
fn description(text: &str) -> anyhow::Result<(&str, &str)> {
    if !text.starts_with(['[', '(']) {
        return quoted(text);
    }
    let mut depth = 0;
    for (at, sign) in text.char_indices() {
        match sign {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(text.split_at(at + 1));
        }
    }
    bail!("its header lacks a closing bracket")
}

fn truth(text: &str) -> anyhow::Result<(bool, &str)> {
    let is_true = text.strip_prefix("True").map(|rest| (true, rest));
    is_true
        .or_else(|| text.strip_prefix("False").map(|rest| (false, rest)))
        .context("its header's `fortran_order` is neither True nor False")
}

/// Sizes between parentheses; Python 2 ended them with an L.
fn tuple(text: &str) -> anyhow::Result<(Vec<u64>, &str)> {
    let inside = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    let (sizes, rest) = inside.context("its header's `shape` is not a tuple")?;
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes = sizes.map(|size| size.trim_end_matches('L').parse());
    let sizes: Result<_, _> = sizes.collect();
    Ok((
        sizes.context("its header's `shape` has entries that are not sizes")?,
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    /// An entry with this header, in the first version of the format.
    fn entry(header: &str, numbers: &[u8]) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), numbers].concat()
    }

    fn refusal(header: &str, numbers: &[u8]) -> String {
        tensor(entry(header, numbers)).expect_err(header).to_string()
    }

    #[test]
    fn either_byte_order_and_order_of_axes_is_read() {
        let numbers = |header: &str, numbers: &[u8]| {
            let tensor = tensor(entry(header, numbers)).expect(header);
            (
                tensor.size(),
                Vec::<i64>::try_from(tensor.reshape(-1).to_kind(Kind::Int64)).expect("numbers"),
            )
        };
        let big = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }          \n";
        assert_eq!(
            numbers(big, &[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 0]),
            (vec![2, 3], vec![1, 3, 5, 2, 4, 256])
        );
        let python_2 = "{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"|u1\"}";
        assert_eq!(numbers(python_2, &[7, 9]), (vec![2], vec![7, 9]));
        assert_eq!(
            numbers("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", &[3]),
            (vec![], vec![1])
        );
    }

    #[test]
    fn sizes_that_are_not_there_are_refused_before_memory_is_taken() {
        let rows = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 64), }";
        assert_eq!(
            refusal(rows, &[0; 8]),
            "its header says shape [4611686018427387904, 64] and 4 bytes a number, but 8 bytes follow it"
        );
        let cut = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
        assert_eq!(
            refusal(cut, &[0; 8]),
            "its header says shape [3] and 4 bytes a number, but 8 bytes follow it"
        );
        let header = |length: &[u8]| [b"\x93NUMPY\x02\x00", length, b"{'descr'"].concat();
        let message = |length| tensor(header(length)).expect_err("cut").to_string();
        assert_eq!(message(&[255, 255, 0, 0]), "its header is cut short");
        assert_eq!(
            message(&[255; 4]),
            "its header is 4294967295 bytes long, more than any array of numbers needs"
        );
    }

    #[test]
    fn kinds_that_tensors_do_not_have_are_named() {
        let kinds = [
            ("'<c8'", "<c8"),
            ("'|O'", "|O"),
            ("'<U5'", "<U5"),
            ("'<f16'", "<f16"),
            (
                "[('x', '<f4'), ('y', '<i4', (2, 2))]",
                "[('x', '<f4'), ('y', '<i4', (2, 2))]",
            ),
        ];
        for (descr, kind) in kinds {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}");
            assert_eq!(
                refusal(&header, &[0; 8]),
                format!("it is of kind {kind}; convert features to float32 and labels to int64")
            );
        }
    }

    #[test]
    fn headers_that_are_no_dictionary_of_an_array_are_refused() {
        let cases = [
            ("", "its header lacks a `{`"),
            ("{", "its header lacks a quoted word"),
            ("{'shape'", "its header lacks a `:`"),
            ("{'shape': 3}", "its header's `shape` is not a tuple"),
            (
                "{'shape': (-1,)}",
                "its header's `shape` has entries that are not sizes",
            ),
            (
                "{'fortran_order': 1}",
                "its header's `fortran_order` is neither True nor False",
            ),
            ("{'descr': [[[[", "its header lacks a closing bracket"),
            ("{'order': 'C'}", "its header has the unknown entry `order`"),
            ("{}", "its header has no `descr`"),
        ];
        for (header, message) in cases {
            assert_eq!(refusal(header, &[]), message);
        }
        let foreign = tensor(b"PK\x03\x04".to_vec()).expect_err("no array");
        assert_eq!(foreign.to_string(), "it does not begin like a NumPy array");
    }
}
