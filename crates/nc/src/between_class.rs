//! The between-class term (NC2): the angles between centres, seen from their mean, are opened.

use tch::{Kind, Tensor, no_grad};

use crate::BetweenClass;

/// Cosines are kept this far inside −1..1, where the derivative of the arccosine is finite (public code).
const LARGEST_COSINE: f64 = 0.99999;

/// Shorter vectors are divided by this instead of by their norm.
const SMALLEST_NORM: f64 = 1e-12;

/// Rows of the cosine matrix computed at a time when looking for nearest neighbours: 8142 classes need 33 MB, not 265.
const ROWS_AT_ONCE: i64 = 1024;

/// Between-class term of the centres: minus an angle in radians for `V0` (Liu et al. 2023, Eq. 15) and `V1` (Eq. 14),
/// the norm of the cosine matrix for `V2`; see [`BetweenClass`]. The least value of `V0` and `V1` is
/// `−arccos(−1/(k−1))`, attained by a simplex ETF if it fits, `d ≥ k − 1`.
///
/// Shapes: centres `[k, d]`, `k ≥ 2` → scalar. The gradient passes through the mean of the centres as well, and is
/// zero where a cosine is beyond ±0.99999. The search for nearest neighbours leaves no graph behind, so that backward
/// costs `k·d` for `V0` and `V1`.
pub fn between_class(centres: &Tensor, version: BetweenClass) -> Tensor {
    let directions = directions(centres);
    match version {
        BetweenClass::V0 => -nearest_cosines(&directions).acos().mean(None::<Kind>),
        BetweenClass::V1 => -nearest_cosines(&directions).max().acos(),
        BetweenClass::V2 => cosine_norm(&directions),
    }
}

/// Largest cosine between two centres seen from their mean, within ±0.99999 as in the public code's log: scalar.
pub fn largest_cosine(centres: &Tensor) -> Tensor {
    nearest_cosines(&directions(centres)).max()
}

/// Unit vectors from the mean of the centres to each of them, `[k, d]`.
fn directions(centres: &Tensor) -> Tensor {
    let centred = centres - centres.mean_dim(0, true, None::<Kind>);
    let norms = centred.norm_scalaropt_dim(2, -1, true);
    centred / norms.clamp_min(SMALLEST_NORM)
}

/// Cosine of each unit vector with its nearest other one, `[k]`, within ±0.99999.
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
