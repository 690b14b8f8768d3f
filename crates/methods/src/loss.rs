//! Supervised losses: logits against labels.

mod dot_regression;

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

/// The closed set of supervised losses. No loss knows mixup ([`crate::Target`] blends) or deferral
/// ([`crate::Reweight`] hands in the weights of the epoch).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax cross-entropy; with class weights PyTorch's weighted mean Σ w_y l / Σ w_y.
    #[default]
    CrossEntropy,
    /// Label-distribution-aware margins m_k = `max_margin` · n_k^(−1/4) / max_j n_j^(−1/4), subtracted from the true
    /// class's logit before multiplying by `scale`; meant for cosine logits (Cao et al. 2019, Eq. 13; 0.5 and 30 there).
    Ldam {
        /// Margin of the rarest class.
        max_margin: f64,
        /// Factor on the logits after the margin.
        scale: f64,
    },
    /// Dot regression ½ ℓ_y² (z_y − 1)² towards the rows of a fixed ETF, for [`crate::Head::FixedEtf`] (DR, Yang et al. 2022,
    /// Eq. 6; balanced there).
    DotRegression {
        /// Whether the rows' squared lengths ℓ_k² weigh the classes of a batch alike (`GivenEw` in the public code); else
        /// ℓ = 1.
        balanced_lengths: bool,
    },
}

impl Loss {
    /// Mean loss of a batch, a scalar. Shapes: logits `[b, k]`, labels `[b]`, counts and weights `[k]`.
    pub fn forward(
        self,
        logits: &Tensor,
        labels: &Tensor,
        class_counts: &Tensor,
        class_weights: Option<&Tensor>,
    ) -> Tensor {
        let cross_entropy =
            |logits: &Tensor| logits.cross_entropy_loss(labels, class_weights, Reduction::Mean, -100, 0.0);
        match self {
            Loss::CrossEntropy => cross_entropy(logits),
            Loss::Ldam { max_margin, scale } => {
                let margins = class_counts.pow_tensor_scalar(-0.25);
                let margins = &margins * (max_margin / margins.max());
                let one_hot = labels.one_hot(margins.numel() as i64).to_kind(logits.kind());
                cross_entropy(&((logits - one_hot * margins) * scale))
            }
            Loss::DotRegression { balanced_lengths } => {
                dot_regression::dot_regression(logits, labels, class_weights, balanced_lengths)
            }
        }
    }
}
