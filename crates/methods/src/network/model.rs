//! Model: backbone, classifier, and the state that training keeps beside them.

mod second_stage;
mod training_state;

use models::{Backbone, batch_norm_from_one};
use tch::nn::{BatchNorm, ModuleT, Path, VarStore};
use tch::{Device, Kind, Tensor};

pub use training_state::TrainingState;

use crate::method::Method;
use crate::network::classifier::Classifier;
use crate::network::precision::Precision;
use crate::parts::experts::Experts;
use crate::parts::head::Head;
use crate::parts::loss::LossInput;
use crate::parts::regularizer::FeatureTerm;
use crate::parts::second_stage::BackboneMode;

/// Prefix of the names of a model's tensors in a checkpoint.
pub(crate) const IN_CHECKPOINT: &str = "model.";

/// Path of the classifier's parameters, as in the public CIFAR code.
pub(crate) const CLASSIFIER: &str = "linear";
/// Path of the experts' classifiers, as in the public code of RIDE.
const EXPERT_CLASSIFIERS: &str = "linears";

/// Batch norm of the features before a fixed ETF.
const FEATURE_NORM: &str = "feature_norm";
/// Path of what contrastive learning has beside the classifier.
const CONTRAST: &str = "contrast";

/// A network with its trained state.
#[derive(Debug)]
pub struct Model {
    store: VarStore,
    backbone: Box<dyn ModuleT>,
    /// Batch norm of the features before a fixed ETF.
    feature_norm: Option<BatchNorm>,
    classifier: Classifier,
    /// How the frozen backbone runs while only the classifier learns; `None`: everything learns.
    frozen: Option<BackboneMode>,
    /// Factor on the learning rate of the classifier's weight and bias; 1 unless a second stage says otherwise.
    pub classifier_rate: f64,
    /// Precision of the backbone.
    pub precision: Precision,
    /// State that only training needs.
    pub training: TrainingState,
    /// The factor on logits in the method's loss.
    pub(crate) logit_scale: f64,
    /// Whether training makes their softmax, with that factor, probabilities.
    trains_softmax: bool,
    classes: i64,
}

impl Model {
    /// A network for `method` with `classes` outputs, initialised from libtorch's generator (seed it first). Its
    /// parameters are of `kind`: f32, or f64 to check the arithmetic.
    ///
    /// # Panics
    /// On a fixed ETF head with more than the backbone's dimension + 1 `classes`.
    pub fn new(backbone: Backbone, method: &Method, classes: i64, kind: Kind, device: Device) -> Model {
        let mut store = VarStore::new(device);
        let root = store.root();
        let head = |path: Path, dimension| Classifier::new(method.head, backbone, &path, dimension, classes);
        let (network, dimension, classifier) = match method.experts {
            None => {
                let dimension = backbone.dimension();
                (backbone.build(&root), dimension, head(&root / CLASSIFIER, dimension))
            }
            Some(experts) => {
                let dimension = experts.dimension(backbone);
                let heads = (0..experts.count()).map(|expert| head(&root / EXPERT_CLASSIFIERS / expert, dimension));
                let heads = Classifier::Experts(heads.collect());
                (experts.build(backbone, &root), dimension, heads)
            }
        };
        let feature_norm =
            (method.head == Head::FixedEtf).then(|| batch_norm_from_one(&(store.root() / FEATURE_NORM), dimension));
        let contrast = method
            .contrast
            .map(|contrast| contrast.build(&(&root / CONTRAST), dimension, classes));
        if kind == Kind::Double {
            store.double();
        }
        let regularizer = method
            .regularizer
            .as_ref()
            .map(|FeatureTerm::Nc(config)| nc::Regularizer::new(*config, classes, dimension, kind, device));
        Model {
            store,
            backbone: network,
            feature_norm,
            classifier,
            frozen: None,
            classifier_rate: 1.0,
            precision: Precision::default(),
            training: TrainingState {
                regularizer,
                contrast,
                labels_seen: method
                    .loss
                    .counts_labels()
                    .then(|| Tensor::zeros([classes], (kind, device))),
                max_norm: None,
            },
            logit_scale: method.loss.logit_scale() * method.experts.map_or(1.0, Experts::logit_scale),
            trains_softmax: method.loss.trains_softmax(),
            classes,
        }
    }

    /// Whether the tensor of that name belongs to what turns features into logits or projections, not to the backbone.
    pub(crate) fn is_in_head(name: &str) -> bool {
        [CLASSIFIER, FEATURE_NORM, CONTRAST]
            .iter()
            .any(|head| name.starts_with(head)) // experts' too
    }

    /// How many experts classify each image, `[b]`, from features `[b, e, d]`; `None` if all of them do.
    pub fn experts_used(&self, features: &Tensor) -> Option<Tensor> {
        match &self.classifier {
            Classifier::Routed { gates, .. } => {
                Some(gates.experts_used(features, &self.classifier.forward_each(features)))
            }
            _ => None,
        }
    }

    /// Projects the classifier's rows, if [`Model::limit_norms`] limits them.
    pub fn keep_norms(&self) {
        if let Some(max_norm) = &self.training.max_norm {
            max_norm.project(&self.classifier.rows().detach());
        }
    }

    /// Features `[b, d]`, with experts `[b, e, d]`, of normalised images in training mode: with batch statistics and
    /// gradients, unless the backbone is frozen.
    pub fn training_features(&self, images: &Tensor) -> Tensor {
        match self.frozen {
            None => self.forward(images, true),
            Some(mode) => tch::no_grad(|| self.forward(images, mode == BackboneMode::Train)),
        }
    }

