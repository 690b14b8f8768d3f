//! Mean squared error against one-hot targets, and how much of it each part of neural collapse accounts for.

use tch::{Device, Kind, Tensor, no_grad};

use crate::angles::sum;
use crate::{Error, LinearClassifier, Statistics};

/// Eigenvalues below this share of the largest are the null space.
const NULL_SPACE: f64 = 1e-12;

/// Mean over all `b·k` entries of `(z − onehot)²`, the `MSE` loss of the code of Liu et al. (2023): scalar.
///
/// Shapes: logits `[b, k]`, labels `[b]` i64.
pub fn mean_squared_error(logits: &Tensor, labels: &Tensor) -> Tensor {
    let targets = labels.one_hot(logits.size()[1]).to_kind(logits.kind());
    (logits - targets).square().mean(None::<Kind>)
}

/// A squared error in three parts, each 0 when its part of neural collapse is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredError {
    /// `Σ ‖W h_i + b − onehot‖²`, summed or averaged over samples as the function says.
    pub total: f64,
    /// Due to the spread of features about their class means, at the least-squares classifier.
    pub within_class: f64,
    /// Due to the class means not being linearly separable into one-hot vectors, at the least-squares classifier.
    pub class_means: f64,
    /// Due to the classifier not being the least-squares one.
    pub perpendicular: f64,
}

impl Statistics {
    /// Splits the squared error of these features under `classifier`, summed over samples and all k classes:
    /// `total = within_class + class_means + perpendicular` for any class counts.
    ///
    /// With `h̃ = [h; 1]`, `W̃ = [W b]` and its least-squares value `W̃_LS`: `Σ ‖W̃_LS (h̃_i − μ̃_{y_i})‖²`,
    /// `Σ_k n_k ‖W̃_LS μ̃_k − e_k‖²` and `Σ ‖(W̃ − W̃_LS) h̃_i‖²`. A classifier without bias has b = 0. Source:
    /// `MSE_decom` of the code of Liu et al. (2023), after Han, Papyan and Donoho (ICLR 2022).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the classifier.
    pub fn squared_error(&self, classifier: &LinearClassifier) -> Result<SquaredError, Error> {
        let (weight, bias) = self.on_cpu(classifier)?;
        Ok(no_grad(|| {
            let counts = self.counts.to_device(Device::Cpu).unsqueeze(-1); // [p, 1]
            let means = with_column(&self.means.to_device(Device::Cpu), &counts.ones_like()); // [p, d+1]
            let classifier = with_column(&weight, &bias.unsqueeze(-1)); // [k, d+1]
            let targets = self
                .present
                .to_device(Device::Cpu)
                .one_hot(self.classes)
                .to_kind(Kind::Double); // [p, k]
            let within = self.within_scatter.to_device(Device::Cpu).constant_pad_nd([0, 1, 0, 1]); // [d+1, d+1]
            let second_moment = &within + means.tr().matmul(&(&means * &counts));
            let correlation = means.tr().matmul(&(&targets * &counts)); // [d+1, k]
            let least_squares = pseudo_inverse(&second_moment).matmul(&correlation).tr(); // [k, d+1]
            let within_part = |map: &Tensor| sum(&(map.matmul(&within) * map));
            let mean_part = |map: &Tensor| sum(&((means.matmul(&map.tr()) - &targets).square() * &counts));
            let difference = &classifier - &least_squares;
            SquaredError {
                total: within_part(&classifier) + mean_part(&classifier),
                within_class: within_part(&least_squares),
                class_means: mean_part(&least_squares),
                perpendicular: sum(&(difference.matmul(&second_moment) * &difference)),
            }
        }))
    }

    /// Splits the regularised squared error as Han, Papyan and Donoho (ICLR 2022) do, with unweighted means over
    /// classes. For balanced classes the three parts sum to `½ (total + λ ‖[W b]‖²)` with `λ = weight_decay / 2`; for
    /// unequal class counts they do not. `total` is the mean over samples.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the classifier.
    pub fn regularised_squared_error(
        &self,
        classifier: &LinearClassifier,
        weight_decay: f64,
    ) -> Result<SquaredError, Error> {
        let total = self.squared_error(classifier)?.total / self.samples;
        let (weight, bias) = self.on_cpu(classifier)?;
        Ok(no_grad(|| {
            let decay = weight_decay / 2.0;
            let classes = self.present_classes();
            let present = self.present.to_device(Device::Cpu);
            let means = self.means.to_device(Device::Cpu); // [p, d]
            let centred = self.centred.to_device(Device::Cpu);
            let mean = means.mean_dim(0, false, None::<Kind>); // [d]
            let eye = Tensor::eye(mean.size()[0], (Kind::Double, Device::Cpu));
            let within = self.within_scatter.to_device(Device::Cpu) / self.samples;
            let covariance = &within + centred.tr().matmul(&centred) / classes;
            let mean_square = mean.outer(&mean);
            let shrunk = &covariance + &mean_square * (decay / (1.0 + decay)) + &eye * decay;
            let best_weight = (&means - &mean / (1.0 + decay)).matmul(&pseudo_inverse(&shrunk)) / classes; // [p, d]
            let best_bias = (best_weight.matmul(&mean) * -1.0 + 1.0 / classes) / (1.0 + decay); // [p]
            let predictions = best_weight.matmul(&means.tr()) + best_bias.unsqueeze(-1); // [p, p]
            let weight_gap = weight.index_select(0, &present) - &best_weight;
            let bias_gap = bias.index_select(0, &present) - &best_bias;
            let cross = weight_gap.matmul(&mean) * &bias_gap; // [p]
            let quadratic = weight_gap.matmul(&(covariance + mean_square + &eye * decay)) * &weight_gap;
            let spread = best_weight.matmul(&(within + eye * decay)) * &best_weight;
            let targets = Tensor::eye(classes as i64, (Kind::Double, Device::Cpu));
            SquaredError {
                total,
                within_class: 0.5 * (sum(&spread) + decay * sum(&best_bias.square())),
                class_means: 0.5 / classes * sum(&(predictions - targets).square()),
                perpendicular: 0.5 * (sum(&quadratic) + 2.0 * sum(&cross) + (1.0 + decay) * sum(&bias_gap.square())),
            }
        }))
    }

