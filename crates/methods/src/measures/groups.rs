//! Many-, medium- and few-shot groups of classes.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// A class with more training images is many-shot (Liu et al. 2019).
pub const MANY_ABOVE: i64 = 100;
/// A class with fewer training images is few-shot (Liu et al. 2019).
pub const FEW_BELOW: i64 = 20;

/// How classes are divided into many-, medium- and few-shot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ShotSplit {
    /// By the number of training images, with the usual thresholds: [`Shots::new`].
    #[default]
    Images,
    /// By the number of training images, with these thresholds.
    Thresholds {
        /// A class with more training images is many-shot.
        many: i64,
        /// A class with fewer training images is few-shot; at most `many`.
        few: i64,
    },
    /// By a class's index, whatever its number of images: [`Shots::by_index`].
    Index,
    /// By a class's place among all, the largest first: [`Shots::by_size`].
    Largest {
        /// So many classes are many-shot.
        many: usize,
        /// So many of the next ones are medium-shot, the others few-shot.
        medium: usize,
    },
}

impl ShotSplit {
    /// The groups of classes with these numbers of training images, the largest class first.
    pub fn shots(self, class_counts: &[i64]) -> Shots {
        match self {
            ShotSplit::Images => Shots::new(class_counts),
            ShotSplit::Thresholds { many, few } => Shots::by_images(class_counts, many, few),
            ShotSplit::Index => Shots::by_index(class_counts.len()),
            ShotSplit::Largest { many, medium } => Shots::by_size(class_counts, many, medium),
        }
    }

    /// Whether it is the usual division.
    pub fn is_by_images(&self) -> bool {
        *self == ShotSplit::Images
    }
}

/// One value each for the many-, medium- and few-shot classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups<T> {
    /// For the many-shot classes.
    pub many: T,
    /// For the medium-shot classes.
    pub medium: T,
    /// For the few-shot classes.
    pub few: T,
}

impl<T> Groups<T> {
    /// Applies `change` to each group's value.
    pub fn map<U>(&self, change: impl Fn(&T) -> U) -> Groups<U> {
        Groups {
            many: change(&self.many),
            medium: change(&self.medium),
            few: change(&self.few),
        }
    }
}

/// The classes of each group.
pub type Shots = Groups<Vec<usize>>;

impl Shots {
    /// Groups classes by their actual training counts with the thresholds of Liu et al. (2019): many above
    /// [`MANY_ABOVE`], few below [`FEW_BELOW`], medium between.
    pub fn new(class_counts: &[i64]) -> Shots {
        Shots::by_images(class_counts, MANY_ABOVE, FEW_BELOW)
    }

    /// Groups classes by their actual training counts: many above `many`, few below `few` (at most `many`), medium
    /// between.
    pub fn by_images(class_counts: &[i64], many: i64, few: i64) -> Shots {
        let classes = |belongs: &dyn Fn(i64) -> bool| {
            let classes = class_counts.iter().enumerate();
            classes
                .filter(|&(_, &count)| belongs(count))
                .map(|(class, _)| class)
                .collect()
        };
        Shots {
            many: classes(&|count| count > many),
            medium: classes(&|count| (few..=many).contains(&count)),
            few: classes(&|count| count < few),
        }
    }

    /// Groups classes that are sorted from the largest to the smallest into the first 36 %, the next 35 % and the last
    /// 29 %: 36, 35 and 29 of 100 classes, 3, 4 and 3 of ten. The public code of Zhong et al. (2021) and Yang et al.
    /// (2022) does so on CIFAR-LT at every imbalance.
    pub fn by_index(classes: usize) -> Shots {
        let (medium, few) = (classes * 36 / 100, classes * 71 / 100);
        Shots {
            many: (0..medium).collect(),
            medium: (medium..few).collect(),
            few: (few..classes).collect(),
        }
    }

    /// Groups classes by their training counts: the `many` largest, the next `medium` ones, and the others. Of classes of one size, those
    /// of lower indices come first. The public code of Zhong et al. (2021) does so on ImageNet-LT (390, 445) and Places-LT (131, 157).
    pub fn by_size(class_counts: &[i64], many: usize, medium: usize) -> Shots {
        let mut largest_first: Vec<usize> = (0..class_counts.len()).collect();
        largest_first.sort_by_key(|&class| Reverse(class_counts[class]));
        let group = |from: usize, to: usize| {
            let places = from.min(class_counts.len())..to.min(class_counts.len());
            let mut classes = largest_first[places].to_vec();
            classes.sort_unstable();
            classes
        };
        let few_from = many.saturating_add(medium);
        Shots {
            many: group(0, many),
            medium: group(many, few_from),
            few: group(few_from, usize::MAX),
        }
    }

    /// Mean over each group of its classes' values, such as accuracies; `None` for a group without a value. `per_class`
    /// has one entry per class.
    ///
    /// # Panics
    /// If a class of a group is not in `per_class`, a bug in the caller.
    pub fn means(&self, per_class: &[Option<f64>]) -> Groups<Option<f64>> {
        self.map(|classes| {
            let values: Vec<f64> = classes.iter().filter_map(|&class| per_class[class]).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_the_training_counts_and_both_thresholds_are_medium() {
        let counts = [500, 101, 100, 20, 19, 5];
        let by_thresholds = ShotSplit::Thresholds { many: 101, few: 20 }.shots(&counts);
        assert_eq!(
            (by_thresholds.many, by_thresholds.medium, by_thresholds.few),
            (vec![0], vec![1, 2, 3], vec![4, 5])
        );
        let shots = Shots::new(&counts);
        assert_eq!(
            shots,
            Shots {
                many: vec![0, 1],
                medium: vec![2, 3],
                few: vec![4, 5]
            }
        );
    }

    #[test]
    fn groups_by_size_take_the_largest_classes_wherever_they_are() {
        let counts = [5, 300, 20, 20, 1000, 2];
        let groups = |many, medium| {
            let Shots { many, medium, few } = ShotSplit::Largest { many, medium }.shots(&counts);
            (many, medium, few)
        };
        assert_eq!(groups(2, 1), (vec![1, 4], vec![2], vec![0, 3, 5]));
        assert_eq!(groups(0, 6), (vec![], vec![0, 1, 2, 3, 4, 5], vec![]));
        assert_eq!(groups(usize::MAX, 1), (vec![0, 1, 2, 3, 4, 5], vec![], vec![]));
    }

    #[test]
    fn groups_by_index_match_the_public_cifar_code_whatever_the_counts() {
        let hundred = ShotSplit::Index.shots(&[500; 100]);
        assert_eq!(
            (hundred.many.len(), hundred.medium.len(), hundred.few.len()),
            (36, 35, 29)
        );
        assert_eq!((hundred.medium[0], hundred.few[0]), (36, 71));
        let ten = Shots::by_index(10);
        assert_eq!(
            (ten.many.as_slice(), ten.medium[0], ten.few[0]),
            ([0, 1, 2].as_slice(), 3, 7)
        );
        let counts = [500, 101, 100, 20, 19, 5];
        assert_eq!(ShotSplit::Images.shots(&counts), Shots::new(&counts));
    }
}
