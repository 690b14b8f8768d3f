//! Scores beside accuracy: top-5, confusion, calibration, and accuracy under shifts of the test split.

use tch::{Kind, Tensor};

use crate::measures::evaluate::Evaluation;

/// Share of samples whose label is among the `top` largest logits; `None` if there are no more than `top` classes.
/// Logits `[n, k]`, labels `[n]`.
pub fn top_accuracy(logits: &Tensor, labels: &Tensor, top: i64) -> Option<f64> {
    (logits.size()[1] > top).then(|| {
        let (_, classes) = logits.topk(top, 1, true, false);
        let hits = classes.eq_tensor(&labels.unsqueeze(1)).sum(Kind::Int64);
        hits.double_value(&[]) / labels.numel() as f64
    })
}

/// Number of samples by label (row) and prediction (column), `[k, k]` i64, from labels and predictions `[n]`.
pub fn confusion(labels: &Tensor, predictions: &Tensor, classes: i64) -> Tensor {
    (labels * classes + predictions)
        .bincount(None::<Tensor>, classes * classes)
        .view([classes, classes])
}

/// How far confidence, the largest softmax probability, is from accuracy (Guo et al. 2017).
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Equal parts of 0..1, without the empty ones.
    pub bins: Vec<CalibrationBin>,
}

/// Samples of similar confidence.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationBin {
    /// Share of all samples.
    pub share: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of them that are classified correctly.
    pub accuracy: f64,
}

impl Calibration {
    /// Calibration in 15 bins, as in Guo et al. (2017), §5. Logits `[n, k]`, labels `[n]`.
    ///
    /// # Panics
    /// On other shapes, a bug in the caller.
    pub fn new(logits: &Tensor, labels: &Tensor) -> Calibration {
        const BINS: i64 = 15;
        let (confidence, predictions) = logits.softmax(1, Kind::Double).max_dim(1, false);
        // A bin includes its upper end: confidence in (i / 15, (i + 1) / 15].
        let bin = ((&confidence * BINS).ceil() - 1.0)
            .clamp(0.0, BINS as f64 - 1.0)
            .to_kind(Kind::Int64);
        let sums = |values: &Tensor| {
            let sums = bin.bincount(Some(values), BINS).to_kind(Kind::Double);
            Vec::<f64>::try_from(sums).expect("one sum a bin")
        };
        let correct = predictions.eq_tensor(labels).to_kind(Kind::Double);
        let (counts, confidences, hits) = (sums(&confidence.ones_like()), sums(&confidence), sums(&correct));
        let samples = labels.numel() as f64;
        let bins = counts
            .iter()
            .zip(confidences)
            .zip(hits)
            .filter(|((count, _), _)| **count > 0.0);
        let bins = bins.map(|((count, confidence), hits)| CalibrationBin {
            share: count / samples,
            confidence: confidence / count,
            accuracy: hits / count,
        });
        Calibration { bins: bins.collect() }
    }

    /// Expected calibration error: mean over samples of |accuracy − confidence| of their bin, in 0..1.
    pub fn expected_error(&self) -> f64 {
        let gaps = self
            .bins
            .iter()
            .map(|bin| bin.share * (bin.accuracy - bin.confidence).abs());
        gaps.sum()
    }
}

/// Class frequencies of a test split; class 0 is the largest class of the training split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TestPrior {
    /// Falls exponentially as in training; the first class is `ratio` times the last.
    Forward(f64),
    /// All equal.
    Uniform,
    /// Rises exponentially; the last class is `ratio` times the first.
    Backward(f64),
}

impl TestPrior {
    /// Frequency of each of `classes` classes relative to the most frequent one, above 0 and at most 1.
    pub fn frequencies(self, classes: usize) -> Vec<f64> {
        let last = (classes as f64 - 1.0).max(1.0);
        let frequency = |class: usize| match self {
            TestPrior::Forward(ratio) => ratio.powf(-(class as f64) / last),
            TestPrior::Uniform => 1.0,
            TestPrior::Backward(ratio) => ratio.powf(class as f64 / last - 1.0),
        };
        (0..classes).map(frequency).collect()
    }
}

