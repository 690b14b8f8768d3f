//! The dot-regression loss for a fixed simplex ETF classifier (Yang et al. 2022).

use tch::{Kind, Tensor, no_grad};

/// Features shorter than this are divided by it instead of by their norm.
const SMALLEST_NORM: f64 = 1e-8;

/// What enters the dot product with the class's ETF vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum FeatureLength {
    /// `f = h / ‖h‖` (the public code's default; it applies a batch norm to h first).
    #[default]
    Unit,
    /// `f = h`.
    Own,
}

/// `(1/2b) Σ_i (m_{y_i}·f_i − ‖m_{y_i}‖ ‖f_i‖)² / ‖f_i‖ + norm_weight · (1/b) Σ_i ‖f_i‖`: scalar.
///
/// No gradient passes through the norms of the first sum; it passes through those of the second.
///
/// Shapes: features `[b, d]`, labels `[b]` i64, etf `[k, d]`, one row per class, of any length (scale it by
/// [`balanced_lengths`] for the code's `GivenEw`). Predict the class with the largest `m_k·f`. Source: Yang et al.
/// 2022, Eq. 6, as in `train.py` of `NeuralCollapseApplications/ImbalancedLearning`.
pub fn dot_regression(
    features: &Tensor,
    labels: &Tensor,
    etf: &Tensor,
    length: FeatureLength,
    norm_weight: f64,
) -> Tensor {
    let norms = |rows: &Tensor| rows.norm_scalaropt_dim(2, -1, false); // [b, d] → [b]
    let features = match length {
        FeatureLength::Unit => features / norms(features).clamp_min(SMALLEST_NORM).unsqueeze(-1),
        FeatureLength::Own => features.shallow_clone(),
    };
    let targets = etf.index_select(0, labels); // [b, d]
    let lengths = norms(&features);
    let constant_lengths = lengths.detach();
    let target_dots = no_grad(|| norms(&targets) * &constant_lengths);
    let dots = (&features * &targets).sum_dim_intlist(-1, false, None::<Kind>);
    let regression = ((dots - target_dots).square() / constant_lengths).mean(None::<Kind>) / 2.0;
    if norm_weight == 0.0 {
        regression
    } else {
        regression + lengths.mean(None::<Kind>) * norm_weight
    }
}

/// Lengths that give every class of a batch the same share: `sqrt(b / (p n_k))` for the p classes present, where `n_k`
/// counts the batch's samples of class k, and 1 for absent classes. Labels `[b]` i64 → `[k]`.
///
/// Source: `GivenEw` of `NeuralCollapseApplications/ImbalancedLearning`.
pub fn balanced_lengths(labels: &Tensor, classes: i64, kind: Kind) -> Tensor {
    let zeros = Tensor::zeros(classes, (kind, labels.device()));
    let counts = zeros.index_add(0, labels, &labels.ones_like().to_kind(kind));
    let present = counts.gt(0.0);
    let lengths = (labels.numel() as f64 / (&counts * present.sum(kind))).sqrt();
    lengths.where_self(&present, &counts.ones_like())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::simplex_etf;

    #[test]
    fn features_along_their_class_vector_have_no_loss_and_others_have() {
        let etf = simplex_etf(4, 6, Kind::Double, Device::Cpu).expect("4 is at most 7");
        let labels = Tensor::from_slice(&[0_i64, 1, 2, 3]);
        let aligned = &etf * 7.0;
        for length in [FeatureLength::Unit, FeatureLength::Own] {
            assert!(
                dot_regression(&aligned, &labels, &etf, length, 0.0)
                    .double_value(&[])
                    .abs()
                    < 1e-12
            );
            assert!(dot_regression(&-&aligned, &labels, &etf, length, 0.0).double_value(&[]) > 1.0);
        }
    }

    #[test]
    fn the_norm_term_reaches_the_gradient_and_the_regression_norms_do_not() {
        let etf = simplex_etf(2, 3, Kind::Double, Device::Cpu).expect("2 is at most 4");
        let labels = Tensor::from_slice(&[0_i64, 1]);
        let features = (&etf * 2.0).detach().set_requires_grad(true);
        dot_regression(&features, &labels, &etf, FeatureLength::Own, 0.5).backward();
        // Aligned features: the regression is at its minimum, the norm term pulls along the unit vector, 0.5 / b.
        assert!((features.grad() - &etf * 0.25).abs().max().double_value(&[]) < 1e-12);
    }

    #[test]
    fn balanced_lengths_give_each_present_class_the_same_sum_of_squares() {
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 2]);
        let lengths = balanced_lengths(&labels, 3, Kind::Double);
        let expected = Tensor::from_slice(&[(2.0_f64 / 3.0).sqrt(), 1.0, 2.0_f64.sqrt()]);
        assert!((lengths - expected).abs().max().double_value(&[]) < 1e-12);
    }
}
