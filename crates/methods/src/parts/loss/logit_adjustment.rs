//! Terms and temperatures of logits that follow from the class counts.

use tch::{Kind, Tensor};

/// τ ln π_k, `[k]`, from class counts `[k]` (Menon et al. 2021, Eq. 10). Deviation: public ports compute ln(π_k^τ +
/// 1e-12) to guard against empty classes, which no split has here.
pub fn prior_adjustment(class_counts: &Tensor, tau: f64) -> Tensor {
    (class_counts / class_counts.sum(None::<Kind>)).log() * tau
}

/// Temperatures (n_max / n_k)^γ ≥ 1, `[k]`, from class counts `[k]` (CDT, Ye et al. 2020; VS, Kini et al. 2021).
pub fn class_temperatures(class_counts: &Tensor, gamma: f64) -> Tensor {
    (class_counts.max() / class_counts).pow_tensor_scalar(gamma)
}
