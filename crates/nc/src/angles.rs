//! NC2, convergence to a simplex: lengths of class vectors, and the angles between them.

use tch::{Kind, Tensor};

use crate::{Error, Statistics, check};

/// Rows of a class-by-class matrix computed at a time: bounded memory for thousands of classes.
pub(crate) const ROWS_AT_ONCE: i64 = 1024;

impl Statistics {
    /// Angles between the centred means of the present classes in degrees, `[p, p]`, with 0 on the diagonal.
    pub fn angles_degrees(&self) -> Tensor {
        let unit = unit_rows(&self.centred);
        let angles = unit.matmul(&unit.tr()).clamp(-1.0, 1.0).acos().rad2deg();
        let _ = angles.diagonal(0, 0, 1).fill_(0.0);
        angles
    }

    /// NC5: mean over classes of the absolute cosine between the class mean (not centred) and the mean of features
    /// `[n, d]` of foreign images. 0 when these are orthogonal to all classes (Ammar et al., ICLR 2024).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the features.
    pub fn foreign_cosine(&self, features: &Tensor) -> Result<f64, Error> {
        check::matrix(
            "features of foreign images",
            features,
            [None, Some(self.means.size()[1])],
        )?;
        let foreign = features.to_device(self.means.device()).mean_dim(0, true, Kind::Double); // [1, d]
        let cosines = (unit_rows(&self.means) * unit_rows(&foreign)).sum_dim_intlist(-1, false, None::<Kind>);
        Ok(sum(&cosines.abs()) / self.present_classes())
    }
}

/// Squared distances between unit vectors below this are rounding error.
const ROUNDING: f64 = 1e-14;

/// Angles and distances between the directions of `[k, d]` vectors, over all pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pairs {
    /// Largest cosine of a pair.
    pub(crate) largest_cosine: f64,
    /// Mean angle of a pair, radians.
    pub(crate) mean_angle: f64,
    /// Mean over vectors of the angle to the nearest other one, radians.
    pub(crate) mean_nearest_angle: f64,
    /// Mean over pairs of `|cos + 1/(k−1)|`.
    pub(crate) equiangularity: f64,
    /// Mean and variance over pairs of the distance between unit vectors.
    pub(crate) distance: (f64, f64),
    /// Mean and variance over pairs of minus the logarithm of that distance; None if two directions coincide.
    pub(crate) log_distance: Option<(f64, f64)>,
}

impl Pairs {
    /// Measures the rows of `vectors` `[k, d]`; a row of zeros counts as orthogonal to all others.
    pub(crate) fn of(vectors: &Tensor) -> Self {
        let classes = vectors.size()[0];
        let simplex_cosine = -1.0 / (classes as f64 - 1.0);
        let unit = unit_rows(vectors);
        let mut largest_cosine = -1.0_f64;
        let mut sums = [0.0; 7];
        for start in (0..classes).step_by(ROWS_AT_ONCE as usize) {
            let rows = unit.narrow(0, start, ROWS_AT_ONCE.min(classes - start));
            let cosines = off_diagonal(&rows.matmul(&unit.tr()), start).clamp(-1.0, 1.0); // [r, k-1]
            let nearest = cosines.amax(-1, false);
            largest_cosine = largest_cosine.max(nearest.max().double_value(&[]));
            let squares = &cosines * -2.0 + 2.0;
            let distances = (&squares * squares.ge(ROUNDING)).sqrt(); // exactly 0 for coinciding directions
            let potentials = -distances.log();
            let parts = [
                cosines.acos(),
                nearest.acos(),
                (&cosines - simplex_cosine).abs(),
                distances.shallow_clone(),
                squares,
                potentials.shallow_clone(),
                potentials.square(),
            ];
            for (total, part) in sums.iter_mut().zip(&parts) {
                *total += sum(part);
            }
        }
        let pairs = classes as f64 * (classes as f64 - 1.0); // each counted in both orders
        let moments = |sum: f64, squares: f64| (sum / pairs, (squares / pairs - (sum / pairs).powi(2)).max(0.0));
        let log_distance = moments(sums[5], sums[6]);
        Pairs {
            largest_cosine,
            mean_angle: sums[0] / pairs,
            mean_nearest_angle: sums[1] / classes as f64,
            equiangularity: sums[2] / pairs,
            distance: moments(sums[3], sums[4]),
            log_distance: log_distance.0.is_finite().then_some(log_distance),
        }
    }
}

/// Index of the nearest other row by angle, `[k]` i64, and the cosine with it, `[k]`.
pub(crate) fn nearest_rows(vectors: &Tensor) -> (Tensor, Tensor) {
    let classes = vectors.size()[0];
    let unit = unit_rows(vectors);
    let (cosines, indices): (Vec<_>, Vec<_>) = (0..classes)
        .step_by(ROWS_AT_ONCE as usize)
        .map(|start| {
            let count = ROWS_AT_ONCE.min(classes - start);
            let cosines = unit.narrow(0, start, count).matmul(&unit.tr());
            let _ = cosines.diagonal(start, 0, 1).fill_(-2.0);
            cosines.max_dim(-1, false)
        })
        .unzip();
    (Tensor::cat(&indices, 0), Tensor::cat(&cosines, 0).clamp(-1.0, 1.0))
}