impl Evaluation {
    /// Expected accuracy on a test split with these class frequencies, 0..1: the mean of the class accuracies, weighted
    /// by them. Hong et al. (2021) draw such splits, so their accuracies differ from it by chance.
    pub fn accuracy_under(&self, prior: TestPrior) -> f64 {
        let frequencies = prior.frequencies(self.per_class.len()).into_iter();
        let weighted = frequencies
            .zip(&self.per_class)
            .filter_map(|(weight, accuracy)| accuracy.map(|accuracy| (weight, accuracy)));
        let (total, sum) = weighted.fold((0.0, 0.0), |(total, sum), (weight, accuracy)| {
            (total + weight, sum + weight * accuracy)
        });
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use models::Backbone;
    use tch::Device;

    use super::*;
    use crate::measures::groups::Shots;
    use crate::method::Method;
    use crate::network::model::Model;
    use crate::parts::experts::{Bilateral, Experts};
    use crate::parts::head::Head;
    use crate::parts::loss::Loss;

    #[test]
    fn second_guesses_count_in_the_top_two_and_two_classes_have_no_top_two() {
        let logits = Tensor::from_slice2(&[[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]);
        let labels = Tensor::from_slice(&[1_i64, 2]);
        assert_eq!(top_accuracy(&logits, &labels, 2), Some(0.5));
        assert_eq!(top_accuracy(&logits, &labels, 3), None);
    }

    #[test]
    fn confusion_has_labels_in_rows_and_predictions_in_columns() {
        let (labels, predictions) = (Tensor::from_slice(&[0_i64, 0, 1]), Tensor::from_slice(&[0_i64, 1, 1]));
        let expected = Tensor::from_slice2(&[[1_i64, 1, 0], [0, 1, 0], [0, 0, 0]]);
        assert_eq!(confusion(&labels, &predictions, 3), expected);
    }

    #[test]
    fn calibration_error_is_the_gap_between_confidence_and_accuracy() {
        // Two samples of confidence 0.8, one of them correct, and two correct ones of confidence 1.
        let logits = Tensor::from_slice2(&[[0.8, 0.2], [0.8, 0.2], [1.0, 1e-30], [1.0, 1e-30]]).log();
        let calibration = Calibration::new(&logits, &Tensor::from_slice(&[0_i64, 1, 0, 0]));
        assert_eq!(calibration.bins.len(), 2);
        assert!((calibration.expected_error() - 0.5 * 0.3).abs() < 1e-9);
    }

    #[test]
    fn probabilities_come_from_logits_as_the_loss_scales_them_or_not_at_all() {
        let scale_of = |loss, head, experts| {
            let method = Method {
                loss,
                head,
                experts,
                ..Method::default()
            };
            assert_eq!(method.check(), Ok(()));
            let model = Model::new(Backbone::Resnet8, &method, 4, Kind::Float, Device::Cpu);
            let log_odds = model.log_odds(&Tensor::from_slice2(&[[1.0]]));
            log_odds.map(|log_odds| log_odds.double_value(&[0, 0]))
        };
        let ldam = Loss::Ldam {
            max_margin: 0.5,
            scale: 30.0,
        };
        let cosines = Head::ScaledCosine { scale: 16.0 }; // the head itself multiplies
        let branches = Some(Experts::Bilateral(Bilateral::default())); // of which the mean is taken, and the sum trained
        assert_eq!(scale_of(Loss::CrossEntropy, Head::Linear, None), Some(1.0));
        assert_eq!(scale_of(Loss::CrossEntropy, cosines, None), Some(1.0));
        assert_eq!(scale_of(ldam, Head::Cosine, None), Some(30.0));
        assert_eq!(scale_of(Loss::CrossEntropy, Head::Linear, branches), Some(2.0));
        assert_eq!(scale_of(Loss::SigmoidFocal { gamma: 1.0 }, Head::Linear, None), None);
        assert_eq!(scale_of(Loss::MeanSquaredError, Head::Linear, None), None);
    }

    #[test]
    fn a_test_split_like_training_favours_frequent_classes() {
        let labels = Tensor::from_slice(&[0_i64, 0, 1, 1]);
        let predictions = Tensor::from_slice(&[0_i64, 0, 1, 0]); // class accuracies 1 and 0.5
        let evaluation = Evaluation::new(&predictions, &labels, 2, &Shots::new(&[200, 10]));
        let expected = [
            (TestPrior::Forward(3.0), 0.875),
            (TestPrior::Uniform, 0.75),
            (TestPrior::Backward(3.0), 0.625),
        ];
        for (prior, accuracy) in expected {
            assert!((evaluation.accuracy_under(prior) - accuracy).abs() < 1e-12, "{prior:?}");
        }
    }
}
