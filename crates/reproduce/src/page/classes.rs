//! What a method gets right and wrong class by class, out of the confusion matrices of its runs.

use serde::Serialize;

use super::part::{mean_and_deviation, short};
use crate::run::scores::ConfusionRow;

/// The confusion matrix of a method's runs added up, and its accuracy for each class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Classes {
    /// Runs that they are of.
    runs: usize,
    /// Mean over runs, in 0..1; missing for a class without test images.
    accuracy: Vec<Option<f64>>,
    /// Over runs; missing with one.
    deviation: Vec<Option<f64>>,
    /// For each label the predictions and their counts, one after the other. A pair that is not there has fewer than `least`.
    confusion: Vec<Vec<i64>>,
    least: i64,
}

/// Classes up to which every cell of the matrix is kept.
const WHOLE: usize = 20;

impl Classes {
    /// Of the rows of each run's `confusion.csv`, with labels and predictions below `classes`.
    pub(super) fn new(runs: &[Vec<ConfusionRow>], classes: usize) -> Classes {
        let index = |class: i64| usize::try_from(class).ok().filter(|&class| class < classes);
        let mut sum = vec![vec![0; classes]; classes];
        let mut accuracies: Vec<Vec<f64>> = vec![Vec::new(); classes];
        for rows in runs {
            let (mut images, mut hits) = (vec![0; classes], vec![0; classes]);
            for row in rows {
                if let (Some(label), Some(prediction)) = (index(row.label), index(row.prediction)) {
                    sum[label][prediction] += row.samples;
                    images[label] += row.samples;
                    hits[label] += if label == prediction { row.samples } else { 0 };
                }
            }
            for class in (0..classes).filter(|&class| images[class] > 0) {
                accuracies[class].push(hits[class] as f64 / images[class] as f64);
            }
        }
        let (accuracy, deviation) = accuracies
            .iter()
            .map(|accuracies| mean_and_deviation(accuracies))
            .map(|(mean, deviation)| (mean.map(short), deviation.map(short)))
            .unzip();
        let images: i64 = sum.iter().flatten().sum();
        let least = if classes > WHOLE {
            (images / classes as i64 / 50).max(1) // 2 % of a class: the many cells with one image or two would be most of the page
        } else {
            1
        };
        let kept = |row: &Vec<i64>| {
            let cells = (0..).zip(row).filter(|(_, count)| **count >= least);
            cells.flat_map(|(prediction, &count)| [prediction, count]).collect()
        };
        Classes {
            runs: runs.len(),
            accuracy,
            deviation,
            confusion: sum.iter().map(kept).collect(),
            least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: i64, prediction: i64, samples: i64) -> ConfusionRow {
        ConfusionRow {
            label,
            prediction,
            samples,
        }
    }

    #[test]
    fn matrices_are_added_up_and_accuracies_are_means_of_the_runs() {
        let runs = [
            vec![row(0, 0, 3), row(0, 1, 1), row(1, 1, 3), row(1, 0, 1), row(7, 0, 1)],
            vec![row(0, 0, 4), row(1, 0, 2), row(1, 1, 2)],
        ];
        let classes = Classes::new(&runs, 3);
        assert_eq!(classes.accuracy, [Some(0.875), Some(0.625), None]);
        assert_eq!(classes.deviation, [Some(0.1768), Some(0.1768), None]);
        assert_eq!(classes.confusion, [vec![0, 7, 1, 1], vec![0, 3, 1, 5], vec![]]);
    }

    #[test]
    fn of_many_classes_the_small_cells_are_left_out() {
        let rows = (0..21).flat_map(|label| [row(label, label, 97), row(label, 0, 1), row(label, 1, 2)]);
        let classes = Classes::new(&[rows.collect()], 21);
        assert_eq!(classes.least, 2);
        assert_eq!(classes.confusion[5], [1, 2, 5, 97]);
    }
}
