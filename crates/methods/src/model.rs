//! Model: backbone, classifier, regularizer state.

use models::Backbone;
use tch::nn::{ModuleT, VarStore};
use tch::{Device, Kind, Tensor};

use crate::{BackboneMode, Classifier, Method, Regularizer};

/// One network with everything it has learnt.
#[derive(Debug)]
pub struct Model {
    store: VarStore,
    backbone: Box<dyn ModuleT>,
    classifier: Classifier,
    /// How the backbone runs while only the classifier learns; `None`: everything learns.
    frozen: Option<BackboneMode>,
    /// Neural-collapse regularizer with its centres.
    pub regularizer: Option<nc::Regularizer>,
    classes: i64,
}

impl Model {
    /// A network for `method` with `classes` outputs, initialised from libtorch's generator (seed it before).
    pub fn new(backbone: Backbone, method: &Method, classes: i64, kind: Kind, device: Device) -> Model {
        let mut store = VarStore::new(device);
        let network = backbone.build(&store.root());
        let classifier = method
            .head
            .build(&(store.root() / "linear"), backbone.dimension(), classes);
        if kind == Kind::Double {
            store.double();
        }
        let regularizer = method
            .regularizer
            .as_ref()
            .map(|Regularizer::Nc(config)| nc::Regularizer::new(*config, classes, backbone.dimension(), kind, device));
        Model {
            store,
            backbone: network,
            classifier,
            frozen: None,
            regularizer,
            classes,
        }
    }

    /// From now on only the classifier learns; the backbone runs in `mode`, without gradients.
    pub fn freeze_backbone(&mut self, mode: BackboneMode) {
        self.frozen = Some(mode);
    }

    /// Gives the linear classifier fresh weights N(0, 0.01²) and zero bias (Kang et al. 2020's code); a cosine
    /// classifier, whose scale does not matter, its own initialisation.
    pub fn reset_classifier(&mut self) {
        let _no_grad = tch::no_grad_guard();
        match &mut self.classifier {
            Classifier::Linear { weight, bias } => {
                let _ = weight.normal_(0.0, 0.01);
                let _ = bias.zero_();
            }
            Classifier::Cosine { weight } => {
                let _ = weight.uniform_(-1.0, 1.0);
            }
            Classifier::NearestClassMean(_) => {} // computed from features, not drawn
        }
    }

    /// Features `[b, d]` of normalised images as training sees them: batch statistics and gradients, unless the backbone
    /// is frozen.
    pub fn training_features(&self, images: &Tensor) -> Tensor {
        match self.frozen {
            None => self.backbone.forward_t(images, true),
            Some(mode) => tch::no_grad(|| self.backbone.forward_t(images, mode == BackboneMode::Train)),
        }
    }

    /// Features `[b, d]` of normalised images in evaluation mode.
    pub fn features(&self, images: &Tensor) -> Tensor {
        self.backbone.forward_t(images, false)
    }

    /// Logits `[b, k]` of features `[b, d]`.
    pub fn logits(&self, features: &Tensor) -> Tensor {
        self.classifier.forward(features)
    }

    /// The classifier as rows `[k, d]` and, where it has one, its bias `[k]`.
    pub fn classifier(&self) -> (Tensor, Option<Tensor>) {
        (self.classifier.rows(), self.classifier.bias())
    }

    /// What the optimizer updates: all parameters, or the classifier's, in the order of their names.
    pub fn learning_variables(&self) -> Vec<Tensor> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        named.retain(|(name, variable)| {
            variable.requires_grad() && (self.frozen.is_none() || name.starts_with("linear."))
        });
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        named.into_iter().map(|(_, variable)| variable).collect()
    }

    /// Every parameter and batch-norm statistic by its PyTorch name, sorted.
    pub fn named_tensors(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        named
    }

    /// Trainable parameters.
    pub fn parameter_count(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }

    /// Where it lives.
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// Number of classes k.
    pub fn classes(&self) -> i64 {
        self.classes
    }
}
