//! RIDE: experts with a reward for diversity.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::sum_over_experts;
use crate::parts::loss::{Loss, LossInput};
use crate::range::{OutOfRange, not_negative, positive, require};
use crate::words::count;

/// RIDE, first stage (Wang et al. 2021, §3.2 and their code): Σ_e \[`loss`(z_e) − D · `diversity`\]. The classes'
/// temperatures differ from the epoch on at which re-weighting starts, as in that code.
///
/// Defaults: the code's on CIFAR-100-LT (on ImageNet-LT D 0.2 and f 0.02, on iNaturalist f 0.015). Deviations: with D =
/// 0 each expert still learns by its own logits; in that code, by the mean logits. Logits of a cosine head are averaged
/// before they are scaled, which changes no decision. Distillation is [`crate::Distillation`], routing
/// [`crate::ExpertAssignment`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ride {
    /// Number of experts, 2 or more (2 to 4 in that code).
    pub experts: i64,
    /// D ≥ 0.
    pub diversity: f64,
    /// T > 0; the rarest class has the lowest.
    pub temperature: f64,
    /// f in 0..=1: how much a class's share of the images changes its temperature. See [`diversity_temperatures`].
    pub frequency: f64,
}

impl Default for Ride {
    fn default() -> Ride {
        Ride {
            experts: 3,
            diversity: 0.45,
            temperature: 1.0,
            frequency: 0.05,
        }
    }
}

impl Ride {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        let expected = "2 or more, or leave out `experts`";
        require("ride.experts", self.experts as f64, self.experts >= 2, expected)?;
        not_negative("ride.diversity", self.diversity)?;
        positive("ride.temperature", self.temperature)?;
        let is_share = (0.0..=1.0).contains(&self.frequency);
        require("ride.frequency", self.frequency, is_share, "a number from 0 to 1")
    }

    pub(super) fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        let temperatures = match batch.class_weights {
            None => batch.class_counts.full_like(self.temperature),
            Some(_) => diversity_temperatures(batch.class_counts, self.frequency) * self.temperature,
        };
        let logits = batch.logits * loss.logit_scale();
        sum_over_experts(batch, |_, expert_input| loss.forward(expert_input))
            - diversity(&logits, &temperatures) * self.diversity
    }
}

/// Disagreement of the experts: Σ_e T̄² KL(softmax(z̄ / T) ‖ softmax(z_e / T)), averaged over the batch, with z̄ the
/// mean logits, without gradient, and T̄ the mean temperature. Logits `[b, e, k]`, temperatures `[k]` → scalar (Wang et
/// al. 2021, Eq. 3 and their code, whose KL has the mean first).
fn diversity(logits: &Tensor, temperatures: &Tensor) -> Tensor {
    let kind = logits.kind();
    let mean = logits.detach().mean_dim(1, true, kind);
    let mean = (mean / temperatures).log_softmax(2, kind); // [b, 1, k]
    let experts = (logits / temperatures).log_softmax(2, kind); // [b, e, k]
    let divergence = (mean.exp() * (mean - experts)).sum(kind) / logits.size()[0] as f64;
    divergence * temperatures.mean(kind).square()
}

/// Temperatures u_k / max u, u_k = k π_k f + 1 − f: 1 for the largest class, lower for rarer ones. Class counts `[k]` →
/// `[k]` (public code of Wang et al. 2021).
pub fn diversity_temperatures(class_counts: &Tensor, frequency: f64) -> Tensor {
    let relative = class_counts / class_counts.mean(None::<Kind>);
    let temperatures = relative * frequency + (1.0 - frequency);
    let largest = temperatures.max();
    temperatures / largest
}

/// Such as `RIDE of 3 experts (…)`.
impl fmt::Display for Ride {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "RIDE of {} (diversity {}, temperature {}, by class frequency {})",
            count(self.experts, "expert"),
            self.diversity,
            self.temperature,
            self.frequency
        )
    }
}
