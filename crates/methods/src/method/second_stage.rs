//! A second stage as a training of its own.

use crate::method::Method;
use crate::parts::augment::Augmentation;
use crate::parts::second_stage::SecondStage;
use crate::recipe::Recipe;

impl SecondStage {
    /// The second stage as the training loop runs it: its own recipe and method, with no epochs if it only computes.
    pub fn as_training(&self, first: &Recipe, method: &Method) -> (Recipe, Method) {
        let Some(retraining) = self.retraining() else {
            let recipe = Recipe {
                epochs: 0,
                ..first.clone()
            };
            let method = Method {
                distillation: None, // nothing is learnt, so nothing is distilled
                ..method.first_stage()
            };
            return (recipe, method);
        };
        let recipe = Recipe {
            epochs: retraining.epochs,
            learning_rate: retraining.learning_rate.clone(),
            weight_decay: retraining.weight_decay,
            warmup_epochs: 0,
            ..first.clone()
        };
        let augmentation = Augmentation {
            mix: None,
            ..method.augmentation.clone()
        };
        let method = Method {
            sampler: retraining.sampler,
            augmentation,
            loss: retraining.loss.unwrap_or(method.loss),
            reweight: retraining.reweight,
            head: method.head,
            ..Method::default()
        };
        (recipe, method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::distillation::Distillation;
    use crate::parts::second_stage::Sweep;
    use crate::protocol::Protocol;

    #[test]
    fn stages_that_compute_have_no_epochs_and_stages_that_train_have_their_own() {
        let (recipe, method) = (Protocol::Paper.recipe(), Method::default());
        let sweep = SecondStage::LogitAdjustment(Sweep::default());
        assert_eq!(sweep.as_training(&recipe, &method).0.epochs, 0);
        assert_eq!((sweep.epochs(), sweep.choices()), (0, None));
        let student = Method {
            distillation: Some(Distillation {
                teacher: "ce".into(),
                temperature: 3.0,
                weight: 0.5,
                labels_weight: None,
                power: 0.5,
            }),
            ..Method::default()
        };
        assert_eq!(sweep.as_training(&recipe, &student).1.distillation, None);
        let (trained, _) = SecondStage::Crt(Protocol::Paper.classifier_retraining()).as_training(&recipe, &method);
        assert_eq!((trained.epochs, trained.warmup_epochs), (10, 0));
    }
}
