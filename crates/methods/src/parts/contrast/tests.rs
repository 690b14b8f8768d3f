use models::Backbone;
use tch::{Device, Kind};

use super::*;
use crate::method::Method;
use crate::network::model::Model;

/// Gradients of the loss and of the contrastive term with respect to the features of a batch: sums of absolute values.
fn gradients(contrast: ContrastiveTerm) -> (f64, f64) {
    tch::manual_seed(4);
    let method = Method {
        contrast: Some(contrast),
        ..Method::default()
    };
    let model = Model::new(Backbone::Resnet8, &method, 3, Kind::Double, Device::Cpu);
    let reaching = |term: &dyn Fn(&LossInput<'_>, &Tensor) -> Tensor| {
        let features = |images| Tensor::randn([images, 64], (Kind::Double, Device::Cpu)).set_requires_grad(true);
        let (features, more) = (features(2), features(4).narrow(0, 0, 2 * contrast.more_views() as i64));
        let logits = model.training_logits(&features);
        let batch = LossInput {
            logits: &logits,
            labels: &Tensor::from_slice(&[0_i64, 2]),
            features: &features,
            class_counts: &Tensor::from_slice(&[5.0, 3.0, 2.0]),
            class_weights: None,
            labels_seen: None,
            epoch: 0,
        };
        let value = term(&batch, &more) + (&features + 0.0).sum(Kind::Double) * 0.0; // so that there is a gradient
        value.backward();
        features.grad().abs().sum(Kind::Double).double_value(&[])
    };
    let from_loss = reaching(&|batch, _| method.objective(batch));
    let from_contrast = reaching(&|batch, more| model.contrastive_loss(batch, Some(more)).unwrap());
    (from_loss, from_contrast)
}

#[test]
fn features_learn_from_the_loss_or_from_the_contrast_on_both_views() {
    for beside in [
        ContrastiveTerm::Balanced(BalancedContrast::default()),
        ContrastiveTerm::Probabilistic(ProbabilisticContrast::default()),
    ] {
        let (from_loss, from_contrast) = gradients(beside);
        assert!(beside.is_beside_the_loss());
        assert!(
            from_loss > 0.0 && from_contrast < 1e-12,
            "the batch is none of its views"
        );
    }
    for alone in [
        ContrastiveTerm::KPositive(KPositiveContrast::default()),
        ContrastiveTerm::Parametric(ParametricContrast::default()),
    ] {
        let (from_loss, from_contrast) = gradients(alone);
        assert!(!alone.is_beside_the_loss());
        assert!(
            from_loss < 1e-12 && from_contrast > 1e-6,
            "{alone:?}: {from_loss} {from_contrast}"
        );
    }
}
