//! NC1, variability collapse: within-class scatter against between-class scatter.

use tch::{Device, Kind, Tensor};

use crate::Statistics;
use crate::angles::{ROWS_AT_ONCE, sum};

/// Eigenvalues below this share of the largest are the null space. (The public code's pseudo-inverse cuts at 1e-15 in
/// f32, and so inverts rounding errors.)
const NULL_SPACE: f64 = 1e-10;

/// Squared distances below this share of the squared norms are rounding error.
const ROUNDING: f64 = 1e-14;

impl Statistics {
    /// `tr(Σ_W Σ_B⁺) / p` with `Σ_W = (1/n) Σ_i (h_i − μ_{y_i})(…)ᵀ` and `Σ_B = (1/p) Σ_k (μ_k − μ_G)(…)ᵀ`, where
    /// `μ_G` is the unweighted mean of the class means (Papyan, Han and Donoho 2020).
    pub fn variability_collapse(&self) -> f64 {
        trace_against_pseudo_inverse(&self.within_scatter, &self.centred) / self.samples
    }

    /// What the training loop of Liu et al. (2023) logs as NC1: `tr(S_W S_B⁺)` with sums instead of means,
    /// `S_W = Σ_i (h_i − μ_{y_i})(…)ᵀ` and `S_B = Σ_k n_k² (μ_k − h̄)(…)ᵀ`, where `h̄` is the mean of all samples. It
    /// depends on the class counts, so compare it only within one data set.
    pub fn variability_collapse_liu(&self) -> f64 {
        let weighted = (&self.means - &self.sample_mean) * self.counts.unsqueeze(-1);
        trace_against_pseudo_inverse(&self.within_scatter, &weighted)
    }

    /// `tr(Σ_W) / tr(Σ_B)`: needs no inverse.
    pub fn trace_quotient(&self) -> f64 {
        let within = sum(&self.class_scatter) / self.samples;
        within * self.present_classes() / sum(&self.centred.square())
    }

    /// Class-distance normalised variance (Galanti, György and Hutter 2022): mean over pairs of classes of
    /// `(v_j + v_k) / (2 ‖μ_j − μ_k‖²)`, with `v_k` the mean squared distance of class k to its mean. None if two class
    /// means coincide.
    pub fn class_distance_variance(&self) -> Option<f64> {
        let variances = self.within_variances();
        let squares = self.centred.square().sum_dim_intlist(-1, false, None::<Kind>);
        let classes = self.centred.size()[0];
        let mut total = 0.0;
        for start in (0..classes).step_by(ROWS_AT_ONCE as usize) {
            let rows = |tensor: &Tensor| tensor.narrow(0, start, ROWS_AT_ONCE.min(classes - start));
            let norms = rows(&squares).unsqueeze(-1) + &squares;
            let distances = &norms - rows(&self.centred).matmul(&self.centred.tr()) * 2.0;
            let distances = &distances * distances.ge_tensor(&(norms * ROUNDING)); // exactly 0 for coinciding means
            let _ = distances.diagonal(start, 0, 1).fill_(f64::INFINITY);
            total += sum(&((rows(&variances).unsqueeze(-1) + &variances) / 2.0 / distances));
        }
        let mean = total / (self.present_classes() * (self.present_classes() - 1.0));
        mean.is_finite().then_some(mean)
    }
}

/// `tr(A (RᵀR)⁺)` for a symmetric `A` `[d, d]` and rows `R` `[k, d]`, through the eigenvectors of `RRᵀ` or `RᵀR`,
/// whichever is smaller. They are found on the CPU.
fn trace_against_pseudo_inverse(matrix: &Tensor, rows: &Tensor) -> f64 {
    let (matrix, rows) = (matrix.to_device(Device::Cpu), rows.to_device(Device::Cpu));
    let by_rows = rows.size()[0] <= rows.size()[1];
    let gram = if by_rows {
        rows.matmul(&rows.tr())
    } else {
        rows.tr().matmul(&rows)
    };
    let (eigenvalues, vectors) = gram.linalg_eigh("L"); // ascending, vectors in columns
    let kept = eigenvalues
        .gt_tensor(&(eigenvalues.max() * NULL_SPACE))
        .nonzero()
        .squeeze_dim(-1);
    let eigenvalues = eigenvalues.index_select(0, &kept);
    let vectors = vectors.index_select(1, &kept).tr();
    // Row j: the unit eigenvector of RᵀR with eigenvalue λ_j, which is vᵀR / √λ_j for an eigenvector v of RRᵀ.
    let directions = if by_rows {
        vectors.matmul(&rows) / eigenvalues.sqrt().unsqueeze(-1)
    } else {
        vectors
    };
    let along = (directions.matmul(&matrix) * &directions).sum_dim_intlist(-1, false, None::<Kind>);
    sum(&(along / eigenvalues)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    #[test]
    fn the_trace_matches_the_explicit_pseudo_inverse_on_either_side() {
        tch::manual_seed(0);
        for (classes, dimension) in [(4, 9), (9, 4), (6, 6)] {
            let rows = Tensor::randn([classes, dimension], OPTIONS);
            let rows = &rows - rows.mean_dim(0, true, None::<Kind>);
            let factor = Tensor::randn([dimension, dimension], OPTIONS);
            let matrix = factor.matmul(&factor.tr());
            let expected = matrix
                .matmul(&rows.tr().matmul(&rows).linalg_pinv(1e-10, true))
                .trace()
                .double_value(&[]);
            assert!((trace_against_pseudo_inverse(&matrix, &rows) / expected - 1.0).abs() < 1e-9);
        }
    }
}
