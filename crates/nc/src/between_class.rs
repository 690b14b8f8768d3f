//! The between-class term (NC2): it widens the angles between centres, seen from their mean.

use tch::{Kind, Tensor, no_grad};

use crate::BetweenClass;

/// Cosines are clamped to ± this, where the derivative of the arccosine is finite (public code).
const LARGEST_COSINE: f64 = 0.99999;

/// Vectors shorter than this are divided by it instead of by their norm.
const SMALLEST_NORM: f64 = 1e-12;

/// Rows of the cosine matrix computed at a time in the search for nearest neighbours: 8142 classes need 33 MB, not 265.
const ROWS_AT_ONCE: i64 = 1024;

/// Between-class term of the centres: minus an angle in radians for `V0` (Liu et al. 2023, Eq. 15) and `V1` (Eq. 14),
/// the norm of the cosine matrix for `V2`; see [`BetweenClass`]. The minimum of `V0` and `V1` is `−arccos(−1/(k−1))`,
/// attained by a simplex ETF if one fits, `d ≥ k − 1`.
///
/// Shapes: centres `[k, d]`, `k ≥ 2` → scalar. The gradient passes through the mean of the centres as well, and is zero
/// where a cosine is beyond ±0.99999. Autograd does not record the search for nearest neighbours, so backward costs
/// `k·d` for `V0` and `V1`.
pub fn between_class(centres: &Tensor, version: BetweenClass) -> Tensor {
    let directions = directions(centres);
    match version {
        BetweenClass::V0 => -nearest_cosines(&directions).acos().mean(None::<Kind>),
        BetweenClass::V1 => -nearest_cosines(&directions).max().acos(),
        BetweenClass::V2 => cosine_norm(&directions),
    }
}

/// Largest cosine between two centres seen from their mean, clamped to ±0.99999 as in the public code's log: scalar.
pub fn largest_cosine(centres: &Tensor) -> Tensor {
    nearest_cosines(&directions(centres)).max()
}

/// Unit vectors from the mean of the centres to each of them, `[k, d]`.
fn directions(centres: &Tensor) -> Tensor {
    let centred = centres - centres.mean_dim(0, true, None::<Kind>);
    let norms = centred.norm_scalaropt_dim(2, -1, true);
    centred / norms.clamp_min(SMALLEST_NORM)
}

/// Cosine of each unit vector with its nearest other one, `[k]`, clamped to ±0.99999.
fn nearest_cosines(directions: &Tensor) -> Tensor {
    let classes = directions.size()[0];
    assert!(
        classes >= 2,
        "angles between classes need at least 2 of them, not {classes}"
    );
    let neighbours = no_grad(|| {
        let rows = (0..classes).step_by(ROWS_AT_ONCE as usize).map(|start| {
            let count = ROWS_AT_ONCE.min(classes - start);
            let cosines = directions.narrow(0, start, count).matmul(&directions.tr());
            // -2 on the diagonal: a class must not be its own nearest neighbour, not even one of two at -1.
            let _ = cosines.narrow(1, start, count).diagonal(0, 0, 1).fill_(-2.0);
            cosines.argmax(1, false)
        });
        Tensor::cat(&rows.collect::<Vec<_>>(), 0)
    });
    let cosines = (directions * directions.index_select(0, &neighbours)).sum_dim_intlist(-1, false, None::<Kind>);
    cosines.clamp(-LARGEST_COSINE, LARGEST_COSINE)
}

