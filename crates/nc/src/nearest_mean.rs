//! NC4, nearest-mean decisions: a second pass over features, compared with the class means of the first.

use tch::{Kind, Tensor, no_grad};

use crate::statistics::ROWS_AT_ONCE;
use crate::{Error, LinearClassifier, Statistics, check};

/// Compares the classifier's decisions with those of the nearest class mean, batch by batch.
///
/// The means may come from other features than those compared, such as the training split's means for test features.
#[derive(Debug)]
pub struct NearestMean<'a> {
    statistics: &'a Statistics,
    classifier: Option<LinearClassifier>, // f64
    samples: i64,
    matches: Matches,
}

/// How many samples agree, as tensors: nothing is copied to the host before the end.
#[derive(Debug)]
struct Matches {
    mean_and_label: Tensor,
    classifier_and_label: Tensor,
    classifier_and_mean: Tensor,
    unbiased_and_mean: Tensor,
}

/// Shares of samples whose decisions agree, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// The nearest class mean (Euclidean, present classes) is that of the label.
    pub nearest_mean_accuracy: f64,
    /// The classifier's decision is the label.
    pub accuracy: Option<f64>,
    /// The classifier and the nearest class mean disagree: NC4.
    pub mismatch: Option<f64>,
    /// The classifier without its bias agrees with the nearest class mean.
    pub agreement_without_bias: Option<f64>,
}

impl<'a> NearestMean<'a> {
    /// A comparison with no samples yet.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Kind`] or [`Error::NotFinite`] about the classifier.
    pub fn new(statistics: &'a Statistics, classifier: Option<&LinearClassifier>) -> Result<Self, Error> {
        let classifier = classifier
            .map(|classifier| classifier.converted_for(statistics))
            .transpose()?;
        let zero = || Tensor::zeros([], (Kind::Int64, statistics.means.device()));
        let matches = Matches {
            mean_and_label: zero(),
            classifier_and_label: zero(),
            classifier_and_mean: zero(),
            unbiased_and_mean: zero(),
        };
        Ok(NearestMean {
            statistics,
            classifier,
            samples: 0,
            matches,
        })
    }

    /// Adds a batch: features `[b, d]`, labels `[b]` i64.
    ///
    /// # Errors
    /// As [`Accumulator::add`](crate::Accumulator::add).
    pub fn add(&mut self, features: &Tensor, labels: &Tensor) -> Result<(), Error> {
        let device = self.statistics.means.device();
        check::batch(
            features,
            labels,
            self.statistics.classes,
            self.statistics.means.size()[1],
        )?;
        no_grad(|| {
            for (features, labels) in features
                .split(ROWS_AT_ONCE, 0)
                .iter()
                .zip(labels.split(ROWS_AT_ONCE, 0))
            {
                self.compare(
                    &features.to_device(device).to_kind(Kind::Double),
                    &labels.to_device(device),
                );
            }
        });
        self.samples += labels.numel() as i64;
        Ok(())
    }

    fn compare(&mut self, features: &Tensor, labels: &Tensor) {
        let count_equal = |one: &Tensor, other: &Tensor| one.eq_tensor(other).sum(Kind::Int64);
        let nearest = self.nearest(features);
        self.matches.mean_and_label += count_equal(&nearest, labels);
        let Some(LinearClassifier { weight, bias }) = &self.classifier else {
            return;
        };
        let unbiased = features.matmul(&weight.tr());
        let biased = bias
            .as_ref()
            .map_or_else(|| unbiased.shallow_clone(), |bias| &unbiased + bias);
        let decision = biased.argmax(-1, false);
        self.matches.classifier_and_label += count_equal(&decision, labels);
        self.matches.classifier_and_mean += count_equal(&decision, &nearest);
        self.matches.unbiased_and_mean += count_equal(&unbiased.argmax(-1, false), &nearest);
    }

    /// Class whose mean is nearest, `[b]`.
    fn nearest(&self, features: &Tensor) -> Tensor {
        let means = &self.statistics.centred;
        let features = features - self.statistics.global_mean();
        // ‖h − μ‖² without the term in h alone.
        let half_squares = means.square().sum_dim_intlist(-1, false, None::<Kind>) / 2.0;
        let closest = (features.matmul(&means.tr()) - half_squares).argmax(-1, false);
        self.statistics.present.index_select(0, &closest)
    }

    /// The shares over everything added.
    ///
    /// # Errors
    /// [`Error::Shape`] if nothing was added.
    pub fn finish(self) -> Result<Agreement, Error> {
        if self.samples == 0 {
            let expected = "at least one row".to_owned();
            return Err(Error::Shape {
                what: "features",
                expected,
                found: vec![0, self.statistics.means.size()[1]],
            });
        }
        let share = |count: &Tensor| count.int64_value(&[]) as f64 / self.samples as f64;
        let classifier_share = |count: &Tensor| self.classifier.is_some().then(|| share(count));
        Ok(Agreement {
            nearest_mean_accuracy: share(&self.matches.mean_and_label),
            accuracy: classifier_share(&self.matches.classifier_and_label),
            mismatch: classifier_share(&self.matches.classifier_and_mean).map(|agreement| 1.0 - agreement),
            agreement_without_bias: classifier_share(&self.matches.unbiased_and_mean),
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::Accumulator;

    /// Classes 1 and 2 have means 0 and 10; class 0 has no sample.
    fn statistics() -> Statistics {
        let mut accumulator = Accumulator::new(3, 1, Device::Cpu).expect("three classes");
        let features = Tensor::from_slice2(&[[-1.0_f64], [1.0], [10.0]]);
        accumulator
            .add(&features, &Tensor::from_slice(&[1_i64, 1, 2]))
            .expect("a valid batch");
        accumulator.finish().expect("two classes are present")
    }

    #[test]
    fn foreign_features_go_to_the_nearest_present_class() {
        let statistics = statistics();
        let mut comparison = NearestMean::new(&statistics, None).expect("no classifier");
        let features = Tensor::from_slice2(&[[-7.0_f64], [4.9], [5.1], [99.0]]);
        assert_eq!(comparison.nearest(&features), Tensor::from_slice(&[1_i64, 1, 2, 2]));
        comparison
            .add(&features, &Tensor::from_slice(&[1_i64, 1, 1, 0]))
            .expect("a valid batch");
        let agreement = comparison.finish().expect("samples were added");
        assert_eq!((agreement.nearest_mean_accuracy, agreement.accuracy), (0.5, None));
    }

    #[test]
    fn a_comparison_without_samples_is_an_error() {
        let statistics = statistics();
        let error = NearestMean::new(&statistics, None)
            .expect("no classifier")
            .finish()
            .expect_err("no samples");
        assert_eq!(
            error.to_string(),
            "features have shape [0, 1]; give them as at least one row"
        );
    }
}
