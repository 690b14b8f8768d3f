//! Parts that are valid alone but make no sense together: a method must do what its name says.

use nc::NormPenalty;

use super::MethodError;
use crate::method::Method;
use crate::parts::augment::Mix;
use crate::parts::contrast::ContrastiveTerm;
use crate::parts::experts::Experts;
use crate::parts::head::Head;
use crate::parts::initial::Initial;
use crate::parts::loss::Loss;
use crate::parts::regularizer::FeatureTerm;
use crate::parts::sampler::Sampler;
use crate::parts::second_stage::{InitialClassifier, Retraining, SecondStage};

impl Method {
    /// Refuses parts that do not go together.
    pub(super) fn check_combination(&self) -> Result<(), MethodError> {
        if self.experts.is_some() {
            if self.head == Head::FixedEtf {
                return Err(MethodError::ExpertsOnFixedEtf);
            }
            if self.contrast.is_some() {
                return Err(MethodError::ContrastOfExperts);
            }
            if self.initial == Some(Initial::Rotation) {
                return Err(MethodError::RotationOfExperts);
            }
            if let Some(second) = self.experts.and_then(Experts::second_sampler) {
                if self.augmentation.mix.is_some() {
                    return Err(MethodError::MixedBranches);
                }
                let later = self.resample.map(|later| later.sampler);
                if [Some(self.sampler), later].contains(&Some(second)) {
                    return Err(MethodError::SameSamplerInBranches);
                }
            }
            if matches!(self.experts, Some(Experts::Sade(_) | Experts::Ncl(_))) && self.loss.adjusts_for_class_sizes() {
                return Err(MethodError::PriorTwiceInExperts);
            }
        }
        self.check_contrast()?;
        self.loss.check_head(self.head)?;
        if self.distillation.is_some() {
            self.check_distillation()?;
        }
        if self.resample.is_some_and(|later| later.sampler == self.sampler) {
            return Err(MethodError::SameSampler);
        }
        if let Some(FeatureTerm::Nc(config)) = &self.regularizer {
            let penalty_on_features = config.lambda_3 > 0.0 && config.norm_penalty == NormPenalty::Features;
            if config.lambda_1 <= 0.0 && config.lambda_2 <= 0.0 && config.lambda_3 <= 0.0 {
                return Err(MethodError::IdleRegularizer);
            }
            if config.lambda_1 <= 0.0 && (config.lambda_2 > 0.0 || !penalty_on_features) {
                return Err(MethodError::CentresAlone);
            }
        }
        match &self.second_stage {
            None => Ok(()),
            Some(SecondStage::ExpertAssignment(assignment)) => match self.experts {
                None | Some(Experts::Bilateral(_)) => Err(MethodError::AssignmentWithoutExperts),
                Some(_) => Ok(assignment.check()?),
            },
            Some(_) if self.experts.is_some() => Err(MethodError::StageAfterExperts),
            Some(second_stage) => self.check_second_stage(second_stage),
        }
    }

    fn check_contrast(&self) -> Result<(), MethodError> {
        let Some(contrast) = self.contrast else {
            return Ok(());
        };
        if !contrast.is_beside_the_loss() && self.augmentation.mix.is_some() {
            return Err(MethodError::ContrastOfMixedImages);
        }
        if matches!(contrast, ContrastiveTerm::KPositive(_)) && self.head == Head::FixedEtf {
            return Err(MethodError::ContrastAloneOnFixedEtf);
        }
        let idle = [
            ("loss", self.loss != Loss::CrossEntropy),
            ("reweight", self.reweight.is_some()),
        ];
        match idle.into_iter().find(|(_, is_stated)| *is_stated) {
            Some((key, _)) if contrast.replaces_the_loss() => Err(MethodError::LossOfParametricContrast(key)),
            _ => Ok(()),
        }
    }

