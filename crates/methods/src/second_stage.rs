//! Second stages: what is retrained or adjusted on a finished first stage.

mod expert_assignment;
mod settings;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

pub use expert_assignment::{ExpertAssignment, Gates};

use crate::{
    Augmentation, ClassMeans, Classifier, FeatureTransform, Head, Images, LearningRate, Loss, Method, Model, Nearness,
    Recipe, Reweight, Sampler, features_of, logit_adjusted, tau_normalized,
};

/// The closed set of second stages. Some train a part of the network for some epochs, the backbone frozen; the others
/// compute a classifier and need no epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecondStage {
    /// Classifier re-training (Kang et al. 2020, §4.1). With another `loss`, its decoupled version.
    Crt(Retraining),
    /// Learnable weight scaling (Kang et al. 2020, §4.3): the classifier stays but for one learnt factor a class on its
    /// logits.
    Lws(Retraining),
    /// Classifier and factors as in LWS learn together; `backbone = "train"` is the shifted batch norm (Zhong et al. 2021,
    /// §3.3 and 3.4).
    Mislas(Retraining),
    /// Adaptive calibration of the frozen classifier's logits (Zhang et al. 2021, §4.2): see
    /// [`Classifier::Aligned`].
    DisAlign(Retraining),
    /// Classifier re-training with large weight decay and `max_norm` (Alshammari et al. 2022, §3.2).
    WeightBalancing(Retraining),
    /// See [`tau_normalized`].
    TauNormalization(Sweep),
    /// Post-hoc logit adjustment: see [`logit_adjusted`].
    LogitAdjustment(Sweep),
    /// Nearest-class-mean classification: see [`ClassMeans`].
    NearestClassMean {
        /// What is done to features.
        #[serde(default)]
        features: FeatureTransform,
        /// How near a feature is to a mean.
        #[serde(default)]
        nearness: Nearness,
    },
    /// As many experts as an image needs: see [`ExpertAssignment`]. Its gates learn on features alone.
    ExpertAssignment(ExpertAssignment),
}

/// How a second stage trains. No regularizer and no mixup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retraining {
    /// Length; it does not scale with the first stage.
    pub epochs: i64,
    /// Learning rate over these epochs, without warm-up.
    pub learning_rate: LearningRate,
    /// L2 coefficient on what learns.
    pub weight_decay: f64,
    /// Which samples an epoch draws.
    pub sampler: Sampler,
    /// What the classifier starts from.
    pub classifier: InitialClassifier,
    /// How batch norm runs in the frozen backbone.
    pub backbone: BackboneMode,
    /// `None`: the first stage's.
    pub loss: Option<Loss>,
    /// Class weights; `None`: all classes weigh 1.
    pub reweight: Option<Reweight>,
    /// Factor on the classifier's learning rate, where another part learns beside it; `None`: 1.
    pub classifier_rate: Option<f64>,
    /// Threshold of the [`crate::MaxNorm`] projection of the classifier's rows; `None`: they are free.
    pub max_norm: Option<f64>,
}

/// What a second stage's classifier starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialClassifier {
    /// Weights N(0, 0.01²), zero bias.
    Fresh,
    /// The first stage's.
    FirstStage,
}

/// How batch norm runs in a frozen backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneMode {
    /// Running statistics, which stay.
    Eval,
    /// Batch statistics; the running ones drift towards the second stage's sampling.
    Train,
}

/// The strengths τ of an adjustment. One is taken as it is; of several the one with the highest accuracy on the validation
/// split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// At least one.
    pub taus: Vec<f64>,
}

/// A classifier that a second stage computed.
#[derive(Debug)]
pub struct Adjusted {
    /// Its strength, where it has one.
    pub tau: Option<f64>,
    /// What takes the place of the first stage's.
    pub classifier: Classifier,
}

impl SecondStage {
    /// How it trains; `None` if it only computes.
    pub fn retraining(&self) -> Option<&Retraining> {
        match self {
            SecondStage::Crt(retraining)
            | SecondStage::Lws(retraining)
            | SecondStage::Mislas(retraining)
            | SecondStage::DisAlign(retraining)
            | SecondStage::WeightBalancing(retraining) => Some(retraining),
            SecondStage::TauNormalization(_)
            | SecondStage::LogitAdjustment(_)
            | SecondStage::NearestClassMean { .. }
            | SecondStage::ExpertAssignment(_) => None,
        }
    }

    /// Length in epochs; 0 if it only computes.
    pub fn epochs(&self) -> i64 {
        self.retraining().map_or(0, |retraining| retraining.epochs)
    }

    /// The strengths to choose among on a validation split; `None` if there is nothing to choose.
    pub fn choices(&self) -> Option<&[f64]> {
        match self {
            SecondStage::TauNormalization(Sweep { taus }) | SecondStage::LogitAdjustment(Sweep { taus }) => {
                (taus.len() > 1).then_some(taus)
            }
            _ => None,
        }
    }

    /// Whether it can follow a first stage with `head`. Class means need features alone and re-training anything that
    /// learns; the others act on a linear classifier's weights or on logits that are log-probabilities.
    pub fn fits(&self, head: Head) -> bool {
        match self {
            SecondStage::NearestClassMean { .. } | SecondStage::ExpertAssignment(_) => true,
            SecondStage::Crt(Retraining { max_norm: None, .. }) => matches!(head, Head::Linear | Head::Cosine),
            _ => head == Head::Linear,
        }
    }

