//! The description of a method in plans and tables.

use std::fmt;

use crate::method::Method;
use crate::parts::distillation::Distillation;
use crate::parts::head::Head;
use crate::parts::initial::Initial;
use crate::parts::regularizer::FeatureTerm;
use crate::parts::sampler::Sampler;
use crate::parts::second_stage::SecondStage;

/// Its parts but for the augmentation, such as `cross-entropy, re-weighted from epoch 160, NC from epoch 0`.
impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = match (self.pretext, self.contrast) {
            (Some(pretext), _) => vec![pretext.to_string()],
            (None, Some(contrast)) if contrast.replaces_the_loss() => Vec::new(),
            (None, _) => vec![self.loss.to_string()],
        };
        parts.extend(self.experts.map(|experts| experts.to_string()));
        if self.head != Head::Linear {
            parts.push(self.head.to_string());
        }
        if self.sampler != Sampler::InstanceBalanced {
            parts.push(self.sampler.to_string());
        }
        parts.extend(self.resample.map(|later| later.to_string()));
        parts.extend(self.reweight.map(|reweight| reweight.to_string()));
        parts.extend(self.regularizer.as_ref().map(FeatureTerm::to_string));
        parts.extend(self.contrast.map(|contrast| contrast.to_string()));
        parts.extend(self.distillation.as_ref().map(Distillation::to_string));
        parts.extend(self.initial.as_ref().map(Initial::to_string));
        parts.extend(self.second_stage.as_ref().map(SecondStage::to_string));
        formatter.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