    /// Refuses a loss for rare classes if `class_counts`, the training images of each class, has no rare class.
    ///
    /// # Errors
    /// [`MethodError::NoRareClass`].
    pub fn check_class_counts(&self, class_counts: &[i64]) -> Result<(), MethodError> {
        let retraining = self.second_stage.as_ref().and_then(SecondStage::retraining);
        let losses = [Some(self.loss), retraining.and_then(|retraining| retraining.loss)];
        let fewest = class_counts.iter().min().map_or(0.0, |&count| count as f64);
        let all = class_counts.iter().sum::<i64>() as f64;
        for loss in losses.into_iter().flatten() {
            let (loss, key, smallest, limit) = match loss {
                Loss::Equalization { rare_share, .. } => ("equalization", "rare_share", fewest / all, rare_share),
                Loss::SigmoidEqualization { rare_count } => {
                    ("sigmoid-equalization", "rare_count", fewest, rare_count as f64)
                }
                _ => continue,
            };
            if smallest >= limit {
                return Err(MethodError::NoRareClass {
                    loss,
                    key,
                    smallest,
                    limit,
                });
            }
        }
        Ok(())
    }

    fn check_distillation(&self) -> Result<(), MethodError> {
        if matches!(self.experts, Some(Experts::Bilateral(_))) {
            return Err(MethodError::DistillationOfBranches);
        }
        if self.head == Head::FixedEtf {
            return Err(MethodError::DistillationOfCosines);
        }
        if matches!(self.augmentation.mix, Some(Mix::ManifoldMixup(_))) {
            return Err(MethodError::DistillationOfMixedFeatures);
        }
        Ok(())
    }

    fn check_second_stage(&self, second_stage: &SecondStage) -> Result<(), MethodError> {
        if !second_stage.fits(self.head) {
            return Err(MethodError::StageWithoutLinearHead(self.head.name()));
        }
        if matches!(second_stage, SecondStage::LogitAdjustment(_)) {
            if self.loss.adjusts_for_class_sizes() || self.contrast.is_some_and(ContrastiveTerm::replaces_the_loss) {
                return Err(MethodError::PriorTwice);
            } else if !self.loss.trains_softmax() {
                return Err(MethodError::NoSoftmax);
            }
        }
        let Some(retraining) = second_stage.retraining() else {
            return Ok(());
        };
        if matches!(second_stage, SecondStage::Lws(_) | SecondStage::DisAlign(_)) {
            retraining.check_frozen_classifier()?;
        }
        if matches!(second_stage, SecondStage::Mislas(_)) && retraining.max_norm.is_some() {
            return Err(MethodError::NormsOfScaledClassifier);
        }
        let loss = retraining.loss.unwrap_or(self.loss);
        if loss.adjusts_for_class_sizes() && retraining.sampler != Sampler::InstanceBalanced {
            return Err(MethodError::PriorTwiceInStage);
        }
        match retraining.loss {
            Some(loss) if loss.counts_labels() && !self.loss.counts_labels() => Err(MethodError::CountsFromTheMiddle),
            Some(loss) => loss.check_head(self.head),
            None => Ok(()),
        }
    }
}

impl Retraining {
    fn check_frozen_classifier(&self) -> Result<(), MethodError> {
        let changes = [
            ("classifier", self.classifier == InitialClassifier::Fresh),
            ("classifier_rate", self.classifier_rate.is_some()),
            ("max_norm", self.max_norm.is_some()),
        ];
        match changes.into_iter().find(|(_, is_stated)| *is_stated) {
            None => Ok(()),
            Some((key, _)) => Err(MethodError::FrozenClassifier(key)),
        }
    }
}

impl Loss {
    fn adjusts_for_class_sizes(self) -> bool {
        matches!(
            self,
            Loss::BalancedSoftmax
                | Loss::LogitAdjustment { .. }
                | Loss::VectorScaling { .. }
                | Loss::Lade { .. }
                | Loss::AttractionRepulsion
        )
    }

    fn check_head(self, head: Head) -> Result<(), MethodError> {
        match (self, head) {
            (Loss::Ldam { .. }, Head::Cosine) | (Loss::DotRegression { .. }, Head::FixedEtf) => Ok(()),
            (Loss::Ldam { .. }, _) => Err(MethodError::MarginsWithoutCosines(head.name())),
            (Loss::DotRegression { .. }, _) => Err(MethodError::RegressionWithoutEtf(head.name())),
            (_, Head::Linear | Head::ScaledCosine { .. }) => Ok(()),
            (_, Head::Cosine | Head::FixedEtf) => Err(MethodError::CosinesWithoutScale(head.name())),
        }
    }
}

#[cfg(test)]
mod tests;
