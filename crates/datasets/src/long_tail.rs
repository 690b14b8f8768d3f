//! Long tails: how many images of each class are kept, which ones, and which are held out.

use serde::{Deserialize, Serialize};

use crate::{DataError, Imbalance, Selection, Validation};

/// How a long-tailed training split is made from the training images of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LongTail {
    /// How many images of each class are kept.
    pub imbalance: Imbalance,
    /// Which ones.
    pub selection: Selection,
    /// Which images are held out of each class before that; `None`: none.
    pub validation: Option<Validation>,
}

/// Indices of training images, in the order of the data set's official files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The long-tailed split, class by class.
    pub train: Vec<i64>,
    /// The balanced validation split, class by class; empty without one.
    pub validation: Vec<i64>,
}

impl LongTail {
    /// Images of each class that are kept of the `available` ones, both `[k]`.
    ///
    /// # Errors
    /// If a class would keep none.
    pub fn class_counts(&self, available: &[i64]) -> Result<Vec<i64>, DataError> {
        let held_out = self.validation.map_or(0, |validation| validation.per_class);
        let left: Vec<i64> = available.iter().map(|images| images - held_out).collect();
        self.imbalance.class_counts(&left)
    }

    /// Chooses among images with these `labels`, of which the data set has `available` of each class, `[k]`: the validation
    /// split first, then the long-tailed split from the rest.
    ///
    /// # Errors
    /// If a class has too few images, or would keep none.
    pub fn choose(&self, labels: &[i64], available: &[i64]) -> Result<Chosen, DataError> {
        let mut labels = labels.to_vec();
        let validation = match self.validation {
            None => Vec::new(),
            Some(validation) => validation.hold_out(&labels, available.len() as i64)?,
        };
        for &index in &validation {
            labels[index as usize] = -1; // of no class, so that nothing selects it again
        }
        Ok(Chosen {
            train: self.selection.select(&labels, &self.class_counts(available)?)?,
            validation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_are_held_out_are_in_no_other_split() {
        let labels: Vec<i64> = (0..60).map(|index| index % 2).collect();
        let long_tail = LongTail {
            imbalance: Imbalance::Step { ratio: 5.0 },
            selection: Selection::default(),
            validation: Some(Validation { per_class: 5, seed: 0 }),
        };
        let chosen = long_tail.choose(&labels, &[30, 30]).unwrap();
        assert_eq!((chosen.train.len(), chosen.validation.len()), (25 + 5, 10));
        assert!(chosen.validation.iter().all(|index| !chosen.train.contains(index)));
    }
}
