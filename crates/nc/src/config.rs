//! The regularizer's settings. Wherever the paper, its code and its followers differ, the choice has a name here.
//!
//! *Paper* is Liu et al., "Inducing Neural Collapse in Deep Long-tailed Learning", AISTATS 2023; *code* is
//! `Pepper-lll/NCfeature`, branches `main` and `try`.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::Error;

/// Settings of the [`Regularizer`](crate::Regularizer):
/// `lambda_1 · within-class + lambda_2 · between-class + lambda_3 · norm penalty`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct Config {
    /// Weight of the within-class term. Default 0.01 (paper, CIFAR; default of the code). ImageNet-LT: 0.05 (paper).
    pub lambda_1: f64,
    /// Weight of the between-class term. Default 0.1 (paper, CIFAR-10; default of the code). CIFAR-100: 0.5,
    /// ImageNet-LT: 1.0 (paper). It has no direct gradient to the network: it moves the centres, and they move the
    /// features through the within-class term.
    pub lambda_2: f64,
    /// Weight of the norm penalty. Default 0 (code; not in the paper).
    pub lambda_3: f64,
    /// How squared distances to the centres are averaged.
    pub within: WithinClass,
    /// How classes absent from the batch count in that average.
    pub absent_classes: AbsentClasses,
    /// Which angles between the centres are widened.
    pub between: BetweenClass,
    /// What `lambda_3` weighs.
    pub norm_penalty: NormPenalty,
    /// First epoch (0-based) in which the regularizer acts. Default 0 (paper, CIFAR-10). CIFAR-100 and ImageNet-LT: 100
    /// of 200 (paper).
    pub start_epoch: i64,
    /// What happens before that epoch.
    pub before_start: BeforeStart,
    /// Learning rate of the centres' own SGD: constant, without momentum or weight decay. Default 0.5 (code).
    pub centre_rate: f64,
    /// Whether the centres' gradient is divided by `lambda_1`, so that they follow the batch means at a rate
    /// independent of it, and the between-class term acts on them with weight `lambda_2 / lambda_1`. Default true
    /// (code; the paper only says "updated in each mini-batch"). No effect when `lambda_1` is 0.
    pub rescale: bool,
    /// Where the centres start.
    pub initial_centres: InitialCentres,
    /// Which labels of a mixed (mixup) batch enter the within-class term.
    pub mixed_labels: MixedLabels,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lambda_1: 0.01,
            lambda_2: 0.1,
            lambda_3: 0.0,
            within: WithinClass::default(),
            absent_classes: AbsentClasses::default(),
            between: BetweenClass::default(),
            norm_penalty: NormPenalty::default(),
            start_epoch: 0,
            before_start: BeforeStart::default(),
            centre_rate: 0.5,
            rescale: true,
            initial_centres: InitialCentres::default(),
            mixed_labels: MixedLabels::default(),
        }
    }
}

impl Config {
    /// Rejects settings out of range.
    ///
    /// # Errors
    /// [`Error::Setting`] for a weight that is negative or not finite, a negative start epoch, or a centre rate that
    /// is not positive.
    pub fn validate(&self) -> Result<(), Error> {
        let weights = [
            ("lambda_1", self.lambda_1),
            ("lambda_2", self.lambda_2),
            ("lambda_3", self.lambda_3),
        ];
        for (name, value) in weights {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Setting {
                    name,
                    value,
                    expected: "a finite number, 0 or above",
                });
            }
        }
        if !(self.centre_rate.is_finite() && self.centre_rate > 0.0) {
            return Err(Error::Setting {
                name: "centre_rate",
                value: self.centre_rate,
                expected: "a positive number",
            });
        }
        if self.start_epoch < 0 {
            let value = self.start_epoch as f64;
            return Err(Error::Setting {
                name: "start_epoch",
                value,
                expected: "0 or a later epoch",
            });
        }
        Ok(())
    }
}

/// How the squared distances `‖h_i − c_{y_i}‖²` of a batch become one number. `D_k` is their sum over the samples of
/// class k, `n_k` the number of those samples in the batch, b the batch size and K the number of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum WithinClass {
    /// `(1/K) Σ_k D_k / n_k`: the paper's term as its code computes it (`NC1Loss`), for which the published weights
    /// were chosen.
    #[default]
    MeanOverClasses,
    /// `Σ_k D_k / n_k`: the paper's Eq. 13 as printed, K times the above. The paper's `n_k` is that of the data set;
    /// here, as in the code, it is that of the batch, which makes the term a mean distance instead of a tiny fraction
    /// of one.
    SumOverClasses,
    /// `(1/K) Σ_k D_k / n_k²` (`NC1Loss_1` of the code).
    SquaredCounts,
    /// `(1/b) Σ_i ‖h_i − c_{y_i}‖²`: center loss (Wen et al., ECCV 2016), the paper's ablation. Every sample has the
    /// same weight, so frequent classes dominate. (The code's path for it crashes; its formula is this one.)
    CenterLoss,
}

