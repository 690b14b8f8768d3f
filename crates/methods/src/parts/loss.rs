//! Supervised losses: logits against labels.

mod dot_regression;
mod equalization;
mod focal;
#[cfg(test)]
mod identities;
mod influence_balanced;
mod input;
mod lade;
mod ldam;
mod logit_adjustment;
mod seesaw;
mod smoothing;
mod softmax_binary;

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

pub use equalization::equalized_logits;
pub use input::LossInput;
pub use ldam::ldam_margins;
pub use logit_adjustment::{class_temperatures, prior_adjustment};
pub use smoothing::{SmoothingShape, label_aware_smoothing};

use dot_regression::dot_regression;
use equalization::sigmoid_equalization;
use focal::{focal, mean_of_terms, sigmoid_focal};
use influence_balanced::influence_balanced;
pub(crate) use input::one_hot;
use lade::label_distribution_distance;
use seesaw::seesaw_shift;
use smoothing::smoothed_cross_entropy;
use softmax_binary::softmax_binary_cross_entropy;

use crate::range::{OutOfRange, not_negative, positive, require, share, start};
use crate::words::count;

/// A supervised loss. No loss knows mixup ([`crate::Target`] blends) or deferral ([`crate::Reweight`] provides the
/// weights of the epoch).
///
/// Class weights w enter as PyTorch's weighted mean Σ w_y l / Σ w_y over the batch, except where an arm says otherwise.
/// Formulas: logits z, label y, p = softmax z, n_k samples of class k in the training split, π_k their share. Losses
/// are for training only; the prediction is the class of the largest plain logit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax cross-entropy −ln p_y.
    #[default]
    CrossEntropy,
    /// Cross-entropy towards (1 − ε) one-hot + ε / k (Szegedy et al. 2016, §7).
    LabelSmoothing {
        /// ε in \[0, 1).
        smoothing: f64,
    },
    /// Label smoothing whose ε_y falls from the largest class to the rarest (MiSLAS, Zhong et al. 2021; its second
    /// stage: CIFAR-10-LT 0.3 and 0, CIFAR-100-LT 0.4 and 0.1 at ratio 100, concave). See [`label_aware_smoothing`].
    LabelAwareSmoothing {
        /// ε of the largest class, in \[0, 1).
        head: f64,
        /// ε of the rarest, in \[0, 1).
        tail: f64,
        /// The curve between them.
        shape: SmoothingShape,
    },
    /// Softmax focal loss (1 − p_y)^γ (−ln p_y) (Lin et al. 2017, Eq. 4; this form and γ = 1: Cao et al. 2019's code).
    /// Class weights enter before the focal factor, as in that code: the plain mean of (1 − e^(−l))^γ l, with l = −w_y
    /// ln p_y.
    Focal {
        /// γ ≥ 0; 0 is cross-entropy.
        gamma: f64,
    },
    /// Focal loss over k binary terms a sample, Σ_k |t_k − σ(z_k)|^γ BCE(z_k, t_k), t one-hot (Lin et al. 2017, Eq. 4;
    /// with class-balanced weights the CB-focal loss of Cui et al. 2019, γ from 0.5 to 2). Class weights: w_y
    /// on a sample's terms, then the plain mean. Deviation: their code starts the last bias at −ln(k − 1) and does
    /// not decay it; here the head starts and decays as for every other loss.
    SigmoidFocal {
        /// γ ≥ 0; 0 is binary cross-entropy.
        gamma: f64,
    },
    /// Binary cross-entropies of the softmax's probabilities, (1/k) (−ln p_y − Σ_{j≠y} ln (1 − p_j)): the loss of
    /// weight balancing's second stage (Alshammari et al. 2022), as the `softmax` type of the class-balanced loss of
    /// its public code. Class weights: w_y on a sample's terms, then the plain mean.
    SoftmaxBinaryCrossEntropy,
    /// Label-distribution-aware margins: (z_y − m_y) and the other logits times `scale`, m_k = `max_margin` · n_k^(−1/4)
    /// / max_j n_j^(−1/4); for cosine logits (Cao et al. 2019, Eq. 13; 0.5 and 30 there).
    Ldam {
        /// Margin of the rarest class.
        max_margin: f64,
        /// Factor on the logits after the margin.
        scale: f64,
    },
    /// Dot regression ½ ℓ_y² (z_y − 1)² towards the rows of a fixed ETF, for [`crate::Head::FixedEtf`] (DR, Yang et al. 2022,
    /// Eq. 6; balanced there).
    DotRegression {
        /// Whether the rows' squared lengths ℓ_k² give the classes of a batch equal weight (`GivenEw` in the public
        /// code); else ℓ = 1.
        balanced_lengths: bool,
    },
    /// Balanced softmax: cross-entropy of z_k + ln n_k (Ren et al. 2020).
    BalancedSoftmax,
    /// Logit-adjusted loss: cross-entropy of z_k + τ ln π_k (Menon et al. 2021, Eq. 10; τ = 1 there, which is balanced
    /// softmax).
    LogitAdjustment {
        /// τ.
        tau: f64,
    },
    /// Class-dependent temperatures: cross-entropy of z_k / (n_max / n_k)^γ (CDT, Ye et al. 2020; γ 0 to 0.4 on
    /// CIFAR-10-LT, 0 to 0.2 on CIFAR-100-LT).
    ClassDependentTemperatures {
        /// γ ≥ 0; 0 is cross-entropy.
        gamma: f64,
    },
    /// Vector scaling: cross-entropy of z_k / (n_max / n_k)^γ + τ ln π_k (VS, Kini et al. 2021; 0.3 and 1 are its
    /// code's defaults).
    VectorScaling {
        /// γ ≥ 0 of the temperatures; 0 is the logit-adjusted loss.
        gamma: f64,
        /// τ of the adjustment; 0 is class-dependent temperatures.
        tau: f64,
    },
    /// Softmax equalization: a rare class other than y is dropped from the softmax's denominator with a probability,
    /// drawn for each sample and class (SEQL, Tan et al. 2020). See [`equalized_logits`].
    Equalization {
        /// A class is rare below this share of the training samples (0.005 on CIFAR-100-LT).
        rare_share: f64,
        /// Probability of being dropped (0.9 there).
        probability: f64,
    },
    /// Sigmoid equalization: the binary terms of rare classes other than y are left out (EQL, Tan et al. 2020): a
    /// sample's binary cross-entropies over its label and the classes that are not rare. Class weights: w_y on a
    /// sample's terms, then the plain mean. Deviation: without a background class their exclusion function is always 1.
    SigmoidEqualization {
        /// A class is rare below this many training samples.
        rare_count: i64,
    },
    /// Seesaw loss: cross-entropy of z_j + ln(M_yj · C_yj), j ≠ y (Wang et al. 2021; 0.8, 2 and 0.01 in its code). M_yj
    /// = min(1, N_j / N_y)^p reduces the penalty on classes seen less often than y; C_yj = max(1, p_j / p_y)^q, without
    /// gradient, restores it where the sample is misclassified. N counts the labels that training has drawn so far
    /// ([`LossInput::labels_seen`]): of a mixed image, the first (with Remix, the one that it chose); a second stage
    /// continues the first stage's counts.
    Seesaw {
        /// p ≥ 0.
        mitigation: f64,
        /// q ≥ 0.
        compensation: f64,
        /// Lower bound on p_y, above 0.
        least_probability: f64,
    },
    /// Influence-balanced loss: α / (‖p − one-hot‖₁ ‖h‖₁ + 0.001) · (−ln p_y), h the feature (IB, Park et al. 2021;
    /// α 1000 from epoch 100 of 200). Class weights, 1 / n_k scaled to sum k there: w_y on each sample, then the
    /// plain mean. The factor carries gradient, as in its code.
    InfluenceBalanced {
        /// α > 0.
        alpha: f64,
        /// First epoch with the factor; before it, and so throughout a shorter second stage, cross-entropy.
        start_epoch: i64,
    },
    /// Label-distribution disentangling: cross-entropy of z_k + ln π_k, plus α times a bound on the distance between
    /// the logits and a uniform label distribution, to which class weights do not apply (LADE, Hong et al. 2021; 0.1
    /// and 0.01 on CIFAR-100-LT at ratio 100).
    Lade {
        /// α ≥ 0; 0 is the logit-adjusted loss.
        alpha: f64,
        /// λ ≥ 0 of the bound's regularizer.
        lambda: f64,
    },
    /// Mean squared error (1/k) Σ_k (z_k − t_k)², t one-hot, averaged over samples (`MSE` in Liu et al. 2023, Table 2; see
    /// [`nc::mean_squared_error`]). Class weights: w_y on a sample's terms, then the plain mean.
    MeanSquaredError,
    /// Attraction–repulsion-balanced loss with the batch's own class counts (Xie et al. 2023): classes absent from the
    /// batch do not repel. See [`nc::attraction_repulsion`].
    AttractionRepulsion,
}

