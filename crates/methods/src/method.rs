//! Method: the sum of parts.

mod beginning;
mod check;
mod second_stage;
mod words;

pub use check::MethodError;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::parts::augment::{Augmentation, Target};
use crate::parts::contrast::ContrastiveTerm;
use crate::parts::distillation::Distillation;
use crate::parts::experts::Experts;
use crate::parts::head::Head;
use crate::parts::initial::Initial;
use crate::parts::loss::{Loss, LossInput};
use crate::parts::pretext::Pretext;
use crate::parts::regularizer::FeatureTerm;
use crate::parts::reweight::Reweight;
use crate::parts::sampler::{Resample, Sampler};
use crate::parts::second_stage::SecondStage;
use crate::recipe::{Recipe, scale_epoch};

/// How one network is trained on long-tailed data. Any part may be swapped without touching another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// The samples that an epoch draws.
    #[serde(default)]
    pub sampler: Sampler,
    /// Another sampler, from an epoch on.
    pub resample: Option<Resample>,
    /// Changes of images, and so of targets.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// Logits against labels.
    #[serde(default)]
    pub loss: Loss,
    /// Class weights, from an epoch on.
    pub reweight: Option<Reweight>,
    /// A term on the features, given the labels, such as NC.
    pub regularizer: Option<FeatureTerm>,
    /// A term that compares the features of several views of each image.
    pub contrast: Option<ContrastiveTerm>,
    /// Features to logits.
    #[serde(default)]
    pub head: Head,
    /// Several networks that learn side by side; `None`: one.
    pub experts: Option<Experts>,
    /// A finished network whose outputs are learnt beside the labels.
    pub distillation: Option<Distillation>,
    /// What the network starts from; `None`: random weights.
    pub initial: Option<Initial>,
    /// A task to learn instead of the labels; `None`: the labels.
    pub pretext: Option<Pretext>,
    /// What is retrained or adjusted on the finished first stage.
    pub second_stage: Option<SecondStage>,
}

impl Method {
    /// The method without its second stage: second stages start from it, and several can share it.
    pub fn first_stage(&self) -> Method {
        Method {
            second_stage: None,
            ..self.clone()
        }
    }

    /// The method that pre-trains the network, if [`Method::initial`] asks for one: `pretext` on images augmented as
    /// the method's own, but unmixed.
    pub fn pre_training(&self) -> Option<Method> {
        let pretext = match self.initial {
            Some(Initial::Rotation) => Pretext::Rotation,
            _ => return None,
        };
        Some(Method {
            augmentation: Augmentation {
                mix: None,
                ..self.augmentation.clone()
            },
            pretext: Some(pretext),
            ..Method::default()
        })
    }

    /// Whether it is plain cross-entropy, whatever the augmentation.
    pub fn is_plain(&self) -> bool {
        *self
            == Method {
                augmentation: self.augmentation.clone(),
                ..Method::default()
            }
    }

    /// Augmented images `[b, 3, h, w]` with their target: unchanged or, under a pretext task, posed and with its
    /// labels.
    pub(crate) fn pose(&self, images: Tensor, target: Target) -> (Tensor, Target) {
        match self.pretext {
            None => (images, target),
            Some(pretext) => {
                let (images, labels) = pretext.pose(&images);
                (images, Target::Labels(labels))
            }
        }
    }

    /// Number of classes that it learns, on a data set of `classes` classes.
    pub fn classes(&self, classes: i64) -> i64 {
        self.pretext.map_or(classes, Pretext::classes)
    }

    /// Loss of a batch, a scalar: of one network's logits or of all experts'; 0 if a contrastive term replaces it.
    pub fn objective(&self, batch: &LossInput<'_>) -> Tensor {
        match (self.experts, self.contrast) {
            (Some(experts), _) => experts.forward(self.loss, batch),
            (None, Some(contrast)) if contrast.replaces_the_loss() => {
                Tensor::zeros([], (batch.logits.kind(), batch.logits.device()))
            }
            (None, _) => self.loss.forward(batch),
        }
    }

    /// The sampler of 0-based `epoch`.
    pub fn sampler_at(&self, epoch: i64) -> Sampler {
        match self.resample {
            Some(later) if epoch >= later.start_epoch => later.sampler,
            _ => self.sampler,
        }
    }

    /// The batches of an epoch: indices `[b]` of images in the order of its sampler; [`Experts::Bilateral`] appends as
    /// many in the order of [`Sampler::Reverse`], `[2b]`. Labels `[n]`, class counts `[k]`; draws from libtorch's
    /// generator.
    pub fn batches(&self, epoch: i64, recipe: &Recipe, labels: &Tensor, class_counts: &Tensor) -> Vec<Tensor> {
        let batches_of = |sampler: Sampler| {
            let order = sampler.epoch_order(labels, class_counts, recipe.progress(epoch)); // [n]
            order.split(recipe.batch_size, 0)
        };
        let batches = batches_of(self.sampler_at(epoch));
        match self.experts.and_then(Experts::second_sampler) {
            Some(second) => {
                let pairs = batches.iter().zip(batches_of(second));
                pairs.map(|(batch, second)| Tensor::cat(&[batch, &second], 0)).collect()
            }
            None => batches,
        }
    }

