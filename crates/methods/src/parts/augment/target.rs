//! The target of a batch.

use tch::Tensor;

/// The target of a batch. Losses and regularizers see plain labels; mixing is handled here, once.
#[derive(Debug)]
pub enum Target {
    /// Labels `[b]`.
    Labels(Tensor),
    /// Two label sets `[b]` and the share `lambda` (a scalar tensor on the device) of the first.
    Mixed {
        /// Labels of the images themselves ([`Remix`](crate::Remix): those that it leaves them).
        first: Tensor,
        /// Labels of their partners.
        second: Tensor,
        /// Share of the first.
        lambda: Tensor,
    },
}

impl Target {
    /// `objective(labels)`, or its λ-weighted sum over both label sets.
    pub fn blend(&self, objective: impl Fn(&Tensor) -> Tensor) -> Tensor {
        match self {
            Target::Labels(labels) => objective(labels),
            Target::Mixed { first, second, lambda } => objective(first) * lambda + objective(second) * (1.0 - lambda),
        }
    }

    /// The images' own labels `[b]`, whose weight is λ.
    pub fn first(&self) -> &Tensor {
        match self {
            Target::Labels(first) | Target::Mixed { first, .. } => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn blend_of_a_mixed_target_is_the_weighted_sum_of_both_objectives() {
        let labels = |label: i64| Tensor::from_slice(&[label]);
        let mixed = Target::Mixed {
            first: labels(2),
            second: labels(5),
            lambda: Tensor::from(0.25_f64),
        };
        let blended = mixed.blend(|labels| labels.to_kind(Kind::Double).sum(Kind::Double));
        assert!((blended.double_value(&[]) - (0.25 * 2.0 + 0.75 * 5.0)).abs() < 1e-12);
        assert_eq!(i64::try_from(mixed.first().get(0)).expect("a label"), 2);
    }
}
