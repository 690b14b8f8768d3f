//! Which methods are refused before anything is trained: numbers out of their range, and parts that do not go together.

mod combination;
mod error;
mod feature_parts;

pub use error::MethodError;

use crate::method::Method;
use crate::parts::head::Head;
use crate::parts::loss::{Loss, SmoothingShape};
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Sampler;
use crate::parts::second_stage::Retraining;

impl Method {
    /// Refuses a sampler, loss or re-weighting whose numbers are out of range, and parts that make no sense together. Start
    /// epochs are compared with a training's length where that is known, and class sizes by
    /// [`check_class_counts`](Method::check_class_counts).
    ///
    /// # Errors
    /// The first thing that is wrong, and its remedy.
    pub fn check(&self) -> Result<(), MethodError> {
        self.sampler.check()?;
        if let Some(resample) = self.resample {
            resample.sampler.check()?;
            let start = resample.start_epoch;
            let expected = "1 or later, or state `sampler` alone";
            require("resample.start_epoch", start as f64, start >= 1, expected)?;
        }
        self.loss.check()?;
        if let Head::ScaledCosine { scale } = self.head {
            positive("scaled-cosine.scale", scale)?;
        }
        if let Some(reweight) = self.reweight {
            reweight.check()?;
        }
        if let Some(experts) = self.experts {
            experts.check()?;
        }
        if let Some(contrast) = self.contrast {
            contrast.check()?;
        }
        if let Some(distillation) = &self.distillation {
            distillation.check()?;
        }
        if let Some(second_stage) = &self.second_stage
            && let Some(retraining) = second_stage.retraining()
        {
            retraining.check()?;
        }
        self.check_combination()
    }
}

impl Retraining {
    /// Refuses numbers out of range.
    fn check(&self) -> Result<(), MethodError> {
        if let Some(rate) = self.classifier_rate {
            not_negative("classifier_rate", rate)?;
        }
        if let Some(threshold) = self.max_norm {
            let is_share = (0.0..=1.0).contains(&threshold);
            require(
                "max_norm",
                threshold,
                is_share,
                "0 to 1, a share of the spread of lengths",
            )?;
        }
        if let Some(reweight) = self.reweight {
            reweight.check()?;
            self.reaches("second_stage.reweight.start_epoch", reweight.start_epoch())?;
        }
        if let Some(Loss::InfluenceBalanced { start_epoch, .. }) = self.loss {
            self.reaches("second_stage.loss.start_epoch", start_epoch)?;
        }
        self.loss.map_or(Ok(()), Loss::check)
    }

    /// Refuses a part that would never start.
    fn reaches(&self, name: &'static str, start: i64) -> Result<(), MethodError> {
        let expected = "an epoch before the end of the second stage, whose length is its `epochs`";
        require(name, start as f64, start < self.epochs, expected)
    }
}

impl Sampler {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`MethodError::Setting`].
    pub fn check(self) -> Result<(), MethodError> {
        match self {
            Sampler::InstanceBalanced
            | Sampler::ClassBalanced
            | Sampler::SquareRoot
            | Sampler::ProgressivelyBalanced
            | Sampler::Reverse => Ok(()),
            Sampler::ClassAware { samples_per_turn } => {
                let name = "class-aware.samples_per_turn";
                require(name, samples_per_turn as f64, samples_per_turn >= 1, "1 or more")
            }
            Sampler::EffectiveNumber { beta } => share("effective-number.beta", beta),
        }
    }
}

impl Loss {
    fn check(self) -> Result<(), MethodError> {
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
}

impl Reweight {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`MethodError::Setting`].
    pub fn check(self) -> Result<(), MethodError> {
        match self {
            Reweight::ClassBalanced { beta, .. } => share("class-balanced.beta", beta)?,
            Reweight::InverseFrequency { power, .. } => not_negative("inverse-frequency.power", power)?,
            Reweight::CostSensitive { power, .. } => not_negative("cost-sensitive.power", power)?,
        }
        start("reweight.start_epoch", self.start_epoch())
    }
}

fn share(name: &'static str, value: f64) -> Result<(), MethodError> {
    require(name, value, (0.0..1.0).contains(&value), "0 or more, below 1")
}

fn positive(name: &'static str, value: f64) -> Result<(), MethodError> {
    require(name, value, value.is_finite() && value > 0.0, "a number above 0")
}

fn not_negative(name: &'static str, value: f64) -> Result<(), MethodError> {
    require(name, value, value.is_finite() && value >= 0.0, "a number, 0 or above")
}

fn start(name: &'static str, epoch: i64) -> Result<(), MethodError> {
    require(name, epoch as f64, epoch >= 0, "0 or a later epoch")
}

fn require(name: &'static str, value: f64, holds: bool, expected: &'static str) -> Result<(), MethodError> {
    if holds {
        Ok(())
    } else {
        Err(MethodError::Setting { name, value, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::contrast::{BalancedContrast, Contrast};
    use crate::parts::experts::{Experts, Ride};
    use crate::parts::sampler::Resample;
    use crate::parts::second_stage::SecondStage;
    use crate::protocol::Protocol;

    fn refusal(method: &Method) -> String {
        method.check().unwrap_err().to_string()
    }

    #[test]
    fn numbers_out_of_range_are_named_with_the_range() {
        let loss = Loss::Seesaw {
            mitigation: 0.8,
            compensation: 2.0,
            least_probability: 0.0,
        };
        let method = Method {
            loss,
            ..Method::default()
        };
        assert_eq!(
            refusal(&method),
            "`seesaw.least_probability` is 0; set it to a number above 0"
        );
        let reweight = Some(Reweight::CostSensitive {
            power: f64::NAN,
            start_epoch: 0,
        });
        let method = Method {
            reweight,
            ..Method::default()
        };
        assert_eq!(
            refusal(&method),
            "`cost-sensitive.power` is NaN; set it to a number, 0 or above"
        );
    }

    #[test]
    fn experts_are_several_and_neither_fixed_nor_contrasted_nor_changed_afterwards() {
        let ride = |experts| {
            Some(Experts::Ride(Ride {
                experts,
                ..Ride::default()
            }))
        };
        let alone = Method {
            experts: ride(1),
            ..Method::default()
        };
        assert!(refusal(&alone).starts_with("`ride.experts` is 1; set it to 2 or more"));
        let fixed = Method {
            experts: ride(2),
            loss: Loss::DotRegression { balanced_lengths: true },
            head: Head::FixedEtf,
            ..Method::default()
        };
        assert!(refusal(&fixed).contains("leave out `experts`"));
        let contrast = Some(Contrast::Balanced(BalancedContrast::default()));
        let contrasted = Method {
            experts: ride(2),
            contrast,
            ..Method::default()
        };
        assert_eq!(contrasted.check(), Err(MethodError::ContrastOfExperts));
        let second_stage = Some(SecondStage::Crt(Protocol::Paper.classifier_retraining()));
        let changed = Method {
            experts: ride(2),
            second_stage,
            ..Method::default()
        };
        assert_eq!(changed.check(), Err(MethodError::StageAfterExperts));
    }

    #[test]
    fn a_later_sampler_that_hides_the_first_is_refused() {
        let resample = Some(Resample {
            sampler: Sampler::ClassBalanced,
            start_epoch: 0,
        });
        let method = Method {
            resample,
            ..Method::default()
        };
        assert!(refusal(&method).contains("`resample.start_epoch` is 0"));
    }
}
