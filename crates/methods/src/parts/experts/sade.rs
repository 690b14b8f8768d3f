//! SADE: one expert for each class distribution that a test set may have.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::sum_over_experts;
use crate::parts::loss::{Loss, LossInput, prior_adjustment};
use crate::range::{OutOfRange, not_negative};

/// SADE (Zhang et al. 2022, §4.1): Σ_e `loss`(z_e + a_e) over three experts with a_1 = 0, a_2 = ln π and a_3 = ln π − τ
/// ln π', where π' are the class shares in reversed order of size (`reversed_counts`). With cross-entropy these are its
/// softmax, balanced softmax and inverse softmax losses.
///
/// Default: the authors' on CIFAR-100-LT and ImageNet-LT (1 on iNaturalist and Places-LT); their head is the scaled
/// cosine one. Predictions use the plain mean; [`stable_weights`](super::stable_weights) are learnt at test time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sade {
    /// τ ≥ 0; 0 makes the third expert equal to the second.
    pub tau: f64,
}

impl Default for Sade {
    fn default() -> Sade {
        Sade { tau: 2.0 }
    }
}

impl Sade {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        not_negative("sade.tau", self.tau)
    }

    pub(super) fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        let prior = prior_adjustment(batch.class_counts, 1.0);
        let reversed = prior_adjustment(&reversed_counts(batch.class_counts), self.tau);
        let adjustments = [prior.zeros_like(), prior.shallow_clone(), prior - reversed];
        let scale = loss.logit_scale();
        sum_over_experts(batch, |expert, expert_input| {
            let logits = expert_input.logits + &adjustments[expert as usize] / scale;
            loss.forward(&LossInput {
                logits: &logits,
                ..*expert_input
            })
        })
    }
}

/// Counts `[k]` in reversed order: the rarest class gets the largest class's, the second rarest the second largest's,
/// and so on. Among classes of the same size, the first counts as the rarest.
fn reversed_counts(class_counts: &Tensor) -> Tensor {
    let (ascending, by_size) = class_counts.sort_stable(true, 0, false);
    class_counts.scatter(0, &by_size, &ascending.flip([0]))
}

/// Such as `SADE of 3 experts (τ 2)`.
impl fmt::Display for Sade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SADE of 3 experts (τ {})", self.tau)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_class_gets_the_largest_count() {
        let counts = Tensor::from_slice(&[20.0, 90.0, 5.0, 40.0]);
        let expected = Tensor::from_slice(&[40.0, 5.0, 90.0, 20.0]);
        assert_eq!(reversed_counts(&counts), expected);
    }
}