impl Loss {
    /// Refuses numbers out of range.
    pub(crate) fn check(self) -> Result<(), OutOfRange> {
        match self {
            Loss::CrossEntropy
            | Loss::BalancedSoftmax
            | Loss::SoftmaxBinaryCrossEntropy
            | Loss::MeanSquaredError
            | Loss::AttractionRepulsion
            | Loss::DotRegression { .. } => Ok(()),
            Loss::LabelSmoothing { smoothing } => share("label-smoothing.smoothing", smoothing),
            Loss::LabelAwareSmoothing { head, tail, shape } => {
                share("label-aware-smoothing.head", head)?;
                share("label-aware-smoothing.tail", tail)?;
                match shape {
                    SmoothingShape::Power { exponent } => positive("power.exponent", exponent),
                    SmoothingShape::Concave | SmoothingShape::Linear | SmoothingShape::Convex => Ok(()),
                }
            }
            Loss::Focal { gamma } => not_negative("focal.gamma", gamma),
            Loss::SigmoidFocal { gamma } => not_negative("sigmoid-focal.gamma", gamma),
            Loss::Ldam { max_margin, scale } => {
                positive("ldam.max_margin", max_margin)?;
                positive("ldam.scale", scale)
            }
            Loss::LogitAdjustment { tau } => not_negative("logit-adjustment.tau", tau),
            Loss::ClassDependentTemperatures { gamma } => not_negative("class-dependent-temperatures.gamma", gamma),
            Loss::VectorScaling { gamma, tau } => {
                not_negative("vector-scaling.gamma", gamma)?;
                not_negative("vector-scaling.tau", tau)
            }
            Loss::Equalization {
                rare_share,
                probability,
            } => {
                let name = "equalization.probability";
                positive("equalization.rare_share", rare_share)?;
                require(
                    name,
                    probability,
                    (0.0..=1.0).contains(&probability),
                    "a number from 0 to 1",
                )
            }
            Loss::SigmoidEqualization { rare_count } => {
                let name = "sigmoid-equalization.rare_count";
                require(name, rare_count as f64, rare_count >= 1, "1 or more")
            }
            Loss::Seesaw {
                mitigation,
                compensation,
                least_probability,
            } => {
                not_negative("seesaw.mitigation", mitigation)?;
                not_negative("seesaw.compensation", compensation)?;
                positive("seesaw.least_probability", least_probability)
            }
            Loss::InfluenceBalanced { alpha, start_epoch } => {
                positive("influence-balanced.alpha", alpha)?;
                start("influence-balanced.start_epoch", start_epoch)
            }
            Loss::Lade { alpha, lambda } => {
                not_negative("lade.alpha", alpha)?;
                not_negative("lade.lambda", lambda)
            }
        }
    }

