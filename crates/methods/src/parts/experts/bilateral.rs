//! BBN: one branch for uniformly sampled images, one for rare classes, and a gradual shift of weight between them.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::parts::loss::{Loss, LossInput};
use crate::range::{OutOfRange, require};
use crate::words::count;

/// The bilateral-branch network with cumulative learning (BBN, Zhou et al. 2020): two experts that share all but the
/// last block. A batch has a second half, drawn by [`Sampler::Reverse`](crate::Sampler::Reverse): the first expert
/// learns from the first half, x_c, the second from the second, x_r, by the logits z = 2 (α z_1(x_c) + (1 − α)
/// z_2(x_r)) and the loss α · `loss`(z, y_c) + (1 − α) · `loss`(z, y_r) (Eq. 1 to 3), with α = 1 − (t / T)² in 0-based
/// epoch t. Predictions use α = ½, which is z_1 + z_2.
///
/// Default: T as in the authors' code. As there, the two halves pass through the network one after the other, so that
/// batch norm normalises each by its own statistics. Deviation: each expert has its own bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bilateral {
    /// T, 1 or more: the epochs over which the weight moves from the first expert to the second.
    pub epochs: i64,
}

impl Default for Bilateral {
    fn default() -> Bilateral {
        Bilateral { epochs: 200 }
    }
}

impl Bilateral {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        require("bilateral.epochs", self.epochs as f64, self.epochs >= 1, "1 or more")
    }

    /// α of 0-based `epoch`: initially 1, 0 from T on.
    pub fn conventional_share(self, epoch: i64) -> f64 {
        1.0 - (epoch as f64 / self.epochs as f64).min(1.0).powi(2)
    }

    /// From logits `[2b, 2, k]`, features `[2b, 2, d]` and labels `[2b]`; uniformly sampled images come first.
    pub(super) fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        let alpha = self.conventional_share(batch.epoch);
        let images = batch.labels.size()[0] / 2;
        let halves = |values: &Tensor| {
            let conventional = values.narrow(0, 0, images).select(1, 0);
            let rebalancing = values.narrow(0, images, images).select(1, 1);
            [conventional * (2.0 * alpha), rebalancing * (2.0 * (1.0 - alpha))]
        };
        let [conventional, rebalancing] = halves(batch.logits);
        let logits = conventional + rebalancing; // [b, k]
        let features = Tensor::cat(&halves(batch.features), 1); // [b, 2d]
        let towards = |labels: Tensor| {
            loss.forward(&LossInput {
                logits: &logits,
                labels: &labels,
                features: &features,
                ..*batch
            })
        };
        towards(batch.labels.narrow(0, 0, images)) * alpha
            + towards(batch.labels.narrow(0, images, images)) * (1.0 - alpha)
    }
}

/// Such as `BBN of 2 branches (…)`.
impl fmt::Display for Bilateral {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epochs = count(self.epochs, "epoch");
        write!(
            formatter,
            "BBN of 2 branches (the second by reverse sampling, cumulative over {epochs})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_moves_slowly_at_first_and_ends_with_the_rare_classes() {
        let bilateral = Bilateral { epochs: 10 };
        for (epoch, share) in [(0, 1.0), (5, 0.75), (10, 0.0), (12, 0.0)] {
            assert!((bilateral.conventional_share(epoch) - share).abs() < 1e-12, "{epoch}");
        }
    }
}
