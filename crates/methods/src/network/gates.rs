//! Gates: how many experts an image passes through.

use tch::{Kind, Reduction, Tensor};

use crate::unit::normalized;

const HIDDEN: i64 = 16;

/// A gate after each expert but the last.
#[derive(Debug)]
pub struct Gates {
    hidden: Tensor,      // [e - 1, d, h]
    hidden_bias: Tensor, // [e - 1, 1, h]
    output: Tensor,      // [h + c, 1] of all gates, c the top choices
    output_bias: Tensor, // [1]
    top_choices: i64,
    /// The factor on logits in the experts' loss.
    logit_scale: f64,
}

impl Gates {
    /// Initialised as in RIDE's public code: weights N(0, 2/inputs), biases uniform in ±1/√inputs. Features `[n, e, d]`.
    pub(crate) fn new(features: &Tensor, top_choices: i64, logit_scale: f64) -> Gates {
        let (gates, dimension) = (features.size()[1] - 1, features.size()[2]);
        let options = (features.kind(), features.device());
        let weights = |shape: &[i64], inputs: i64| Tensor::randn(shape, options) * (2.0 / inputs as f64).sqrt();
        let biases = |shape: &[i64], inputs: i64| {
            let bound = 1.0 / (inputs as f64).sqrt();
            Tensor::empty(shape, options).uniform(-bound, bound)
        };
        let seen = HIDDEN + top_choices;
        Gates {
            hidden: weights(&[gates, dimension, HIDDEN], dimension).set_requires_grad(true),
            hidden_bias: biases(&[gates, 1, HIDDEN], dimension).set_requires_grad(true),
            output: weights(&[seen, 1], seen).set_requires_grad(true),
            output_bias: biases(&[1], seen).set_requires_grad(true),
            top_choices,
            logit_scale,
        }
    }

    /// Mean binary cross-entropy of the gates, a scalar, from features `[b, e, d]`, mean logits so far `[b, e, k]` and
    /// labels `[b]`. An image that needs another expert has weight `positive_weight`.
    pub(crate) fn loss(&self, features: &Tensor, logits: &Tensor, labels: &Tensor, positive_weight: f64) -> Tensor {
        let wanted = needs_another(logits, labels).to_kind(logits.kind()); // [b, e - 1]
        self.answers(features, logits).binary_cross_entropy_with_logits(
            &wanted,
            None::<Tensor>,
            Some(Tensor::full([1], positive_weight, (logits.kind(), logits.device()))),
            Reduction::Mean,
        )
    }

    pub(crate) fn variables(&self) -> Vec<(Tensor, f64)> {
        let variables = [&self.hidden, &self.hidden_bias, &self.output, &self.output_bias];
        variables.map(|variable| (variable.shallow_clone(), 1.0)).into()
    }

    /// The gates' outputs `[b, e − 1]`, above 0 for another expert, from features `[b, e, d]` and mean logits so far
    /// `[b, e, k]`.
    fn answers(&self, features: &Tensor, logits: &Tensor) -> Tensor {
        let by_gate = |tensor: &Tensor| tensor.narrow(1, 0, self.hidden.size()[0]).transpose(0, 1); // [e - 1, b, …]
        let (largest, _) = by_gate(logits).topk(self.top_choices, 2, true, true);
        let hidden = by_gate(&normalized(features, 2)).matmul(&self.hidden) + &self.hidden_bias;
        let seen = Tensor::cat(&[largest * self.logit_scale, hidden.relu()], 2); // [e - 1, b, c + h]
        (seen.matmul(&self.output) + &self.output_bias)
            .squeeze_dim(2)
            .transpose(0, 1)
    }

    /// How many experts classify each image, `[b]`, at least 1, from features `[b, e, d]` and each expert's logits
    /// `[b, e, k]`.
    pub fn experts_used(&self, features: &Tensor, logits: &Tensor) -> Tensor {
        let goes_on = self
            .answers(features, &means_so_far(logits))
            .gt(0.0)
            .to_kind(Kind::Int64);
        goes_on.cumprod(1, Kind::Int64).sum_dim_intlist(1, false, Kind::Int64) + 1
    }

    /// Mean logits of the experts used, `[b, k]`, from features `[b, e, d]` and each expert's logits `[b, e, k]`.
    pub(crate) fn routed(&self, features: &Tensor, logits: &Tensor) -> Tensor {
        let last = (self.experts_used(features, logits) - 1).view([-1, 1, 1]);
        let [_, _, classes] = logits.size()[..] else {
            panic!("logits of experts are [b, e, k]: {:?}", logits.size())
        };
        means_so_far(logits)
            .gather(1, &last.expand([-1, 1, classes], false), false)
            .squeeze_dim(1)
    }
}

/// Logits `[b, e, k]` → their means over each expert and those before it.
pub(crate) fn means_so_far(logits: &Tensor) -> Tensor {
    let count = Tensor::arange_start(1, logits.size()[1] + 1, (logits.kind(), logits.device()));
    logits.cumsum(1, logits.kind()) / count.view([1, -1, 1])
}

/// Where the mean logits so far `[n, e, k]` are wrong and later ones correct, `[n, e − 1]`.
fn needs_another(logits: &Tensor, labels: &Tensor) -> Tensor {
    let right = logits.argmax(2, false).eq_tensor(&labels.unsqueeze(1)); // [n, e]
    let gates = right.size()[1] - 1;
    let later = right
        .flip([1])
        .cumsum(1, Kind::Int64)
        .flip([1])
        .gt(0)
        .narrow(1, 1, gates);
    right.narrow(1, 0, gates).logical_not().logical_and(&later)
}

#[cfg(test)]
mod tests;