/// Frobenius distance of `LRᵀ`, scaled to norm 1, from the scaled Gram matrix of a simplex,
/// `(I − 11ᵀ/k) / √(k−1)`; accurate to about 1e-8. `L` and `R` are `[k, d]`. The `k × k` matrix is formed only when
/// it is smaller than `d × d`. None if `LRᵀ` is zero.
pub(crate) fn simplex_distance(left: &Tensor, right: &Tensor) -> Option<f64> {
    let (classes, dimension) = (left.size()[0], left.size()[1]);
    let (left, right) = (&scaled_to_one(left), &scaled_to_one(right)); // no square below overflows
    let column_sums = |rows: &Tensor| rows.sum_dim_intlist(0, false, None::<Kind>);
    let trace = sum(&(left * right));
    let total = sum(&(column_sums(left) * column_sums(right)));
    let norm = if classes <= dimension {
        sum(&left.matmul(&right.tr()).square()).sqrt()
    } else {
        sum(&(left.tr().matmul(left) * right.tr().matmul(right))).sqrt()
    };
    let cosine = (trace - total / classes as f64) / (classes as f64 - 1.0).sqrt() / norm;
    (norm > 0.0).then(|| (2.0 - 2.0 * cosine).max(0.0).sqrt())
}

/// Mean and unbiased standard deviation of a vector of norms.
pub(crate) fn mean_and_deviation(norms: &Tensor) -> (f64, f64) {
    (
        norms.mean(Kind::Double).double_value(&[]),
        norms.std(true).double_value(&[]),
    )
}

/// Rows divided by their norms; rows of zeros stay.
pub(crate) fn unit_rows(vectors: &Tensor) -> Tensor {
    vectors / vectors.norm_scalaropt_dim(2, -1, true).clamp_min(f64::MIN_POSITIVE)
}

/// The matrix divided by its Frobenius norm; zeros stay.
pub(crate) fn scaled_to_one(matrix: &Tensor) -> Tensor {
    matrix / matrix.norm().clamp_min(f64::MIN_POSITIVE)
}

/// Sum of all entries.
pub(crate) fn sum(tensor: &Tensor) -> f64 {
    tensor.sum(Kind::Double).double_value(&[])
}

/// Rows `start..` of a square matrix without their diagonal entries: `[r, k]` → `[r, k-1]`.
fn off_diagonal(rows: &Tensor, start: i64) -> Tensor {
    let (count, classes) = (rows.size()[0], rows.size()[1]);
    let columns = Tensor::arange(classes - 1, (Kind::Int64, rows.device())); // [k-1]
    let own = Tensor::arange_start(start, start + count, (Kind::Int64, rows.device())).unsqueeze(-1); // [r, 1]
    let columns = &columns + columns.ge_tensor(&own).to_kind(Kind::Int64); // [r, k-1]: skips the row's own column
    rows.gather(1, &columns, false)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    #[test]
    fn pairs_computed_in_blocks_match_the_whole_matrix() {
        tch::manual_seed(0);
        let classes = ROWS_AT_ONCE + 200;
        let vectors = Tensor::randn([classes, 3], OPTIONS);
        let unit = unit_rows(&vectors);
        let cosines = unit.matmul(&unit.tr()).clamp(-1.0, 1.0);
        let own = Tensor::eye(classes, OPTIONS);
        let pairs = (classes * (classes - 1)) as f64;
        let whole = Pairs::of(&vectors);
        let off_diagonal = 1.0 - &own;
        let equiangularity = sum(&((&cosines + 1.0 / (classes - 1) as f64).abs() * &off_diagonal)) / pairs;
        let nearest = (&cosines - &own * 3.0).amax(-1, false);
        assert!((whole.largest_cosine - nearest.max().double_value(&[])).abs() < 1e-12);
        assert!((whole.equiangularity - equiangularity).abs() < 1e-12);
        assert!((whole.mean_angle - sum(&(cosines.acos() * off_diagonal)) / pairs).abs() < 1e-12);
        assert!((whole.mean_nearest_angle - sum(&nearest.acos()) / classes as f64).abs() < 1e-12);
        let (indices, cosines) = nearest_rows(&vectors);
        assert_eq!(indices, (unit.matmul(&unit.tr()) - own * 3.0).argmax(-1, false));
        assert!((cosines - nearest).abs().max().double_value(&[]) < 1e-12);
    }

    #[test]
    fn the_simplex_distance_does_not_depend_on_which_gram_matrix_is_formed() {
        let (left, right) = (Tensor::randn([9, 5], OPTIONS), Tensor::randn([9, 5], OPTIONS));
        let padded = |rows: &Tensor| rows.constant_pad_nd([0, 20]);
        let narrow = simplex_distance(&left, &right).expect("random rows");
        let wide = simplex_distance(&padded(&left), &padded(&right)).expect("random rows");
        assert!((narrow - wide).abs() < 1e-12);
    }

    #[test]
    fn coinciding_directions_have_no_mean_log_distance() {
        let vectors = Tensor::from_slice2(&[[1.0_f64, 0.0], [2.0, 0.0], [0.0, 1.0]]);
        let pairs = Pairs::of(&vectors);
        assert_eq!(pairs.log_distance, None);
        assert!((pairs.largest_cosine - 1.0).abs() < 1e-12);
    }
}