    /// Mean loss of a batch, a scalar.
    ///
    /// # Panics
    /// On a loss that counts labels, if `labels_seen` is `None`.
    pub fn forward(self, batch: &LossInput<'_>) -> Tensor {
        let LossInput {
            logits,
            labels,
            class_counts,
            class_weights,
            ..
        } = *batch;
        let cross_entropy =
            |logits: &Tensor| logits.cross_entropy_loss(labels, class_weights, Reduction::Mean, -100, 0.0);
        match self {
            Loss::CrossEntropy => cross_entropy(logits),
            Loss::LabelSmoothing { smoothing } => smoothed_cross_entropy(batch, &class_counts.full_like(smoothing)),
            Loss::LabelAwareSmoothing { head, tail, shape } => {
                smoothed_cross_entropy(batch, &label_aware_smoothing(class_counts, head, tail, shape))
            }
            Loss::Focal { gamma } => focal(batch, gamma),
            Loss::SigmoidFocal { gamma } => sigmoid_focal(batch, gamma),
            Loss::SoftmaxBinaryCrossEntropy => softmax_binary_cross_entropy(batch),
            Loss::Ldam { max_margin, scale } => {
                let margins = one_hot(logits, labels) * ldam_margins(class_counts, max_margin);
                cross_entropy(&((logits - margins) * scale))
            }
            Loss::BalancedSoftmax => cross_entropy(&(logits + class_counts.log())),
            Loss::LogitAdjustment { tau } => cross_entropy(&(logits + prior_adjustment(class_counts, tau))),
            Loss::ClassDependentTemperatures { gamma } => {
                cross_entropy(&(logits / class_temperatures(class_counts, gamma)))
            }
            Loss::VectorScaling { gamma, tau } => {
                let scaled = logits / class_temperatures(class_counts, gamma);
                cross_entropy(&(scaled + prior_adjustment(class_counts, tau)))
            }
            Loss::Equalization {
                rare_share,
                probability,
            } => {
                let draws = logits.rand_like();
                cross_entropy(&equalized_logits(batch, rare_share, probability, &draws))
            }
            Loss::SigmoidEqualization { rare_count } => sigmoid_equalization(batch, rare_count),
            Loss::Seesaw {
                mitigation,
                compensation,
                least_probability,
            } => cross_entropy(&(logits + seesaw_shift(batch, mitigation, compensation, least_probability))),
            Loss::InfluenceBalanced { start_epoch, .. } if batch.epoch < start_epoch => cross_entropy(logits),
            Loss::InfluenceBalanced { alpha, .. } => influence_balanced(batch, alpha),
            Loss::Lade { alpha, lambda } => {
                let adjusted = logits + prior_adjustment(class_counts, 1.0);
                cross_entropy(&adjusted) + label_distribution_distance(batch, lambda) * alpha
            }
            Loss::MeanSquaredError => {
                let errors = logits - one_hot(logits, labels);
                mean_of_terms(batch, &errors.square()) / logits.size()[1]
            }
            Loss::AttractionRepulsion => {
                let counts = nc::batch_counts(labels, logits.size()[1]);
                nc::attraction_repulsion(logits, labels, &counts, class_weights)
            }
            Loss::DotRegression { balanced_lengths } => dot_regression(batch, balanced_lengths),
        }
    }

