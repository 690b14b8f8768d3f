//! How evenly a classifier's rows are spread.

use tch::{Kind, Tensor};

/// Classifier uniformity term `(1/k) Σ_k Σ_{j≠k} ln(1 + exp(w_k·w_j))`, rows scaled to unit length: scalar.
///
/// Shapes: weight `[k, d]`. Rows at larger angles have a lower value; a simplex ETF has the lowest where one fits.
/// Source: the term between classifier vectors of BCE3S (AAAI 2026).
pub fn classifier_uniformity(weight: &Tensor) -> Tensor {
    let rows = weight / weight.norm_scalaropt_dim(2, -1, true).clamp_min(1e-12);
    let repulsion = rows.matmul(&rows.tr()).softplus(); // [k, k]
    let own = repulsion.diagonal(0, 0, 1).sum(None::<Kind>);
    (repulsion.sum(None::<Kind>) - own) / weight.size()[0] as f64
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::simplex_etf;

    #[test]
    fn a_simplex_has_the_closed_form_value_and_random_rows_a_higher_one() {
        let etf = simplex_etf(10, 16, Kind::Double, Device::Cpu).expect("10 is at most 17") * 3.0;
        let least = 9.0 * (1.0 + (-1.0_f64 / 9.0).exp()).ln();
        assert!((classifier_uniformity(&etf).double_value(&[]) - least).abs() < 1e-12);
        let random = Tensor::randn([10, 16], (Kind::Double, Device::Cpu));
        assert!(classifier_uniformity(&random).double_value(&[]) > least);
    }

    #[test]
    fn descending_the_term_widens_the_angles() {
        tch::manual_seed(0);
        let mut weight = Tensor::randn([4, 3], (Kind::Double, Device::Cpu)).set_requires_grad(true);
        for _ in 0..2000 {
            classifier_uniformity(&weight).backward();
            tch::no_grad(|| {
                let _ = weight.g_sub_(&weight.grad());
            });
            weight.zero_grad();
        }
        let rows = &weight / weight.norm_scalaropt_dim(2, -1, true);
        let cosines = rows.matmul(&rows.tr()) - Tensor::eye(4, (Kind::Double, Device::Cpu)) * 2.0;
        assert!((cosines.max().double_value(&[]) + 1.0 / 3.0).abs() < 1e-3);
    }
}
