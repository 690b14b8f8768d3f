//! Angles between the class means of a method's networks.

use serde::Serialize;

use crate::run::scores::AngleRow;

/// Means over runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Angles {
    /// Runs that they are of.
    runs: usize,
    /// For each class the angles with the classes after it, in whole degrees; missing for a class without training images.
    degrees: Vec<Vec<Option<i64>>>,
}

impl Angles {
    /// Of the rows of each run's `angles.csv`, with classes below `classes`.
    pub(super) fn new(runs: &[Vec<AngleRow>], classes: usize) -> Angles {
        let index = |class: i64| usize::try_from(class).ok().filter(|&class| class < classes);
        let mut sums = vec![vec![(0.0, 0.0); classes]; classes];
        for row in runs.iter().flatten() {
            if let (Some(class), Some(other)) = (index(row.class), index(row.other_class)) {
                let (sum, count) = &mut sums[class][other];
                *sum += row.angle_degrees;
                *count += 1.0;
            }
        }
        let mean = |&(sum, count): &(f64, f64)| (count > 0.0).then(|| (sum / count).round() as i64);
        let after = |(class, row): (usize, &Vec<(f64, f64)>)| row[class + 1..].iter().map(mean).collect();
        Angles {
            runs: runs.len(),
            degrees: sums.iter().enumerate().map(after).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_means_of_the_runs_and_a_pair_that_no_run_has_is_missing() {
        let row = |class, other_class, angle_degrees| AngleRow {
            class,
            other_class,
            angle_degrees,
        };
        let runs = [vec![row(0, 1, 90.0), row(0, 9, 1.0)], vec![row(0, 1, 100.4)]];
        let angles = Angles::new(&runs, 3);
        assert_eq!(angles.runs, 2);
        assert_eq!(angles.degrees, [vec![Some(95), None], vec![None], vec![]]);
    }
}
