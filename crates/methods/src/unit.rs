//! Unit vectors.

use tch::Tensor;

/// Slices along `dim` divided by their length, which is clamped at 1e-12 (PyTorch's `normalize`).
pub(crate) fn normalized(tensor: &Tensor, dim: i64) -> Tensor {
    let length = tensor
        .norm_scalaropt_dim_dtype(2, dim, true, tensor.kind())
        .clamp_min(1e-12);
    tensor / length
}
