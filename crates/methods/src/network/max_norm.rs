//! `MaxNorm` keeps classifier rows within a ball (Alshammari et al. 2022, §3.2).

use tch::{Tensor, no_grad};

/// Largest length of a classifier's rows, fixed at the start of a stage.
#[derive(Debug)]
pub struct MaxNorm {
    radius: Tensor, // a scalar
}

impl MaxNorm {
    /// Radius `min + threshold · (max − min)` of the lengths of the rows of `weight [k, d]` (their public code; the paper
    /// tunes the radius).
    pub fn new(weight: &Tensor, threshold: f64) -> MaxNorm {
        let lengths = lengths(&weight.detach());
        let (shortest, longest) = (lengths.min(), lengths.max());
        MaxNorm {
            radius: &shortest + (longest - &shortest) * threshold,
        }
    }

    /// Scales the rows of `weight [k, d]` that are longer than the radius down to it, in place.
    pub fn project(&self, weight: &Tensor) {
        no_grad(|| {
            let factors = (&self.radius / lengths(weight)).clamp_max(1.0);
            let _ = weight.shallow_clone().g_mul_(&factors);
        });
    }
}

/// Length of each row, `[k, 1]`.
fn lengths(weight: &Tensor) -> Tensor {
    weight
        .norm_scalaropt_dim_dtype(2, 1, true, weight.kind())
        .clamp_min(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_shortened_to_the_radius_and_short_ones_stay() {
        let weight = Tensor::from_slice2(&[[3.0_f32, 4.0], [0.0, 1.0], [0.6, 0.8]]);
        let max_norm = MaxNorm::new(&weight, 0.25); // lengths 5, 1, 1: radius 2
        max_norm.project(&weight);
        let expected = Tensor::from_slice2(&[[1.2_f32, 1.6], [0.0, 1.0], [0.6, 0.8]]);
        assert!(weight.allclose(&expected, 1e-6, 1e-6, false));
    }
}