    /// The second stage as the training loop runs it: a recipe and a method of its own, of no epochs if it only computes.
    pub fn as_training(&self, first: &Recipe, method: &Method) -> (Recipe, Method) {
        let Some(retraining) = self.retraining() else {
            let recipe = Recipe {
                epochs: 0,
                ..first.clone()
            };
            let method = Method {
                distillation: None, // nobody teaches where nothing is learnt
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

    /// Freezes `model`, the finished first stage, but for what this stage trains. Draws from libtorch's generator.
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

    /// The classifiers that it computes from the first stage's `model` and training images, one for each strength; none if
    /// it trains. Expert assignment draws from libtorch's generator.
    pub fn adjusted(&self, model: &Model, train: &Images) -> Vec<Adjusted> {
        let (weight, bias) = model.classifier();
        let bias = bias.unwrap_or_else(|| Tensor::zeros([model.classes()], (Kind::Float, model.device())));
        let sweep = |sweep: &Sweep, classifier: &dyn Fn(f64) -> Classifier| {
            let adjusted = |&tau: &f64| Adjusted {
                tau: Some(tau),
                classifier: classifier(tau),
            };
            sweep.taus.iter().map(adjusted).collect()
        };
        match self {
            SecondStage::TauNormalization(taus) => sweep(taus, &|tau| tau_normalized(&weight, tau)),
            SecondStage::LogitAdjustment(taus) => {
                let counts = Tensor::from_slice(&train.class_counts()).to_device(model.device());
                let counts = counts.to_kind(Kind::Float);
                sweep(taus, &|tau| logit_adjusted(&weight, &bias, &counts, tau))
            }
            SecondStage::NearestClassMean { features, nearness } => {
                let seen = features_of(model, train);
                let means = ClassMeans::new(&seen, train.labels(), model.classes(), *features, *nearness);
                vec![Adjusted {
                    tau: None,
                    classifier: Classifier::NearestClassMean(means),
                }]
            }
            SecondStage::ExpertAssignment(assignment) => vec![Adjusted {
                tau: None,
                classifier: model.routed_classifier(assignment.gates(model, train)),
            }],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use datasets::Dataset;
    use models::Backbone;
    use tch::Device;

    use super::*;
    use crate::{Distillation, Protocol};

    fn crt() -> Retraining {
        Protocol::Paper.classifier_retraining()
    }

    /// A first stage with room for three classes, and what `second_stage` makes of it.
    fn prepared(second_stage: &SecondStage) -> Model {
        tch::manual_seed(3);
        let mut model = Model::new(Backbone::Resnet8, &Method::default(), 3, Kind::Float, Device::Cpu);
        second_stage.prepare(&mut model);
        model
    }

    fn learning(model: &Model) -> Vec<String> {
        let named = model.named_tensors().into_iter();
        named
            .filter(|(_, variable)| variable.requires_grad())
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn only_what_a_second_stage_is_named_after_learns() {
        let classifier = ["linear.bias", "linear.weight"];
        let alignment = [
            "linear.alignment.confidence",
            "linear.alignment.confidence_bias",
            "linear.alignment.offset",
            "linear.alignment.scale",
        ];
        let cases: [(SecondStage, &[&str]); 5] = [
            (SecondStage::Crt(crt()), &classifier),
            (SecondStage::Lws(crt().of_scales()), &["linear.scale"]),
            (
                SecondStage::Mislas(Retraining::mislas(Dataset::Cifar10)),
                &["linear.bias", "linear.scale", "linear.weight"],
            ),
            (SecondStage::DisAlign(Retraining::dis_align()), &alignment),
            (
                SecondStage::WeightBalancing(Retraining::weight_balancing()),
                &classifier,
            ),
        ];
        for (second_stage, expected) in cases {
            assert_eq!(learning(&prepared(&second_stage)), expected, "{second_stage:?}");
        }
    }

    #[test]
    fn scales_start_at_the_first_stages_own_decisions() {
        // Each stage on one model before and after: libtorch's generator is shared with the tests beside this one.
        let features = Tensor::randn([4, 64], (Kind::Float, Device::Cpu));
        let before_and_after = |second_stage: SecondStage| {
            let mut model = Model::new(Backbone::Resnet8, &Method::default(), 3, Kind::Float, Device::Cpu);
            let before = model.logits(&features);
            second_stage.prepare(&mut model);
            (before, model.logits(&features))
        };
        let (first, scaled) = before_and_after(SecondStage::Lws(crt().of_scales()));
        assert_eq!(scaled, first);
        let (first, fresh) = before_and_after(SecondStage::Crt(crt()));
        assert!(!fresh.allclose(&first, 1e-3, 1e-3, false));
    }

    #[test]
    fn mislas_slows_the_classifier_down_and_not_its_scales() {
        let model = prepared(&SecondStage::Mislas(Retraining::mislas(Dataset::Cifar100)));
        let rates: Vec<f64> = model.learning_variables().into_iter().map(|(_, rate)| rate).collect();
        assert_eq!(rates, [0.2, 1.0, 0.2], "bias, scale, weight");
    }

    #[test]
    fn weight_balancing_keeps_rows_within_the_radius_of_its_start() {
        let model = prepared(&SecondStage::WeightBalancing(Retraining::weight_balancing()));
        let longest = || {
            model
                .classifier()
                .0
                .norm_scalaropt_dim(2, 1, false)
                .max()
                .double_value(&[])
        };
        model.keep_norms();
        let radius = longest();
        tch::no_grad(|| {
            let (weight, _) = model.learning_variables().remove(1);
            let _ = weight.shallow_clone().g_mul_scalar_(10.0);
        });
        assert!(longest() > 9.0 * radius);
        model.keep_norms();
        assert!((longest() - radius).abs() < 1e-5 * radius);
    }

    #[test]
    fn what_computes_has_no_epochs_and_what_trains_has_its_own() {
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
        let (trained, _) = SecondStage::Crt(crt()).as_training(&recipe, &method);
        assert_eq!((trained.epochs, trained.warmup_epochs), (10, 0));
    }
}
