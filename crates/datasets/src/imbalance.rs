mod pareto;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// How training images are distributed over the classes. All but the natural imbalance select a subset of a data set,
/// in which class 0 is the largest, with m images; under a Pareto imbalance a random class is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Imbalance {
    /// Class c of k has `m · (1/ratio)^(c / (k−1))` images.
    Exponential {
        /// Images of the largest class / images of the smallest, at least 1.
        ratio: f64,
    },
    /// The first half of the classes has m images, the second `m / ratio`; the middle one of an odd number belongs to
    /// the second half.
    Step {
        /// Images of a large class / images of a small one, at least 1.
        ratio: f64,
    },
    /// Every class has the same number of images, in total about as many as under an exponential imbalance: the
    /// balanced counterpart of a long tail (Zhang et al. 2023, §4.1). The remaining images are left out.
    Balanced {
        /// Ratio of that exponential imbalance, at least 1.
        ratio: f64,
    },
    /// The sizes of the classes follow a Pareto distribution, as those of ImageNet-LT do. It is not the list of ImageNet-LT: the classes have
    /// other sizes and other images.
    Pareto {
        /// The distribution's power, 6 in ImageNet-LT.
        alpha: f64,
        /// Images of the largest class, 1280 in ImageNet-LT.
        max: i64,
        /// Images of the smallest class, 5 in ImageNet-LT.
        min: i64,
        /// Seed of the order in which classes get their sizes.
        #[serde(default)]
        seed: u32,
    },
    /// The data set as it is, with all its images: with its own long tail if it has one, balanced if it has none, as
    /// CIFAR.
    Natural,
}

impl Imbalance {
    /// Images of the largest class / images of the smallest; for a balanced set, the ratio of the long tail that it is
    /// compared with. `None` for the natural imbalance.
    pub fn ratio(self) -> Option<f64> {
        match self {
            Imbalance::Exponential { ratio } | Imbalance::Step { ratio } | Imbalance::Balanced { ratio } => Some(ratio),
            Imbalance::Pareto { max, min, .. } => Some(max as f64 / min as f64),
            Imbalance::Natural => None,
        }
    }

    /// Its name without its ratio, such as `exponential`.
    pub fn kind(self) -> &'static str {
        match self {
            Imbalance::Exponential { .. } => "exponential",
            Imbalance::Step { .. } => "step",
            Imbalance::Balanced { .. } => "balanced",
            Imbalance::Pareto { .. } => "pareto",
            Imbalance::Natural => "natural",
        }
    }

    /// Images of each class, `[k]`, that are kept of the `available` ones, `[k]`. m, the images of the largest class,
    /// is the size of the smallest available class.
    ///
    /// Counts are truncated towards zero, in the order of evaluation of Cao et al. (2019), `imbalance_cifar.py`, so
    /// that they equal theirs exactly. Their step imbalance omits the last of an odd number of classes; here it is a
    /// small class.
    ///
    /// # Errors
    /// If the ratio is not a number of at least 1, there are fewer than 2 classes, or a class would be left empty.
    pub fn class_counts(self, available: &[i64]) -> Result<Vec<i64>, DataError> {
        let classes = available.len() as i64;
        if classes < 2 {
            return Err(DataError::TooFewClasses {
                imbalance: self.to_string(),
                classes,
            });
        }
        if let Imbalance::Pareto { alpha, max, min, seed } = self {
            return pareto::class_counts(self, (alpha, max, min, seed), available);
        }
        let Some(ratio) = self.ratio() else {
            return match available.iter().position(|&count| count < 1) {
                Some(class) => Err(DataError::AbsentClass { class }),
                None => Ok(available.to_vec()),
            };
        };
        if !(ratio.is_finite() && ratio >= 1.0) {
            return Err(DataError::Ratio { ratio });
        }
        let largest = available.iter().copied().min().unwrap_or(0);
        let (m, factor) = (largest as f64, 1.0 / ratio);
        let count = |class: i64| match self {
            Imbalance::Step { .. } if class < classes / 2 => m,
            Imbalance::Step { .. } => m * factor,
            _ => m * factor.powf(class as f64 / (classes as f64 - 1.0)),
        };
        let counts: Vec<i64> = (0..classes).map(|class| count(class) as i64).collect();
        if let Some(class) = counts.iter().position(|&count| count < 1) {
            return Err(DataError::EmptyClass {
                imbalance: self.to_string(),
                class,
                largest,
            });
        }
        Ok(match self {
            Imbalance::Balanced { .. } => vec![counts.iter().sum::<i64>() / classes; counts.len()],
            _ => counts,
        })
    }
}

/// `exponential 100` or `natural`, as used in messages and tables.
impl fmt::Display for Imbalance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())?;
        if let Imbalance::Pareto { alpha, max, min, .. } = self {
            return write!(formatter, " {alpha} from {max} to {min}");
        }
        self.ratio().map_or(Ok(()), |ratio| write!(formatter, " {ratio}"))
    }
}

#[cfg(test)]
mod tests;