/// Frobenius norm of the cosine matrix with `−1/(k−1)` in place of its diagonal.
fn cosine_norm(directions: &Tensor) -> Tensor {
    let (classes, dimension) = directions.size2().expect("centres are a matrix");
    let diagonal_squares = classes as f64 / ((classes - 1) as f64).powi(2);
    let off_diagonal_squares = if classes <= dimension {
        let cosines = directions.matmul(&directions.tr());
        let diagonal = cosines.diagonal(0, 0, 1).diag_embed(0, 0, 1);
        (cosines - diagonal).square().sum(None::<Kind>)
    } else {
        // ‖UUᵀ‖ = ‖UᵀU‖, and the second matrix is the smaller one.
        let diagonal = directions.square().sum_dim_intlist(-1, false, None::<Kind>);
        directions.tr().matmul(directions).square().sum(None::<Kind>) - diagonal.square().sum(None::<Kind>)
    };
    (off_diagonal_squares + diagonal_squares).sqrt()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::simplex_etf;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);
    const VERSIONS: [BetweenClass; 3] = [BetweenClass::V0, BetweenClass::V1, BetweenClass::V2];

    fn value(centres: &Tensor, version: BetweenClass) -> f64 {
        between_class(centres, version).double_value(&[])
    }

    /// Value and gradient, both checked to be finite.
    fn finite(centres: &Tensor, version: BetweenClass) -> (f64, Tensor) {
        let centres = centres.detach().set_requires_grad(true);
        let loss = between_class(&centres, version);
        loss.backward();
        let gradient = centres.grad();
        assert_eq!(gradient.isfinite().all().int64_value(&[]), 1, "{version:?}: {gradient}");
        let loss = loss.double_value(&[]);
        assert!(loss.is_finite(), "{version:?}");
        (loss, gradient)
    }

    #[test]
    fn rotating_moving_and_scaling_the_centres_changes_nothing() {
        tch::manual_seed(1);
        let centres = Tensor::randn([7, 5], OPTIONS);
        let (turn, _) = Tensor::linalg_qr(&Tensor::randn([5, 5], OPTIONS), "reduced");
        for version in VERSIONS {
            let base = value(&centres, version);
            assert!((value(&centres.matmul(&turn), version) - base).abs() < 1e-12);
            assert!((value(&(&centres + Tensor::randn(5, OPTIONS)), version) - base).abs() < 1e-12);
            assert!((value(&(&centres * 1e4), version) - base).abs() < 1e-12);
        }
    }

    #[test]
    fn two_centres_are_always_opposite_and_have_no_gradient() {
        let centres = Tensor::randn([2, 3], OPTIONS);
        for version in [BetweenClass::V0, BetweenClass::V1] {
            let (loss, gradient) = finite(&centres, version);
            assert!((loss + (-LARGEST_COSINE).acos()).abs() < 1e-12);
            assert!(gradient.abs().max().double_value(&[]) < f64::MIN_POSITIVE);
        }
    }

    #[test]
    fn coinciding_centres_have_finite_values_and_gradients() {
        let one = Tensor::randn([1, 4], OPTIONS);
        for kind in [Kind::Float, Kind::Double] {
            for centres in [
                one.repeat([3, 1]),
                Tensor::zeros([3, 4], OPTIONS),
                Tensor::ones([5, 2], OPTIONS) * 0.1,
            ] {
                for version in VERSIONS {
                    let _ = finite(&centres.to_kind(kind), version);
                }
            }
        }
    }

    #[test]
    fn huge_and_tiny_centres_have_finite_values_and_gradients() {
        let centres = Tensor::randn([6, 4], OPTIONS);
        for version in VERSIONS {
            for scale in [1e-37, 1e-20, 1e15, 1e30] {
                let _ = finite(&(&centres * scale).to_kind(Kind::Float), version);
            }
        }
    }

    #[test]
    fn the_cosine_norm_does_not_depend_on_which_gram_matrix_is_formed() {
        let centres = Tensor::randn([9, 4], OPTIONS);
        let (narrow, narrow_gradient) = finite(&centres, BetweenClass::V2);
        let (wide, wide_gradient) = finite(&centres.constant_pad_nd([0, 20]), BetweenClass::V2);
        assert!((narrow - wide).abs() < 1e-12);
        assert!(
            (narrow_gradient - wide_gradient.narrow(1, 0, 4))
                .abs()
                .max()
                .double_value(&[])
                < 1e-12
        );
    }

    #[test]
    fn v2_has_its_closed_form_value_on_a_simplex_and_on_opposite_pairs() {
        let simplex = simplex_etf(5, 8, OPTIONS.0, OPTIONS.1).expect("5 is at most 9");
        let cross = Tensor::cat(&[Tensor::eye(4, OPTIONS), -Tensor::eye(4, OPTIONS)], 0);
        assert!((value(&simplex, BetweenClass::V2) - (20.0 / 16.0 + 5.0 / 16.0_f64).sqrt()).abs() < 1e-12);
        assert!((value(&cross, BetweenClass::V2) - (8.0 + 8.0 / 49.0_f64).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn nearest_neighbours_found_in_blocks_match_the_whole_matrix() {
        tch::manual_seed(2);
        let centres = Tensor::randn([ROWS_AT_ONCE + 100, 3], OPTIONS);
        let directions = directions(&centres);
        let cosines = directions.matmul(&directions.tr()) - Tensor::eye(ROWS_AT_ONCE + 100, OPTIONS) * 3.0;
        let nearest = cosines.amax(-1, false).clamp(-LARGEST_COSINE, LARGEST_COSINE);
        let expected = -nearest.acos().mean(Kind::Double).double_value(&[]);
        assert!((value(&centres, BetweenClass::V0) - expected).abs() < 1e-12);
        assert!((largest_cosine(&centres) - nearest.max()).double_value(&[]).abs() < 1e-12);
    }

    #[test]
    fn descending_v0_reaches_the_simplex() {
        tch::manual_seed(3);
        let mut centres = Tensor::randn([4, 3], OPTIONS).set_requires_grad(true);
        for step in 0..3000 {
            between_class(&centres, BetweenClass::V0).backward();
            let rate = 0.5 * (1.0 - f64::from(step) / 3000.0);
            no_grad(|| {
                let _ = centres.g_sub_(&(centres.grad() * rate));
            });
            centres.zero_grad();
        }
        assert!((value(&centres, BetweenClass::V0) + (-1.0_f64 / 3.0).acos()).abs() < 5e-3);
    }
}
