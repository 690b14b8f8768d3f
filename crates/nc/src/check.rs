//! Validation of arguments, so that the numerical code can rely on shapes and ranges.

use tch::{Kind, Tensor};

use crate::Error;

/// Features `[n, d]` of a floating kind without NaN or infinity, labels `[n]` i64 in `0..classes`.
pub(crate) fn batch(features: &Tensor, labels: &Tensor, classes: i64, dimension: i64) -> Result<(), Error> {
    matrix("features", features, [None, Some(dimension)])?;
    if labels.size() != [features.size()[0]] {
        let expected = format!("[{}], one per feature vector", features.size()[0]);
        return Err(Error::Shape {
            what: "labels",
            expected,
            found: labels.size(),
        });
    }
    if labels.kind() != Kind::Int64 {
        return Err(Error::Kind {
            what: "labels",
            expected: "i64",
            found: format!("{:?}", labels.kind()),
        });
    }
    if labels.numel() > 0 {
        for label in [labels.min().int64_value(&[]), labels.max().int64_value(&[])] {
            if !(0..classes).contains(&label) {
                return Err(Error::LabelOutOfRange { label, classes });
            }
        }
    }
    Ok(())
}

/// A finite floating matrix with the sizes that are given.
pub(crate) fn matrix(what: &'static str, matrix: &Tensor, sizes: [Option<i64>; 2]) -> Result<(), Error> {
    let found = matrix.size();
    let fits = found.len() == 2
        && found
            .iter()
            .zip(sizes)
            .all(|(found, size)| size.is_none_or(|size| size == *found));
    if !fits {
        let [rows, columns] = sizes.map(|size| size.map_or("any".to_owned(), |size| size.to_string()));
        return Err(Error::Shape {
            what,
            expected: format!("a matrix [{rows}, {columns}]"),
            found,
        });
    }
    finite(what, matrix)
}

/// A floating tensor without NaN or infinity.
pub(crate) fn finite(what: &'static str, tensor: &Tensor) -> Result<(), Error> {
    if !tensor.is_floating_point() {
        return Err(Error::Kind {
            what,
            expected: "a floating kind",
            found: format!("{:?}", tensor.kind()),
        });
    }
    if tensor.isfinite().all().int64_value(&[]) == 0 {
        return Err(Error::NotFinite { what });
    }
    Ok(())
}
