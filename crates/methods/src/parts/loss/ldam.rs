//! Label-distribution-aware margins.

use tch::Tensor;

/// Margins m_k = `max_margin` · n_k^(−1/4) / max_j n_j^(−1/4), `[k]`, from class counts `[k]` (Cao et al. 2019, Eq. 13).
pub fn ldam_margins(class_counts: &Tensor, max_margin: f64) -> Tensor {
    let margins = class_counts.pow_tensor_scalar(-0.25);
    &margins * (margins.max().reciprocal() * max_margin)
}
