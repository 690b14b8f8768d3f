//! Class counts that follow a Pareto distribution, as those of ImageNet-LT do (Liu et al. 2019, §5.1).

use crate::DataError;
use crate::imbalance::Imbalance;
use crate::mersenne_twister::MersenneTwister;

/// Images of each class, `[k]`, of the `available` ones, `[k]`.
///
/// The sizes are the quantiles `(i/(k+1))^(−1/α) − 1` of the distribution for i = 1, …, k, stretched so that the largest is `max` and the
/// smallest `min`, and rounded. From the largest to the smallest, each goes to the first class of a random order that has as many
/// images and no size yet. Liu et al. publish a list of images rather than a program: the list's classes have other sizes.
pub(super) fn class_counts(
    imbalance: Imbalance,
    (alpha, max, min, seed): (f64, i64, i64, u32),
    available: &[i64],
) -> Result<Vec<i64>, DataError> {
    if !(alpha > 0.0 && alpha.is_finite() && 1 <= min && min < max) {
        return Err(DataError::Pareto { alpha, max, min });
    }
    let mut order: Vec<usize> = (0..available.len()).collect();
    MersenneTwister::new(seed).shuffle(&mut order);
    let mut counts = vec![0; available.len()];
    for size in sizes(alpha, max, min, available.len()) {
        let free = order.iter().position(|&class| available[class] >= size);
        let class = free.ok_or_else(|| DataError::NoClassForSize {
            imbalance: imbalance.to_string(),
            size,
            largest: available.iter().copied().max().unwrap_or(0),
        })?;
        counts[order.remove(class)] = size;
    }
    Ok(counts)
}

/// From the largest to the smallest.
fn sizes(alpha: f64, max: i64, min: i64, classes: usize) -> Vec<i64> {
    let quantile = |rank: usize| (rank as f64 / (classes as f64 + 1.0)).powf(-1.0 / alpha) - 1.0;
    let (largest, smallest) = (quantile(1), quantile(classes));
    let size = |rank| min as f64 + (max - min) as f64 * (quantile(rank) - smallest) / (largest - smallest);
    (1..=classes).map(|rank| size(rank).round() as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGENET: Imbalance = Imbalance::Pareto {
        alpha: 6.0,
        max: 1280,
        min: 5,
        seed: 0,
    };

    #[test]
    fn the_shape_is_near_that_of_imagenet_lt() {
        let mut counts = IMAGENET.class_counts(&[1300; 1000]).unwrap();
        assert_ne!(counts[0], 1280, "the largest class is a random one");
        counts.sort_unstable();
        assert_eq!((counts[999], counts[0]), (1280, 5));
        let total: i64 = counts.iter().sum();
        let many = counts.iter().filter(|&&count| count > 100).count();
        let few = counts.iter().filter(|&&count| count < 20).count();
        // 115,846 images, 385 and 136 classes in the list.
        assert!((110_000..130_000).contains(&total), "{total}");
        assert!((370..430).contains(&many) && (120..150).contains(&few), "{many} {few}");
    }

    #[test]
    fn the_order_of_classes_follows_from_the_seed() {
        let counts = |seed| {
            let imbalance = Imbalance::Pareto {
                alpha: 6.0,
                max: 50,
                min: 2,
                seed,
            };
            imbalance.class_counts(&[60; 20]).unwrap()
        };
        assert_eq!(counts(3), counts(3));
        assert_ne!(counts(3), counts(4));
        let sorted = |seed| {
            let mut counts = counts(seed);
            counts.sort_unstable();
            counts
        };
        assert_eq!(sorted(3), sorted(4));
    }

    #[test]
    fn a_class_keeps_at_most_what_it_has() {
        let available: Vec<i64> = (0..1000)
            .map(|class| if class % 10 == 0 { 1300 } else { 732 })
            .collect();
        let counts = IMAGENET.class_counts(&available).unwrap();
        assert!(
            counts
                .iter()
                .zip(&available)
                .all(|(count, available)| count <= available)
        );
        assert_eq!(counts.iter().max(), Some(&1280));
        let error = IMAGENET.class_counts(&[1200; 1000]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "imbalance pareto 6 from 1280 to 5 needs a class of 1280 images, and none that is left has as many; use a `max` of at most 1200"
        );
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (alpha, max, min) in [(0.0, 10, 1), (f64::NAN, 10, 1), (6.0, 5, 5), (6.0, 5, 0)] {
            let imbalance = Imbalance::Pareto {
                alpha,
                max,
                min,
                seed: 0,
            };
            let error = imbalance.class_counts(&[20; 3]).unwrap_err().to_string();
            assert!(
                error.ends_with("expected an alpha above 0, and 1 or more as `min` and more than that as `max`"),
                "{error}"
            );
        }
    }
}
