//! The attraction–repulsion-balanced loss (Xie et al., Neurocomputing 2023).

use tch::{Kind, Reduction, Tensor};

/// ARB-Loss: `−(1/b) Σ_i ln( exp(z_{y_i}) / Σ_k (n_k / n_{y_i}) exp(z_k) )`: scalar.
///
/// Shapes: logits `[b, k]`, labels `[b]` i64, `class_counts` and `class_weights` `[k]`; weights w make it the weighted
/// mean Σ w_y l / Σ w_y. With the batch's own counts ([`batch_counts`]), classes absent from the batch do not repel;
/// with the counts of the training set (the authors' configurations named `ugcc`) it is balanced softmax, exactly.
/// Source: `train_stage1.py` of `lilydedbb/ARBLOSS`. Deviation: they clamp logits to ±30; ours need no clamp, since the
/// exponentials are never formed.
pub fn attraction_repulsion(
    logits: &Tensor,
    labels: &Tensor,
    class_counts: &Tensor,
    class_weights: Option<&Tensor>,
) -> Tensor {
    let priors = class_counts.to_kind(logits.kind()).log(); // -inf for an absent class: it adds nothing to the sum
    (logits + priors).cross_entropy_loss(labels, class_weights, Reduction::Mean, -100, 0.0)
}

/// How many samples of each class a batch has: labels `[b]` i64 → `[k]`, on the labels' device, without copying
/// anything to the host.
pub fn batch_counts(labels: &Tensor, classes: i64) -> Tensor {
    let zeros = Tensor::zeros(classes, (Kind::Float, labels.device()));
    zeros.index_add(0, labels, &labels.ones_like().to_kind(Kind::Float))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn the_loss_is_the_formula_of_its_source() {
        let logits = Tensor::from_slice2(&[[1.0_f64, 2.0, -1.0], [0.5, 0.0, 3.0]]);
        let labels = Tensor::from_slice(&[0_i64, 2]);
        let counts = [5.0_f64, 2.0, 1.0];
        let term = |z: [f64; 3], y: usize| {
            let sum: f64 = (0..3).map(|k| counts[k] / counts[y] * z[k].exp()).sum();
            -(z[y].exp() / sum).ln()
        };
        let expected = f64::midpoint(term([1.0, 2.0, -1.0], 0), term([0.5, 0.0, 3.0], 2));
        let got = attraction_repulsion(&logits, &labels, &Tensor::from_slice(&counts), None).double_value(&[]);
        assert!((got - expected).abs() < 1e-12);
    }

    #[test]
    fn a_class_absent_from_the_batch_does_not_repel() {
        let logits = Tensor::randn([6, 3], (Kind::Double, Device::Cpu)).set_requires_grad(true);
        let labels = Tensor::from_slice(&[0_i64, 0, 2, 2, 2, 0]);
        attraction_repulsion(&logits, &labels, &batch_counts(&labels, 3), None).backward();
        let gradient = logits.grad();
        assert!(gradient.select(1, 1).abs().max().double_value(&[]) < f64::MIN_POSITIVE);
        assert!(gradient.select(1, 0).abs().min().double_value(&[]) > 0.0);
    }
}
