//! The simplex equiangular tight frame: the geometry that class means and classifier rows collapse to.

use tch::{Device, Kind, Tensor};

use crate::Error;

/// `k` unit vectors in `d` dimensions whose cosines are all `−1/(k−1)`, randomly rotated: `[k, d]`.
///
/// Rows are `sqrt(k/(k−1)) · B Uᵀ`, where B `[k, k−1]` is an orthonormal basis of the vectors that sum to zero (the
/// Helmert basis) and U `[d, k−1]` a uniformly random orthonormal frame, drawn from libtorch's generator. Such vectors
/// exist for every `k ≤ d + 1`; the usual `U (I − 11ᵀ/k)` (Yang et al. 2022) needs `k ≤ d`. Computed in f64.
///
/// # Errors
/// [`Error::TooFewClasses`] below two, [`Error::NoSimplex`] where `k > d + 1`: truncating the frame there, as the
/// public code of Liu et al. (2023) does, leaves vectors at unequal angles.
pub fn simplex_etf(classes: i64, dimension: i64, kind: Kind, device: Device) -> Result<Tensor, Error> {
    if classes < 2 {
        return Err(Error::TooFewClasses { classes });
    }
    if classes > dimension + 1 {
        return Err(Error::NoSimplex { classes, dimension });
    }
    let gaussian = Tensor::randn([dimension, classes - 1], (Kind::Double, Device::Cpu));
    let (frame, upper) = Tensor::linalg_qr(&gaussian, "reduced");
    let frame = frame * upper.diagonal(0, 0, 1).sign(); // without this the frame would not be uniform
    let scale = (classes as f64 / (classes as f64 - 1.0)).sqrt();
    Ok((helmert_basis(classes).matmul(&frame.tr()) * scale)
        .to_kind(kind)
        .to_device(device))
}

/// Column j is `(1, …, 1, −j, 0, …, 0) / sqrt(j (j+1))` with j ones, j = 1..k−1: `[k, k−1]`.
fn helmert_basis(classes: i64) -> Tensor {
    let ones = Tensor::ones([classes, classes - 1], (Kind::Double, Device::Cpu)).triu(0);
    let index = Tensor::arange_start(1, classes, (Kind::Double, Device::Cpu)); // [k-1]
    let below = (-&index).diag_embed(-1, 0, 1).narrow(1, 0, classes - 1); // [k, k-1]
    (ones + below) / (&index * (&index + 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BetweenClass, between_class};

    fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
        (one - other).abs().max().double_value(&[])
    }

    #[test]
    fn rows_are_unit_vectors_at_equal_and_largest_angles_for_every_k_up_to_d_plus_1() {
        for (classes, dimension) in [(2, 1), (2, 5), (3, 2), (10, 9), (10, 10), (10, 64), (65, 64)] {
            let etf = simplex_etf(classes, dimension, Kind::Double, Device::Cpu).expect("k is at most d + 1");
            assert_eq!(etf.size(), [classes, dimension]);
            let cosine = -1.0 / (classes as f64 - 1.0);
            let expected = Tensor::eye(classes, (Kind::Double, Device::Cpu)) * (1.0 - cosine) + cosine;
            assert!(
                largest_difference(&etf.matmul(&etf.tr()), &expected) < 1e-12,
                "k = {classes}, d = {dimension}"
            );
        }
    }

    #[test]
    fn a_simplex_that_does_not_fit_is_refused_with_the_dimension_it_needs() {
        let error = simplex_etf(100, 64, Kind::Float, Device::Cpu).expect_err("99 dimensions are needed");
        assert_eq!(
            error.to_string(),
            "a simplex of 100 classes does not fit in 64 dimensions; use at least 99 dimensions"
        );
        assert_eq!(
            simplex_etf(1, 64, Kind::Float, Device::Cpu),
            Err(Error::TooFewClasses { classes: 1 })
        );
    }

    #[test]
    fn two_draws_are_rotations_of_each_other_but_not_equal() {
        let draw = || simplex_etf(5, 8, Kind::Double, Device::Cpu).expect("5 is at most 9");
        let (one, other) = (draw(), draw());
        assert!(largest_difference(&one, &other) > 1e-3);
        assert!(largest_difference(&one.matmul(&one.tr()), &other.matmul(&other.tr())) < 1e-12);
    }

    #[test]
    fn a_simplex_attains_the_least_value_of_the_between_class_term() {
        for classes in [3, 10, 65] {
            let etf = simplex_etf(classes, 64, Kind::Double, Device::Cpu).expect("k is at most 65");
            let least = -(-1.0 / (classes as f64 - 1.0)).acos();
            for version in [BetweenClass::V0, BetweenClass::V1] {
                assert!((between_class(&etf, version).double_value(&[]) - least).abs() < 1e-12);
                let other = Tensor::randn([classes, 64], (Kind::Double, Device::Cpu));
                assert!(between_class(&other, version).double_value(&[]) > least);
            }
        }
    }
}
