//! Which methods are refused before any training: those with numbers out of range, or with parts that do not go
//! together.

mod combination;
mod error;

pub use error::MethodError;

use crate::method::Method;
use crate::parts::contrast::ContrastiveTerm;
use crate::parts::distillation::Distillation;
use crate::parts::experts::Experts;
use crate::parts::reweight::Reweight;
use crate::parts::sampler::Resample;
use crate::parts::second_stage::{Retraining, SecondStage};

impl Method {
    /// Refuses parts whose numbers are out of range, and parts that make no sense together. It does not compare start
    /// epochs with a training's length, or thresholds with class sizes
    /// ([`check_class_counts`](Method::check_class_counts)).
    ///
    /// # Errors
    /// The first thing that is wrong, and its remedy.
    pub fn check(&self) -> Result<(), MethodError> {
        self.sampler.check()?;
        self.resample.map_or(Ok(()), Resample::check)?;
        self.loss.check()?;
        self.head.check()?;
        self.reweight.map_or(Ok(()), Reweight::check)?;
        self.experts.map_or(Ok(()), Experts::check)?;
        self.contrast.map_or(Ok(()), ContrastiveTerm::check)?;
        self.distillation.as_ref().map_or(Ok(()), Distillation::check)?;
        let retraining = self.second_stage.as_ref().and_then(SecondStage::retraining);
        retraining.map_or(Ok(()), Retraining::check)?;
        self.check_combination()?;
        Ok(self.augmentation.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::contrast::BalancedContrast;
    use crate::parts::experts::Ride;
    use crate::parts::head::Head;
    use crate::parts::loss::Loss;
    use crate::parts::sampler::Sampler;
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
        let contrast = Some(ContrastiveTerm::Balanced(BalancedContrast::default()));
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