/// How classes without a sample in the batch count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum AbsentClasses {
    /// As classes at distance zero (code: the divisor is K): the term shrinks by the share of classes present, more
    /// than 30-fold for 8142 classes and 256 samples.
    #[default]
    CountAsZero,
    /// Not at all: the divisor is the number of classes present. (Not in paper or code.)
    Excluded,
}

/// Which angles between centres are widened. `cos_kj` is the cosine of centres k and j after their unweighted mean is
/// subtracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum BetweenClass {
    /// `−(1/K) Σ_k arccos(max_{j≠k} cos_kj)`: the mean angle to the nearest other centre (paper, Eq. 15; default of
    /// the code's ImageNet-LT scripts).
    #[default]
    V0,
    /// `−arccos(max_{k≠j} cos_kj)`: the one smallest angle (paper, Eq. 14; default of the code's CIFAR script).
    V1,
    /// `sqrt(Σ_{k≠j} cos_kj² + K/(K−1)²)`: code only. Described there as bringing every cosine to −1/(K−1), but the
    /// shift sits on the diagonal, so it brings them to 0.
    V2,
}

/// The optional third term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum NormPenalty {
    /// `‖(1/K) Σ_k c_k‖²`: the centres' mean stays at the origin (code, branch `main`).
    #[default]
    CentreMean,
    /// `(1/b) Σ_i ‖h_i‖²`: features stay short (code, branch `try`).
    Features,
}

/// What happens before the start epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum BeforeStart {
    /// Nothing: the loss is the supervised one (paper).
    #[default]
    Off,
    /// Every term is added, but the centres stay where they started, so features are drawn to the initial (random)
    /// centres. This is what the code's CIFAR script does, though its log says that the term is off.
    WithinClassToFrozenCentres,
}

/// Where the centres start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum InitialCentres {
    /// Each entry from N(0, 1) (code; the paper does not say).
    #[default]
    Random,
    /// The class means of the features at the start epoch. (Not in paper or code.) The training loop provides them:
    /// see [`Regularizer::wants_class_means`](crate::Regularizer::wants_class_means).
    ClassMeans,
}

/// Which labels of a mixed batch enter the within-class term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum MixedLabels {
    /// Those of the first image, at full weight (code, branch `try`; the paper is silent).
    #[default]
    First,
    /// Both, weighted by λ and 1 − λ as in the mixed cross-entropy. (Not in paper or code.)
    Weighted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_negative_weight_is_refused_by_name() {
        let config = Config {
            lambda_2: -0.1,
            ..Config::default()
        };
        let message = config.validate().expect_err("a negative weight").to_string();
        assert_eq!(message, "`lambda_2` is -0.1; set it to a finite number, 0 or above");
    }

    #[test]
    fn a_centre_rate_of_zero_and_a_nan_weight_are_refused() {
        assert!(
            Config {
                centre_rate: 0.0,
                ..Config::default()
            }
            .validate()
            .is_err()
        );
        assert!(
            Config {
                lambda_1: f64::NAN,
                ..Config::default()
            }
            .validate()
            .is_err()
        );
        assert!(
            Config {
                start_epoch: -1,
                ..Config::default()
            }
            .validate()
            .is_err()
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn settings_are_read_by_name_and_a_misspelt_one_is_refused() {
        let text = r#"{"lambda_1": 0.05, "between": "v1", "before_start": "within-class-to-frozen-centres"}"#;
        let config: Config = serde_json::from_str(text).expect("known settings");
        let before_start = BeforeStart::WithinClassToFrozenCentres;
        assert_eq!(
            config,
            Config {
                lambda_1: 0.05,
                between: BetweenClass::V1,
                before_start,
                ..Config::default()
            }
        );
        let error = serde_json::from_str::<Config>(r#"{"lamda_1": 0.05}"#).expect_err("a misspelt setting");
        assert!(error.to_string().contains("unknown field `lamda_1`"));
    }
}
