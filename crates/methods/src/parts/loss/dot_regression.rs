//! Dot regression of a fixed ETF's cosines.

use tch::{Kind, Tensor};

use super::input::{LossInput, sample_weights};

/// Dot regression (Yang et al. 2022, Eq. 6) for features of unit length, whose products with the rows of a fixed ETF
/// are the logits: `½ mean ℓ_y² (z_y − 1)²`, with ℓ the lengths of the classes' rows in this batch: 1, or
/// [`nc::balanced_lengths`]. Equals [`nc::dot_regression`] of the features, but needs only the logits.
///
/// Class weights enter as a weighted mean. Scalar.
pub(super) fn dot_regression(batch: &LossInput<'_>, balanced_lengths: bool) -> Tensor {
    let (cosines, labels) = (batch.logits, batch.labels);
    let own = cosines.gather(1, &labels.unsqueeze(1), false).squeeze_dim(1); // [b]
    let mut losses = (own - 1.0).square() / 2.0;
    if balanced_lengths {
        let lengths = nc::balanced_lengths(labels, cosines.size()[1], cosines.kind());
        losses *= lengths.index_select(0, labels).square();
    }
    match sample_weights(batch) {
        None => losses.mean(None::<Kind>),
        Some(weights) => (losses * &weights).sum(None::<Kind>) / weights.sum(None::<Kind>),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::unit::normalized;

    #[test]
    fn dot_regression_of_cosines_equals_that_of_the_features() {
        let options = (Kind::Double, Device::Cpu);
        let etf = nc::simplex_etf(4, 6, Kind::Double, Device::Cpu).expect("4 is at most 7");
        let features = Tensor::randn([5, 6], options);
        let labels = Tensor::from_slice(&[0_i64, 0, 0, 2, 3]);
        let cosines = normalized(&features, 1).matmul(&etf.tr());
        for balanced in [false, true] {
            let rows = if balanced {
                &etf * nc::balanced_lengths(&labels, 4, Kind::Double).unsqueeze(1)
            } else {
                etf.shallow_clone()
            };
            let expected = nc::dot_regression(&features, &labels, &rows, nc::FeatureLength::Unit, 0.0);
            let batch = LossInput {
                logits: &cosines,
                labels: &labels,
                features: &features,
                class_counts: &Tensor::ones([4], options),
                class_weights: None,
                labels_seen: None,
                epoch: 0,
            };
            let got = dot_regression(&batch, balanced);
            assert!((got - expected).abs().double_value(&[]) < 1e-12, "balanced: {balanced}");
        }
    }
}
