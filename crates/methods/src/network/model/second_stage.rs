//! Changes that second stages make to a finished model.

use models::linear_bias;
use tch::Tensor;
use tch::nn::Init;

use super::{CLASSIFIER, Model};
use crate::network::classifier::Classifier;
use crate::network::gates::Gates;
use crate::network::max_norm::MaxNorm;
use crate::parts::second_stage::{BackboneMode, InitialClassifier, SecondStage};
use crate::unit::normalized;

impl Model {
    /// From now on only the classifier learns; the backbone runs in `mode`, without gradients.
    pub fn freeze_backbone(&mut self, mode: BackboneMode) {
        self.frozen = Some(mode);
        self.stop_learning(|name| !name.starts_with(CLASSIFIER));
    }

    /// From now on the present classifier does not learn; what is added to it later does.
    pub fn freeze_classifier(&mut self) {
        self.stop_learning(|name| name.starts_with(CLASSIFIER));
    }

    fn stop_learning(&self, stops: impl Fn(&str) -> bool) {
        for (name, variable) in self.named_tensors() {
            if stops(&name) {
                let _ = variable.set_requires_grad(false);
            }
        }
    }

    /// Gives the linear classifier fresh weights N(0, 0.01²) and zero bias (Kang et al. 2020's code); a cosine
    /// classifier its own initialisation, with columns of length 1: cosines do not depend on their length, but the
    /// longer they are, the less a step rotates them. Other classifiers stay.
    pub fn reset_classifier(&mut self) {
        let _no_grad = tch::no_grad_guard();
        match &mut self.classifier {
            Classifier::Linear { weight, bias } => {
                let _ = weight.normal_(0.0, 0.01);
                let _ = bias.zero_();
            }
            Classifier::Cosine { weight } => {
                let _ = weight.uniform_(-1.0, 1.0);
                weight.copy_(&normalized(weight, 0));
            }
            Classifier::FixedEtf { .. }
            | Classifier::Scaled { .. }
            | Classifier::Aligned { .. }
            | Classifier::NearestClassMean(_)
            | Classifier::Experts(_)
            | Classifier::Routed { .. } => {}
        }
    }

    /// Adds a learnable factor, initially 1, to each class's logit: [`Classifier::Scaled`].
    pub fn scale_classes(&mut self) {
        let scale = (self.store.root() / CLASSIFIER).ones("scale", &[self.classes]);
        self.wrap_classifier(|base| Classifier::Scaled { base, scale });
    }

    /// Adds learnable factors, initially 1, summands, initially 0, and their confidence, with weights 0.1:
    /// [`Classifier::Aligned`].
    pub fn align_classes(&mut self) {
        let path = self.store.root() / CLASSIFIER / "alignment";
        let dimension = self.classifier.rows().size()[1];
        let (scale, offset) = (
            path.ones("scale", &[self.classes]),
            path.zeros("offset", &[self.classes]),
        );
        let confidence = path.var("confidence", &[1, dimension], Init::Const(0.1));
        let confidence_bias = linear_bias(&path, "confidence_bias", dimension, 1);
        self.wrap_classifier(|base| Classifier::Aligned {
            base,
            scale,
            offset,
            confidence,
            confidence_bias,
        });
    }

    fn wrap_classifier(&mut self, wrap: impl FnOnce(Box<Classifier>) -> Classifier) {
        let nothing = Classifier::Cosine { weight: Tensor::new() };
        let base = std::mem::replace(&mut self.classifier, nothing);
        self.classifier = wrap(Box::new(base));
    }

    /// Replaces the trained classifier.
    pub fn replace_classifier(&mut self, classifier: Classifier) {
        self.classifier = classifier;
    }

    /// The experts' classifier, with gates that decide how many of them are used.
    ///
    /// # Panics
    /// If there are no experts.
    pub(crate) fn routed_classifier(&self, gates: Gates) -> Classifier {
        let Classifier::Experts(experts) = &self.classifier else {
            panic!("expert assignment is refused where there are no experts")
        };
        Classifier::Routed {
            experts: experts.clone(),
            gates,
        }
    }

    /// From now on [`Model::keep_norms`] keeps the linear classifier's rows within the ball given by `threshold` and
    /// their present lengths: [`MaxNorm::new`].
    pub fn limit_norms(&mut self, threshold: f64) {
        self.training.max_norm = Some(MaxNorm::new(&self.classifier.rows().detach(), threshold));
    }
}

impl SecondStage {
    /// Freezes `model`, the finished first stage, except for what this stage trains. Draws from libtorch's generator.
    pub fn prepare(&self, model: &mut Model) {
        let Some(retraining) = self.retraining() else {
            return;
        };
        if retraining.classifier == InitialClassifier::Fresh {
            model.reset_classifier();
        }
        model.freeze_backbone(retraining.backbone);
        match self {
            SecondStage::Lws(_) => {
                model.freeze_classifier();
                model.scale_classes();
            }
            SecondStage::Mislas(_) => model.scale_classes(),
            SecondStage::DisAlign(_) => {
                model.freeze_classifier();
                model.align_classes();
            }
            _ => {}
        }
        if let Some(rate) = retraining.classifier_rate {
            model.classifier_rate = rate;
        }
        if let Some(threshold) = retraining.max_norm {
            model.limit_norms(threshold);
        }
    }
}

#[cfg(test)]
mod tests;
