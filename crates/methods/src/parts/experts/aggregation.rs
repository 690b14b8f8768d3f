//! Test-time aggregation: weights of the experts, learnt from test images without labels.

use tch::{Device, Kind, Tensor};

const EPOCHS: usize = 5;
const BATCH: i64 = 128;
const LEARNING_RATE: f64 = 0.1;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 5e-4;
/// Learning stops when a weight falls below this, before the expert is lost: 0.05 in the public code, which rounds the
/// weights to hundredths first.
const LEAST_WEIGHT: f64 = 0.045;

/// Weights of the experts `[e]`, positive with sum 1, under which predictions for two views of an image agree most:
/// softmax of scores that maximise the cosine of softmax(Σ_e w_e z_e) and softmax(Σ_e w_e z'_e), averaged over images
/// (Zhang et al. 2022, §4.2, and their code: 5 epochs of SGD with Nesterov momentum in batches of 128). Views are
/// logits z and z' `[n, e, k]` of the test images to classify. Draws the order from libtorch's generator.
///
/// Deviation: views are drawn once, not in every epoch, by crop and flip without the authors' colour changes and blur.
pub fn stable_weights(views: [&Tensor; 2]) -> Tensor {
    let (images, experts) = (views[0].size()[0], views[0].size()[1]);
    let options = (views[0].kind(), views[0].device());
    let mut scores = Tensor::zeros([experts], options).set_requires_grad(true);
    let mut velocity = scores.zeros_like();
    for _ in 0..EPOCHS {
        for batch in Tensor::randperm(images, (Kind::Int64, options.1)).split(BATCH, 0) {
            let [first, second] = views.map(|logits| logits.index_select(0, &batch));
            let gradient = tch::with_grad(|| {
                let weights = scores.softmax(0, options.0);
                let [first, second] = [first, second].map(|logits| weighted(&logits, &weights).softmax(1, options.0));
                let loss = -Tensor::cosine_similarity(&first, &second, 1, 1e-6).mean(options.0);
                Tensor::run_backward(&[loss], &[&scores], false, false).remove(0)
            });
            tch::no_grad(|| {
                let gradient = gradient + &scores * WEIGHT_DECAY;
                velocity = &velocity * MOMENTUM + &gradient;
                scores -= (gradient + &velocity * MOMENTUM) * LEARNING_RATE; // Nesterov's
            });
        }
        let least = scores.detach().softmax(0, options.0).min();
        if least.to_device(Device::Cpu).double_value(&[]) < LEAST_WEIGHT {
            break;
        }
    }
    scores.detach().softmax(0, options.0)
}

/// Logits of experts `[n, e, k]`, averaged with weights `[e]`: `[n, k]`.
pub fn weighted(logits: &Tensor, weights: &Tensor) -> Tensor {
    (logits * weights.view([1, -1, 1])).sum_dim_intlist(1_i64, false, None::<Kind>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expert_that_agrees_on_both_views_gets_the_largest_weight() {
        tch::manual_seed(8);
        let double = (Kind::Double, Device::Cpu);
        let logits = Tensor::randn([640, 3, 4], double) * 3.0;
        let noise = Tensor::from_slice(&[2.0, 0.1, 2.0]).view([1, 3, 1]); // of each expert, between the views
        let other = &logits + Tensor::randn([640, 3, 4], double) * noise;
        let weights = Vec::<f64>::try_from(stable_weights([&logits, &other])).unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[1] > 0.4, "{weights:?}");
        assert!((weights[0] - weights[2]).abs() < 0.1, "{weights:?}");
    }

    #[test]
    fn identical_views_leave_equal_weights() {
        tch::manual_seed(9);
        let logits = Tensor::randn([200, 3, 4], (Kind::Double, Device::Cpu));
        let weights = stable_weights([&logits, &logits]);
        assert!(
            weights.allclose(&weights.full_like(1.0 / 3.0), 1e-6, 1e-6, false),
            "{weights}"
        );
    }
}
