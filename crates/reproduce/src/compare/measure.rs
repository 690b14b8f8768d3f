//! The accuracies that are compared.

use datasets::DataError;
use methods::Shots;

use crate::run::Run;

/// A weighted sum of class accuracies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Share of all test images.
    Top1,
    /// Mean over the many-shot classes.
    Many,
    /// Mean over the medium-shot classes.
    Medium,
    /// Mean over the few-shot classes.
    Few,
    /// Mean of the three means.
    GroupMean,
}

impl Measure {
    /// In the order of tables.
    pub(crate) const ALL: [Measure; 5] = [
        Measure::Top1,
        Measure::Many,
        Measure::Medium,
        Measure::Few,
        Measure::GroupMean,
    ];

    /// As tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::Top1 => "top-1",
            Measure::Many => "many",
            Measure::Medium => "medium",
            Measure::Few => "few",
            Measure::GroupMean => "mean of groups",
        }
    }

    /// The accuracies of the runs like `run` with the weight of each class, `[k]`, on test images with these labels. A group without a
    /// class is left out.
    ///
    /// # Errors
    /// If a class would keep no training image.
    pub(crate) fn of(run: &Run, labels: &[usize]) -> Result<Vec<(Measure, Vec<f64>)>, DataError> {
        let class_counts = run.class_counts()?;
        let shots = run.shots.shots(&class_counts);
        let weighted = Measure::ALL
            .into_iter()
            .filter_map(|measure| Some((measure, measure.weights(labels, &shots, class_counts.len())?)));
        Ok(weighted.collect())
    }

    /// The weight of each of `classes` classes, `[k]`, on test images with these labels; `None` where a group has no class.
    fn weights(self, labels: &[usize], shots: &Shots, classes: usize) -> Option<Vec<f64>> {
        let mean_over = |group: &[usize]| -> Option<Vec<f64>> {
            let mut weights = vec![0.0; classes];
            for &class in group {
                weights[class] = 1.0 / group.len() as f64;
            }
            (!group.is_empty()).then_some(weights)
        };
        match self {
            Measure::Top1 => {
                let mut weights = vec![0.0; classes];
                for &label in labels {
                    weights[label] += 1.0 / labels.len() as f64;
                }
                Some(weights)
            }
            Measure::Many => mean_over(&shots.many),
            Measure::Medium => mean_over(&shots.medium),
            Measure::Few => mean_over(&shots.few),
            Measure::GroupMean => {
                let groups = [
                    mean_over(&shots.many)?,
                    mean_over(&shots.medium)?,
                    mean_over(&shots.few)?,
                ];
                Some(
                    (0..classes)
                        .map(|class| groups.iter().map(|weights| weights[class] / 3.0).sum())
                        .collect(),
                )
            }
        }
    }
}

/// A weighted sum of class accuracies.
pub(crate) fn weighted_accuracy(hits: &[bool], labels: &[usize], weights: &[f64]) -> f64 {
    let (mut correct, mut images) = (vec![0.0; weights.len()], vec![0.0_f64; weights.len()]);
    for (&hit, &label) in hits.iter().zip(labels) {
        images[label] += 1.0;
        correct[label] += f64::from(u8::from(hit));
    }
    let classes = correct.iter().zip(&images).zip(weights);
    classes
        .map(|((correct, images), weight)| weight * correct / images.max(1.0))
        .sum()
}
