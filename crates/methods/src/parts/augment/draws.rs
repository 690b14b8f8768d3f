//! Random draws of mixes.

use tch::{Device, Kind, Tensor};

/// A partner for each input: a permutation of the batch, `[b]`.
pub(super) fn random_partners(inputs: &Tensor) -> Tensor {
    Tensor::randperm(inputs.size()[0], (Kind::Int64, inputs.device()))
}

/// One draw from Beta(α, α), a scalar f32 on `device`: g / (g + g') of two Gamma(α) draws, in f64 because they underflow
/// f32 at small α.
pub(super) fn beta_draw(alpha: f64, device: Device) -> Tensor {
    let gammas = Tensor::full([2], alpha, (Kind::Double, device))
        .internal_standard_gamma()
        .clamp_min(1e-300);
    (gammas.get(0) / gammas.sum(Kind::Double)).to_kind(Kind::Float)
}