    /// The classifier's rows `[k, d]` and biases `[k]`, 0 if it has none, in f64 on the CPU.
    fn on_cpu(&self, classifier: &LinearClassifier) -> Result<(Tensor, Tensor), Error> {
        let LinearClassifier { weight, bias } = classifier.converted_for(self)?;
        let bias = bias.unwrap_or_else(|| Tensor::zeros(self.classes, (Kind::Double, Device::Cpu)));
        Ok((weight.to_device(Device::Cpu), bias.to_device(Device::Cpu)))
    }
}

/// `[n, d]` and `[n, 1]` side by side.
fn with_column(rows: &Tensor, column: &Tensor) -> Tensor {
    Tensor::cat(&[rows, column], 1)
}

/// Inverse of a symmetric positive semi-definite matrix on its range.
fn pseudo_inverse(matrix: &Tensor) -> Tensor {
    matrix.linalg_pinv(NULL_SPACE, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Accumulator;

    const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// Statistics of random features in which class k of `counts` has that many samples, with the features and labels.
    fn example(counts: &[i64], dimension: i64) -> (Statistics, Tensor, Tensor) {
        tch::manual_seed(5);
        let classes = counts.len() as i64;
        let labels = Tensor::arange(classes, (Kind::Int64, Device::Cpu)).repeat_interleave_self_tensor(
            &Tensor::from_slice(counts),
            0,
            None,
        );
        let features = Tensor::randn([labels.size()[0], dimension], OPTIONS);
        let mut accumulator = Accumulator::new(classes, dimension, Device::Cpu).expect("two classes or more");
        accumulator.add(&features, &labels).expect("a valid batch");
        (accumulator.finish().expect("class means differ"), features, labels)
    }

    fn classifier(classes: i64, dimension: i64) -> LinearClassifier {
        let weight = Tensor::randn([classes, dimension], OPTIONS);
        LinearClassifier {
            weight,
            bias: Some(Tensor::randn(classes, OPTIONS)),
        }
    }

    #[test]
    fn the_parts_add_up_for_any_counts_and_the_total_is_the_direct_sum() {
        for (counts, dimension) in [(&[9, 4, 1, 2][..], 3), (&[5, 0, 7], 6), (&[1, 1, 1, 1, 1, 1], 2)] {
            let (statistics, features, labels) = example(counts, dimension);
            let classifier = classifier(counts.len() as i64, dimension);
            let parts = statistics.squared_error(&classifier).expect("a valid classifier");
            let bias = classifier.bias.as_ref().expect("given above");
            let logits = features.matmul(&classifier.weight.tr()) + bias;
            let direct = mean_squared_error(&logits, &labels).double_value(&[]) * logits.numel() as f64;
            assert!((parts.total / direct - 1.0).abs() < 1e-12);
            let sum = parts.within_class + parts.class_means + parts.perpendicular;
            assert!((parts.total / sum - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_regularised_parts_add_up_for_balanced_classes() {
        let (statistics, ..) = example(&[6, 6, 6], 4);
        let classifier = classifier(3, 4);
        let decay = 5e-2;
        let parts = statistics
            .regularised_squared_error(&classifier, decay)
            .expect("a valid classifier");
        let bias = classifier.bias.as_ref().expect("given above");
        let norm = sum(&classifier.weight.square()) + sum(&bias.square());
        // Han et al. weigh the sum over samples by 1/(2n) and the norm by λ/2.
        let direct = 0.5 * (parts.total + decay / 2.0 * norm);
        let sum = parts.within_class + parts.class_means + parts.perpendicular;
        assert!((direct / sum - 1.0).abs() < 1e-9, "{direct} against {sum}");
    }

    #[test]
    fn at_the_least_squares_classifier_nothing_is_perpendicular() {
        let (statistics, features, labels) = example(&[8, 5, 3], 2);
        let extended = with_column(&features, &Tensor::ones([16, 1], OPTIONS));
        let targets = labels.one_hot(3).to_kind(Kind::Double);
        let best = extended.linalg_pinv(1e-12, false).matmul(&targets).tr(); // [3, 3]
        let classifier = LinearClassifier {
            weight: best.narrow(1, 0, 2),
            bias: Some(best.select(1, 2)),
        };
        let parts = statistics.squared_error(&classifier).expect("a valid classifier");
        assert!(parts.perpendicular.abs() < 1e-12 * parts.total);
    }
}
