//! Training of the gates between experts.

use datasets::DataError;
use tch::{Kind, Tensor};

use crate::images::Images;
use crate::network::gates::{Gates, means_so_far};
use crate::network::model::Model;
use crate::parts::augment::{Augmentation, Augmenter};
use crate::parts::sampler::Sampler;
use crate::parts::second_stage::ExpertAssignment;
use crate::recipe::LearningRate;
use crate::training::optimizer::Sgd;

const MOMENTUM: f64 = 0.9;

impl ExpertAssignment {
    /// Trains gates on the training images, augmented anew in each epoch but unmixed. Draws from libtorch's generator.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub(super) fn gates(self, model: &Model, train: &Images, augmentation: &Augmentation) -> Result<Gates, DataError> {
        let class_counts = Tensor::from_slice(&train.class_counts()).to_device(model.device());
        let class_counts = class_counts.to_kind(Kind::Float);
        let unmixed = Augmentation {
            mix: None,
            ..augmentation.clone()
        };
        let augmenter = Augmenter::new(unmixed, train, &class_counts);
        let shown = |indices: &Tensor| -> Result<_, DataError> {
            let batch = train.batch(indices)?;
            let (images, _) = augmenter.apply(&batch);
            Ok(tch::no_grad(|| {
                let features = model.features(&images); // [b, e, d]
                let logits = means_so_far(&model.training_logits(&features)); // [b, e, k]
                (features, logits, batch.labels)
            }))
        };
        let (features, logits, _) = shown(&Tensor::zeros([1], (Kind::Int64, model.device())))?;
        let gates = Gates::new(&features, logits.size()[2].min(self.top_choices), model.logit_scale);
        let mut optimizer = Sgd::new(&gates.variables(), MOMENTUM, self.weight_decay).nesterov();
        let rate = LearningRate::Cosine {
            initial: self.learning_rate,
        };
        for epoch in 0..self.epochs {
            let order = Sampler::ClassBalanced.epoch_order(train.labels(), &class_counts, 0.0);
            for batch in order.split(self.batch_size, 0) {
                let (features, logits, labels) = shown(&batch)?;
                gates.loss(&features, &logits, &labels, self.positive_weight).backward();
                optimizer.step(rate.at(epoch, self.epochs));
            }
        }
        for (variable, _) in gates.variables() {
            let _ = variable.set_requires_grad(false);
        }
        Ok(gates)
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Normalization, Split};
    use models::Backbone;
    use tch::Device;

    use super::*;
    use crate::method::Method;
    use crate::parts::augment::{Mix, Mixup};
    use crate::parts::experts::{Experts, Ride};

    #[test]
    fn gates_learn_on_images_that_are_augmented_but_not_mixed() {
        let method = Method {
            experts: Some(Experts::Ride(Ride::default())),
            ..Method::default()
        };
        tch::manual_seed(5);
        let model = Model::new(Backbone::Resnet8, &method, 3, Kind::Float, Device::Cpu);
        let split = Split::new(
            Tensor::randint(256, [12, 3, 16, 16], (Kind::Uint8, Device::Cpu)),
            Tensor::from_slice(&[0_i64, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2]),
            3,
        );
        let usual = Normalization {
            mean: [0.5; 3],
            deviation: [0.25; 3],
        };
        let train = Images::new(&split, &usual, Device::Cpu);
        let learnt = |augmentation: &Augmentation| {
            tch::manual_seed(6);
            let assignment = ExpertAssignment {
                batch_size: 6,
                ..ExpertAssignment::default()
            };
            let gates = assignment
                .gates(&model, &train, augmentation)
                .expect("images in memory");
            gates.variables().remove(0).0
        };
        let (plain, mixed) = (
            Augmentation {
                crop_and_flip: false,
                ..Augmentation::default()
            },
            Augmentation {
                mix: Some(Mix::Mixup(Mixup { alpha: 1.0 })),
                ..Augmentation::default()
            },
        );
        let augmented = learnt(&Augmentation::default());
        assert_eq!(learnt(&mixed), augmented);
        assert_ne!(learnt(&plain), augmented);
    }
}
