use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// How training images are distributed over the classes. All but the natural imbalance select a subset of a data set,
/// in which class 0 is the largest, with m images.
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
            Imbalance::Natural => None,
        }
    }

    /// Its name without its ratio, such as `exponential`.
    pub fn kind(self) -> &'static str {
        match self {
            Imbalance::Exponential { .. } => "exponential",
            Imbalance::Step { .. } => "step",
            Imbalance::Balanced { .. } => "balanced",
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
        self.ratio().map_or(Ok(()), |ratio| write!(formatter, " {ratio}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::Tensor;

    use super::*;

    fn exponential(ratio: f64, largest: i64, classes: usize) -> Vec<i64> {
        Imbalance::Exponential { ratio }
            .class_counts(&vec![largest; classes])
            .unwrap()
    }

    fn step(ratio: f64, largest: i64, classes: usize) -> Vec<i64> {
        Imbalance::Step { ratio }.class_counts(&vec![largest; classes]).unwrap()
    }

    // The counts of int(m * f**(k / (K - 1.0))) in Python, f the decimal 0.1, 0.05, 0.02, 0.01, 0.005.
    #[test]
    fn exponential_counts_on_ten_classes_are_those_of_cao_et_al() {
        assert_eq!(
            exponential(10.0, 5000, 10),
            [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500]
        );
        assert_eq!(
            exponential(50.0, 5000, 10),
            [5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100]
        );
        assert_eq!(
            exponential(100.0, 5000, 10),
            [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
        );
        assert_eq!(
            exponential(200.0, 5000, 10),
            [5000, 2775, 1540, 854, 474, 263, 146, 81, 45, 25]
        );
    }

    #[test]
    fn a_balanced_set_has_the_images_of_a_long_tail_in_equal_classes() {
        let counts = Imbalance::Balanced { ratio: 100.0 }.class_counts(&[5000; 10]).unwrap();
        assert_eq!(counts, [1240; 10]); // of 12,406
    }

    #[test]
    fn a_natural_set_is_used_as_it_is_and_a_balanced_one_is_not() {
        let available = [1280, 7, 256];
        assert_eq!(Imbalance::Natural.class_counts(&available).unwrap(), available);
        let balanced = Imbalance::Balanced { ratio: 1.0 };
        assert_eq!(balanced.class_counts(&available).unwrap(), [7; 3]);
        let error = Imbalance::Natural.class_counts(&[1280, 0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "class 1 has no training images; leave it out of the data set, or hold out fewer images for validation"
        );
    }

    #[test]
    fn no_class_is_asked_for_more_than_it_has() {
        let available = [90, 100, 110];
        let counts = Imbalance::Step { ratio: 2.0 }.class_counts(&available).unwrap();
        assert_eq!(counts, [90, 45, 45]);
    }

    #[test]
    fn totals_are_those_of_cao_et_al() {
        let totals = |counts: fn(f64, i64, usize) -> Vec<i64>, largest, classes| -> Vec<i64> {
            let total = |ratio| counts(ratio, largest, classes).iter().sum();
            [10.0, 20.0, 50.0, 100.0, 200.0].map(total).to_vec()
        };
        assert_eq!(totals(exponential, 5000, 10), [20_431, 17_023, 13_996, 12_406, 11_203]);
        assert_eq!(totals(exponential, 500, 100), [19_573, 15_907, 12_608, 10_847, 9_502]);
        assert_eq!(totals(step, 5000, 10), [27_500, 26_250, 25_500, 25_250, 25_125]);
        assert_eq!(totals(step, 500, 100), [27_500, 26_250, 25_500, 25_250, 25_100]);
    }

    #[test]
    fn smallest_and_shot_groups_on_a_hundred_classes_are_those_of_cao_et_al() {
        let groups = |ratio| {
            let counts = exponential(ratio, 500, 100);
            let many = counts.iter().filter(|&&count| count > 100).count();
            let few = counts.iter().filter(|&&count| count < 20).count();
            (counts[99], many, 100 - many - few, few)
        };
        assert_eq!(groups(10.0), (50, 69, 31, 0));
        assert_eq!(groups(20.0), (25, 53, 47, 0));
        assert_eq!(groups(50.0), (10, 41, 41, 18));
        assert_eq!(groups(100.0), (5, 35, 35, 30));
        assert_eq!(groups(200.0), (2, 30, 31, 39));
        assert_eq!(exponential(100.0, 500, 100)[35], 98);
    }

    /// `lt.{cifar10,cifar100}.{exp,step}.{factor}` of every `losses_*` file of the reference values.
    #[test]
    fn golden_class_counts_match() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden");
        let folder = std::env::var_os("LONGTAIL_GOLDEN").map_or(PathBuf::from(fixtures), PathBuf::from);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut compared = 0;
        for path in entries.map(|entry| entry.unwrap().path()) {
            if !path.file_name().unwrap().to_str().unwrap().starts_with("losses_") {
                continue;
            }
            for (key, wanted) in Tensor::read_safetensors(&path).unwrap() {
                let Some(name) = key.strip_prefix("lt.") else { continue };
                let mut parts = name.splitn(3, '.');
                let (largest, classes) = if parts.next().unwrap() == "cifar10" {
                    (5000, 10)
                } else {
                    (500, 100)
                };
                let profile = if parts.next().unwrap() == "exp" {
                    exponential
                } else {
                    step
                };
                let ratio = 1.0 / parts.next().unwrap().parse::<f64>().unwrap();
                assert_eq!(
                    profile(ratio, largest, classes),
                    Vec::<i64>::try_from(wanted).unwrap(),
                    "{key}"
                );
                compared += 1;
            }
        }
        assert!(compared >= 12, "only {compared} keys in {}", folder.display());
    }

    #[test]
    fn ratio_one_is_balanced() {
        assert_eq!(exponential(1.0, 7, 3), [7, 7, 7]);
        assert_eq!(step(1.0, 7, 3), [7, 7, 7]);
    }

    #[test]
    fn the_middle_class_of_a_step_is_small() {
        assert_eq!(step(5.0, 10, 5), [10, 10, 2, 2, 2]);
    }

    #[test]
    fn leaving_a_class_empty_is_an_error() {
        let error = Imbalance::Exponential { ratio: 600.0 }
            .class_counts(&[500; 10])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "imbalance exponential 600 leaves class 9 without images when the largest class has 500; \
             use a ratio of at most 500"
        );
    }

    #[test]
    fn ratio_below_one_is_an_error() {
        for ratio in [0.99, -2.0, f64::NAN, f64::INFINITY] {
            let error = Imbalance::Step { ratio }.class_counts(&[500; 10]).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("imbalance ratio {ratio}: expected")),
                "{error}"
            );
        }
    }

    #[test]
    fn one_class_is_an_error() {
        let error = Imbalance::Exponential { ratio: 2.0 }.class_counts(&[500]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "imbalance exponential 2 over 1 classes: expected at least 2 classes"
        );
    }

    #[test]
    fn imbalances_are_written_in_kebab_case() {
        #[derive(Deserialize)]
        struct Grid {
            imbalance: Imbalance,
        }
        let grid: Grid = toml::from_str("imbalance = { exponential = { ratio = 100 } }").unwrap();
        assert_eq!(grid.imbalance, Imbalance::Exponential { ratio: 100.0 });
        assert_eq!(grid.imbalance.to_string(), "exponential 100");
        let natural: Grid = toml::from_str("imbalance = \"natural\"").unwrap();
        assert_eq!(
            (natural.imbalance.to_string(), natural.imbalance.ratio()),
            ("natural".to_owned(), None)
        );
        assert!(toml::from_str::<Grid>("imbalance = { step = { ratio = 10, seed = 1 } }").is_err());
    }
}