    /// The factor on logits in the loss: the scale of LDAM's cosines, 1 for all others.
    pub(crate) fn logit_scale(self) -> f64 {
        match self {
            Loss::Ldam { scale, .. } => scale,
            _ => 1.0,
        }
    }

    /// Whether it trains the softmax of its logits, in their [scale](Loss::logit_scale), to be class probabilities.
    pub(crate) fn trains_softmax(self) -> bool {
        !matches!(
            self,
            Loss::SigmoidFocal { .. }
                | Loss::SigmoidEqualization { .. }
                | Loss::MeanSquaredError
                | Loss::DotRegression { .. }
        )
    }

    /// Its first epoch, 0-based, if it starts as another loss.
    pub(crate) fn start_epoch(mut self) -> Option<i64> {
        self.start_epoch_mut().copied()
    }

    /// See [`Loss::start_epoch`].
    pub(crate) fn start_epoch_mut(&mut self) -> Option<&mut i64> {
        match self {
            Loss::InfluenceBalanced { start_epoch, .. } => Some(start_epoch),
            _ => None,
        }
    }

    /// Whether the loss needs [`LossInput::labels_seen`], which is then part of a checkpoint.
    pub fn counts_labels(self) -> bool {
        matches!(self, Loss::Seesaw { .. })
    }
}

/// Such as `LDAM (margin 0.5, scale 30)`.
impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Loss::CrossEntropy => formatter.write_str("cross-entropy"),
            Loss::LabelSmoothing { smoothing } => write!(formatter, "label smoothing (ε {smoothing})"),
            Loss::LabelAwareSmoothing { head, tail, shape } => {
                write!(formatter, "label-aware smoothing (ε {head} to {tail}, {shape})")
            }
            Loss::Focal { gamma } => write!(formatter, "focal loss (γ {gamma})"),
            Loss::SigmoidFocal { gamma } => write!(formatter, "sigmoid focal loss (γ {gamma})"),
            Loss::SoftmaxBinaryCrossEntropy => formatter.write_str("binary cross-entropy of the softmax"),
            Loss::Ldam { max_margin, scale } => write!(formatter, "LDAM (margin {max_margin}, scale {scale})"),
            Loss::BalancedSoftmax => formatter.write_str("balanced softmax"),
            Loss::LogitAdjustment { tau } => write!(formatter, "logit-adjusted loss (τ {tau})"),
            Loss::ClassDependentTemperatures { gamma } => write!(formatter, "class-dependent temperatures (γ {gamma})"),
            Loss::VectorScaling { gamma, tau } => write!(formatter, "vector-scaling loss (γ {gamma}, τ {tau})"),
            Loss::Equalization {
                rare_share,
                probability,
            } => write!(
                formatter,
                "equalization loss (below a share of {rare_share}, probability {probability})"
            ),
            Loss::SigmoidEqualization { rare_count } => {
                let below = count(rare_count, "image");
                write!(formatter, "sigmoid equalization loss (below {below})")
            }
            Loss::Seesaw {
                mitigation,
                compensation,
                least_probability,
            } => write!(
                formatter,
                "seesaw loss (p {mitigation}, q {compensation}, probabilities from {least_probability})"
            ),
            Loss::InfluenceBalanced { alpha, start_epoch } => {
                write!(
                    formatter,
                    "influence-balanced loss from epoch {start_epoch} (α {alpha})"
                )
            }
            Loss::Lade { alpha, lambda } => write!(formatter, "LADE (α {alpha}, λ {lambda})"),
            Loss::DotRegression { balanced_lengths: true } => formatter.write_str("dot regression (balanced lengths)"),
            Loss::DotRegression { .. } => formatter.write_str("dot regression"),
            Loss::MeanSquaredError => formatter.write_str("mean squared error"),
            Loss::AttractionRepulsion => formatter.write_str("attraction–repulsion-balanced loss"),
        }
    }
}
