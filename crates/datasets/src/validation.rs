use serde::{Deserialize, Serialize};

use crate::{DataError, Selection};

/// A balanced validation split, held out of the training images before the long-tailed split is selected from the
/// others: rare classes have as many validation images as frequent ones, and the largest class has `per_class` fewer
/// training images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Images held out of each class.
    pub per_class: i64,
    /// Seed of the choice, as in [`Selection::Ldam`].
    #[serde(default)]
    pub seed: u32,
}

impl Validation {
    /// The indices held out, class by class; `labels` are 0 to `classes - 1`.
    ///
    /// # Errors
    /// If a class has fewer than `per_class` images.
    pub fn hold_out(self, labels: &[i64], classes: i64) -> Result<Vec<i64>, DataError> {
        let counts = vec![self.per_class; usize::try_from(classes).unwrap_or_default()];
        Selection::Ldam { seed: self.seed }.select(labels, &counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_the_same_number_of_distinct_images() {
        let labels: Vec<i64> = (0..60).map(|index| i64::from(index % 10 < 3)).collect(); // 42 of class 0, 18 of class 1
        let validation = Validation { per_class: 5, seed: 1 };
        let mut held_out = validation.hold_out(&labels, 2).expect("enough images");
        let ones = held_out.iter().filter(|&&index| labels[index as usize] == 1).count();
        held_out.sort_unstable();
        held_out.dedup();
        assert_eq!((held_out.len(), ones), (10, 5));
    }

    #[test]
    fn a_class_that_is_too_small_is_an_error() {
        let error = Validation { per_class: 2, seed: 0 }.hold_out(&[0, 0, 1], 2);
        assert!(
            error
                .expect_err("one image of class 1")
                .to_string()
                .contains("class 1 has 1 images")
        );
    }
}