    /// Training features of images and, from the same pass, of `views`, if there are any.
    pub(crate) fn features_with_views(&self, images: &Tensor, views: Option<&Tensor>) -> (Tensor, Option<Tensor>) {
        let Some(views) = views else {
            return (self.training_features(images), None);
        };
        let features = self.training_features(&Tensor::cat(&[images, views], 0));
        let batch = images.size()[0];
        (
            features.narrow(0, 0, batch),
            Some(features.narrow(0, batch, views.size()[0])),
        )
    }

    /// Features `[b, d]`, with experts `[b, e, d]`, of normalised images in evaluation mode.
    pub fn features(&self, images: &Tensor) -> Tensor {
        self.forward(images, false)
    }

    /// As [`Model::features`], with batch statistics (`train`) or running ones.
    fn forward(&self, images: &Tensor, train: bool) -> Tensor {
        let features = self.backbone.forward_t(&self.precision.cast(images), train);
        match &self.feature_norm {
            None => features,
            Some(norm) => norm.forward_t(&features, train),
        }
    }

    /// Logits of features in training: `[b, k]`, with experts those of each, `[b, e, k]`. Their gradient stops at the
    /// features if only the contrastive term trains those.
    pub fn training_logits(&self, features: &Tensor) -> Tensor {
        match &self.training.contrast {
            Some(branch) if branch.teaches_alone() => self.classifier.forward_each(&features.detach()),
            _ => self.classifier.forward_each(features),
        }
    }

    /// Logits `[b, k]` of features, which classify a sample: with experts their mean.
    pub fn logits(&self, features: &Tensor) -> Tensor {
        self.classifier.forward(features)
    }

    /// A teacher's output: logits `[b, k]` of normalised images in evaluation mode, in the scale of its loss and
    /// without gradients.
    pub(crate) fn answers(&self, images: &Tensor) -> Tensor {
        tch::no_grad(|| self.logits(&self.features(images)) * self.logit_scale)
    }

    /// The contrastive term of a batch's loss, a scalar, if there is one, from the batch with its images' own labels
    /// and the features of v further views of each image, `[vb, d]`.
    pub fn contrastive_loss(&self, batch: &LossInput<'_>, view_features: Option<&Tensor>) -> Option<Tensor> {
        let (branch, features) = (self.training.contrast.as_ref()?, view_features?);
        Some(branch.forward(batch, features, &self.classifier.unscaled_rows()))
    }

    /// Log-probabilities up to a constant per sample, `[n, k]`, from logits `[n, k]` of this model: they take the scale
    /// of its loss. `None` if logits mean no probabilities: after a loss that trains no softmax, and for distances to
    /// class means.
    pub fn log_odds(&self, logits: &Tensor) -> Option<Tensor> {
        let are_distances = matches!(self.classifier, Classifier::NearestClassMean(_));
        (self.trains_softmax && !are_distances).then(|| logits * self.logit_scale)
    }

    /// Neural-collapse metrics of features `[n, d]` with labels `[n]`, and of the classifier; with experts, of all
    /// their features `[n, e, d]` side by side. `None` if they are not defined (a class without samples, equal
    /// features).
    pub fn collapse(&self, features: &Tensor, labels: &Tensor) -> Option<nc::Metrics> {
        let (weight, bias) = self.classifier();
        let classifier = nc::LinearClassifier { weight, bias };
        nc::measure(&features.flatten(1, -1), labels, self.classes, Some(&classifier)).ok()
    }

    /// The classifier as rows `[k, d]`, with experts `[k, e · d]`, and its bias `[k]`, if it has one.
    pub fn classifier(&self) -> (Tensor, Option<Tensor>) {
        (self.classifier.rows().detach(), self.classifier.bias())
    }

    /// The variables that the optimizer updates, in the order of their names, each with the factor on its learning
    /// rate.
    pub fn learning_variables(&self) -> Vec<(Tensor, f64)> {
        let learning = self.named_tensors().into_iter();
        let learning = learning.filter(|(_, variable)| variable.requires_grad());
        let in_classifier = ["weight", "bias"].map(|tensor| format!("{CLASSIFIER}.{tensor}"));
        let rate = |name: &String| {
            if in_classifier.contains(name) {
                self.classifier_rate
            } else {
                1.0
            }
        };
        learning.map(|(name, variable)| (variable, rate(&name))).collect()
    }

    /// What turns features into logits.
    pub(crate) fn head(&self) -> &Classifier {
        &self.classifier
    }

    /// Every parameter and batch-norm statistic by its PyTorch name, sorted.
    pub fn named_tensors(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        named
    }

    /// The tensors that turn images into logits, by their PyTorch names, sorted: all but those of contrastive learning.
    pub fn weights(&self) -> Vec<(String, Tensor)> {
        let mut named = self.named_tensors();
        named.retain(|(name, _)| !name.starts_with(CONTRAST));
        named
    }

    /// What a checkpoint stores, by name: its tensors and the training state.
    pub fn state(&self) -> impl Iterator<Item = (String, Tensor)> {
        let named = self.named_tensors().into_iter();
        named
            .map(|(name, tensor)| (format!("{IN_CHECKPOINT}{name}"), tensor))
            .chain(self.training.state())
    }

    /// Trainable parameters.
    pub fn parameter_count(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }

    /// The device it is on.
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// Number of classes k.
    pub fn classes(&self) -> i64 {
        self.classes
    }
}
