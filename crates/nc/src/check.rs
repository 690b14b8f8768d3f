//! Checks of the caller's input: the numerics behind them rely on its shapes and ranges.

use tch::{Kind, Tensor};

use crate::Error;

/// Accepts features `[n, d]` of a floating-point kind without NaN or infinity, with labels `[n]` i64 in `0..classes`.
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

/// Accepts a finite floating-point matrix of these sizes, `None` for any.
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

/// Accepts a floating-point tensor without NaN or infinity.
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
