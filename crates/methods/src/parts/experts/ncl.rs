//! NCL: networks that learn from each other, on all classes and on hard classes.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::sum_over_experts;
use crate::parts::loss::{Loss, LossInput};
use crate::range::{OutOfRange, not_negative, require};
use crate::words::count;

/// Nested collaborative learning (Li et al. 2022, §3): whole networks with logits z_e + ln n learn by Σ_e
/// \[`loss`(z_e + ln n) + `loss`(m ⊙ (z_e + ln n))\] + λ · \[`mutual_divergence`(z + ln n) + `mutual_divergence`(m ⊙
/// (z + ln n))\]. m keeps the `hard_classes` of a sample, chosen by the first network's z, and sets the other logits
/// to 0.
///
/// Defaults: the authors' on CIFAR-100-LT (30 hard classes of 100). Deviation: their self-supervised branch, which that
/// configuration switches off, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ncl {
    /// Number of networks, 2 or more.
    pub experts: i64,
    /// Share of the classes that are hard for a sample, above 0 and below 1.
    pub hard_share: f64,
    /// λ ≥ 0.
    pub collaboration: f64,
}

impl Default for Ncl {
    fn default() -> Ncl {
        Ncl {
            experts: 3,
            hard_share: 0.3,
            collaboration: 0.6,
        }
    }
}

impl Ncl {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        let expected = "2 or more, or leave out `experts`";
        require("ncl.experts", self.experts as f64, self.experts >= 2, expected)?;
        let (name, share) = ("ncl.hard_share", self.hard_share);
        require(name, share, share > 0.0 && share < 1.0, "a number above 0, below 1")?;
        not_negative("ncl.collaboration", self.collaboration)
    }

    pub(super) fn forward(self, loss: Loss, batch: &LossInput<'_>) -> Tensor {
        let (scale, classes) = (loss.logit_scale(), batch.class_counts.size()[0]);
        let count = (self.hard_share * classes as f64).round().max(1.0) as i64;
        let hard = hard_classes(&batch.logits.select(1, 0), batch.labels, count).unsqueeze(1); // [b, 1, k]
        let adjusted = batch.logits + batch.class_counts.log() / scale;
        let among_hard = &adjusted * hard;
        let objective = |logits: &Tensor| {
            let batch = LossInput { logits, ..*batch };
            let alone = sum_over_experts(&batch, |_, expert_input| loss.forward(expert_input));
            alone + mutual_divergence(&(logits * scale)) * self.collaboration
        };
        objective(&adjusted) + objective(&among_hard)
    }
}

/// 1 at a sample's label and at the classes of the largest other logits, `count` in total, else 0: logits `[b, k]`,
/// labels `[b]` → `[b, k]`.
fn hard_classes(logits: &Tensor, labels: &Tensor, count: i64) -> Tensor {
    let with_label_first = logits.detach().scatter_value(1, &labels.unsqueeze(1), f64::INFINITY);
    let (_, hardest) = with_label_first.topk(count, 1, true, false);
    logits.detach().zeros_like().scatter_value(1, &hardest, 1.0)
}

/// Disagreement between the networks: Σ_e Σ_f KL(softmax z_f ‖ softmax z_e) / (E − 1), averaged over the batch, with
/// gradient through both sides. Logits `[b, e, k]` → scalar (Li et al. 2022, Eq. 8, and their code).
fn mutual_divergence(logits: &Tensor) -> Tensor {
    let (samples, networks) = (logits.size()[0], logits.size()[1]);
    let kind = logits.kind();
    let log_shares = logits.log_softmax(2, kind);
    let shares = log_shares.exp();
    // Σ_e Σ_f p_f · (ln p_f − ln p_e), without a loop over pairs.
    let own = (&shares * &log_shares).sum(kind) * networks as f64;
    let others =
        (shares.sum_dim_intlist(1_i64, false, kind) * log_shares.sum_dim_intlist(1_i64, false, kind)).sum(kind);
    (own - others) / (samples * (networks - 1)) as f64
}

/// Such as `NCL of 3 networks (…)`.
impl fmt::Display for Ncl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "NCL of {} (hard share {}, collaboration {})",
            count(self.experts, "network"),
            self.hard_share,
            self.collaboration
        )
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn hard_classes_are_the_label_and_the_classes_it_is_confused_with() {
        let logits = Tensor::from_slice2(&[[3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0]]);
        let hard = hard_classes(&logits, &Tensor::from_slice(&[3_i64, 0]), 2);
        assert_eq!(hard, Tensor::from_slice2(&[[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]]));
    }

    #[test]
    fn mutual_divergence_sums_over_all_ordered_pairs() {
        tch::manual_seed(5);
        let logits = Tensor::randn([4, 3, 5], (Kind::Double, Device::Cpu));
        let log_shares = logits.log_softmax(2, Kind::Double);
        let mut expected = 0.0;
        for (one, other) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            let (one, other) = (log_shares.select(1, one), log_shares.select(1, other));
            expected += (other.exp() * (&other - one)).sum(Kind::Double).double_value(&[]) / 4.0 / 2.0;
        }
        let value = mutual_divergence(&logits).double_value(&[]);
        assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    }
}