    /// The parts that start at an epoch: their keys and 0-based start epochs.
    pub fn starts(&self) -> Vec<(&'static str, i64)> {
        let mut method = self.clone();
        let starts = method.starts_mut().into_iter();
        starts.map(|(part, start)| (part, *start)).collect()
    }

    fn starts_mut(&mut self) -> Vec<(&'static str, &mut i64)> {
        let resample = self.resample.as_mut().map(|later| &mut later.start_epoch);
        let loss = self.loss.start_epoch_mut();
        let reweight = self.reweight.as_mut().map(Reweight::start_epoch_mut);
        let regularizer = self.regularizer.as_mut().map(FeatureTerm::start_epoch_mut);
        let starts = [
            ("resample", resample),
            ("loss", loss),
            ("reweight", reweight),
            ("nc", regularizer),
        ];
        let present = starts.into_iter().filter_map(|(part, start)| Some((part, start?)));
        present.collect()
    }

    /// The method scaled from a training of `planned` epochs to one of `epochs`: every start epoch scales with it, to
    /// the last epoch at the latest. A training of one epoch has no room for a later start, which then lies past its
    /// end. A second stage keeps its own length.
    pub fn scaled_to(&self, epochs: i64, planned: i64) -> Method {
        let factor = epochs as f64 / planned as f64;
        let mut method = self.clone();
        for (_, start) in method.starts_mut() {
            *start = scale_epoch(*start, factor).min((epochs - 1).max(1));
        }
        if let Some(later) = &mut method.resample {
            later.start_epoch = later.start_epoch.max(1); // or the first sampler never draws
        }
        if let Some(experts) = &mut method.experts {
            experts.scale(factor);
        }
        if let Some(mix) = &mut method.augmentation.mix {
            mix.scale(factor);
        }
        method
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deferred() -> Method {
        Method {
            resample: Some(Resample {
                sampler: Sampler::ClassBalanced,
                start_epoch: 160,
            }),
            loss: Loss::InfluenceBalanced {
                alpha: 1000.0,
                start_epoch: 100,
            },
            reweight: Some(Reweight::InverseFrequency {
                power: 1.0,
                start_epoch: 100,
            }),
            regularizer: Some(FeatureTerm::Nc(nc::Config {
                start_epoch: 80,
                ..nc::Config::default()
            })),
            ..Method::default()
        }
    }

    #[test]
    fn every_start_scales_with_the_length_of_training() {
        let starts = deferred().starts();
        assert_eq!(
            starts,
            [("resample", 160), ("loss", 100), ("reweight", 100), ("nc", 80)]
        );
        let starts = deferred().scaled_to(30, 200).starts();
        assert_eq!(starts, [("resample", 24), ("loss", 15), ("reweight", 15), ("nc", 12)]);
    }

    #[test]
    fn in_a_short_training_every_start_is_inside_it() {
        let starts = |epochs| deferred().scaled_to(epochs, 200);
        let starts = |epochs| {
            starts(epochs)
                .starts()
                .iter()
                .map(|(_, start)| *start)
                .collect::<Vec<_>>()
        };
        assert_eq!(starts(2), [1, 1, 1, 1]);
        assert_eq!(starts(3), [2, 2, 2, 1]);
        assert_eq!(starts(1), [1, 1, 1, 0], "without room for what comes later");
    }

    #[test]
    fn the_later_sampler_draws_from_its_start_epoch_on() {
        let method = deferred();
        assert_eq!(method.sampler_at(159), Sampler::InstanceBalanced);
        assert_eq!(method.sampler_at(160), Sampler::ClassBalanced);
    }

    #[test]
    fn two_branches_see_twice_the_images_and_most_of_the_second_half_are_rare() {
        tch::manual_seed(5);
        let labels = Tensor::from_slice(&[[0_i64; 90].as_slice(), &[1; 10]].concat());
        let recipe = Recipe {
            batch_size: 30,
            ..crate::Protocol::Paper.recipe()
        };
        let batches = |experts| {
            let method = Method {
                experts,
                ..Method::default()
            };
            method.batches(0, &recipe, &labels, &Tensor::from_slice(&[90.0_f32, 10.0]))
        };
        let sizes = |batches: &[Tensor]| batches.iter().map(|batch| batch.size()[0]).collect::<Vec<_>>();
        assert_eq!(sizes(&batches(None)), [30, 30, 30, 10]);
        let bilateral = batches(Some(Experts::Bilateral(crate::Bilateral::default())));
        assert_eq!(sizes(&bilateral), [60, 60, 60, 20]);
        let rare_share = |start| {
            let half = labels.index_select(0, &bilateral[0].narrow(0, start, 30));
            half.sum(tch::Kind::Int64).int64_value(&[])
        };
        assert!(
            rare_share(0) <= 10 && rare_share(30) > 15,
            "{} {}",
            rare_share(0),
            rare_share(30)
        );
    }

    #[test]
    fn cumulative_learning_scales_with_the_length_of_training() {
        let method = Method {
            experts: Some(Experts::Bilateral(crate::Bilateral { epochs: 200 })),
            ..Method::default()
        };
        let scaled = method.scaled_to(30, 200).experts;
        assert_eq!(scaled, Some(Experts::Bilateral(crate::Bilateral { epochs: 30 })));
    }
}
