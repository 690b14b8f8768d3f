//! Post-hoc adjustment: classifiers computed from a trained one without training.

use tch::Tensor;

use crate::network::classifier::Classifier;
use crate::parts::loss::prior_adjustment;

/// Logit adjustment: the linear classifier with `τ ln π_k` ([`prior_adjustment`]) subtracted from its logits, where π_k
/// is class k's share of the training images (Menon et al. 2021, Eq. 9). Shapes: weight `[k, d]`, bias and
/// `class_counts` `[k]`.
pub fn logit_adjusted(weight: &Tensor, bias: &Tensor, class_counts: &Tensor, tau: f64) -> Classifier {
    Classifier::Linear {
        weight: weight.shallow_clone(),
        bias: bias - prior_adjustment(class_counts, tau),
    }
}

/// τ-normalisation: `w_k / ‖w_k‖^τ`, without the bias (Kang et al. 2020, Eq. 4 and their public code). Weight `[k, d]`.
pub fn tau_normalized(weight: &Tensor, tau: f64) -> Classifier {
    let lengths = weight.norm_scalaropt_dim(2, 1, true); // [k, 1]
    Classifier::Linear {
        weight: weight / lengths.pow_tensor_scalar(tau),
        bias: Tensor::zeros(weight.size()[0], (weight.kind(), weight.device())),
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn logits(classifier: &Classifier, features: &Tensor) -> Tensor {
        classifier.forward(features)
    }

    #[test]
    fn tau_zero_is_the_classifier_itself() {
        let (weight, bias) = (Tensor::randn([3, 5], OPTIONS), Tensor::randn([3], OPTIONS));
        let features = Tensor::randn([4, 5], OPTIONS);
        let counts = Tensor::from_slice(&[50.0, 5.0, 1.0]);
        let plain = features.linear(&weight, Some(&bias));
        let adjusted = logits(&logit_adjusted(&weight, &bias, &counts, 0.0), &features);
        assert!(adjusted.allclose(&plain, 1e-9, 1e-9, false));
        let normalized = logits(&tau_normalized(&weight, 0.0), &features);
        assert!(normalized.allclose(&(plain - bias), 1e-9, 1e-9, false));
    }

    #[test]
    fn larger_tau_moves_decisions_from_frequent_to_rare_classes() {
        let weight = Tensor::from_slice2(&[[3.0, 0.0], [0.0, 1.0]]);
        let bias = Tensor::zeros([2], OPTIONS);
        let counts = Tensor::from_slice(&[90.0, 10.0]);
        let feature = Tensor::from_slice2(&[[0.5, 1.0]]);
        let decision = |classifier: &Classifier| logits(classifier, &feature).argmax(1, false).int64_value(&[0]);
        assert_eq!(decision(&logit_adjusted(&weight, &bias, &counts, 0.0)), 0);
        assert_eq!(decision(&logit_adjusted(&weight, &bias, &counts, 1.0)), 1);
        assert_eq!(decision(&tau_normalized(&weight, 1.0)), 1);
    }
}
