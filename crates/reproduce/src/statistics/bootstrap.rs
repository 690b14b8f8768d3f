//! The two-level bootstrap of a difference: seeds are drawn with replacement, and test images within each class.
//!
//! All seeds and both methods see the same drawn images, as they see the same test split. With two to five seeds the percentiles
//! of such draws are too narrow: seeds that are drawn from n have (n − 1) / n of their variance, and a normal quantile of an
//! estimated variance is too small. So the draws give the variance, which is corrected for the first, and an interval takes
//! the quantile of Student's t with the degrees of freedom of the seeds (Welch–Satterthwaite; images are many, so their share of the
//! variance counts as known). `error_rates` measures both kinds of error.

use rayon::prelude::*;

use super::welch::satterthwaite;
use super::{mean_and_variance, student};

/// One method on a test split: for each seed whether each image is classified correctly.
pub(crate) type Hits = Vec<Vec<bool>>;

/// What is compared: a weighted sum of class accuracies for each measure.
pub(crate) struct Design<'a> {
    /// Class of each image, `[n]`.
    pub(crate) labels: &'a [usize],
    /// A measure's weight for each class, `[m][k]`.
    pub(crate) weights: &'a [Vec<f64>],
    /// Whether seed i of both methods belongs together.
    pub(crate) paired: bool,
    /// Draws of the bootstrap.
    pub(crate) draws: usize,
    /// Where the random numbers begin. The result does not depend on the number of threads.
    pub(crate) seed: u64,
}

/// A difference, left less right, in the unit of the accuracies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Of the means over seeds.
    pub(crate) mean: f64,
    /// Of `mean`, from seeds and images together.
    pub(crate) standard_error: f64,
    /// Degrees of freedom; infinite where no seed varies.
    pub(crate) freedom: f64,
}

impl Difference {
    /// Half the width of the 95 % interval: the smallest difference that this many seeds could have shown.
    pub(crate) fn detectable(&self) -> f64 {
        self.standard_error * self.critical()
    }

    /// Two-sided p value.
    pub(crate) fn p(&self) -> f64 {
        if self.mean == 0.0 {
            return 1.0;
        }
        let t = self.mean / self.standard_error;
        student::two_sided(t, self.freedom.min(MANY))
    }

    fn critical(&self) -> f64 {
        student::critical(self.freedom.min(MANY))
    }
}

/// Degrees of freedom with which Student's t is a normal distribution, to 2 in 10,000 of its quantiles.
const MANY: f64 = 1e4;
/// Draws that one generator makes.
const CHUNK: usize = 50;
/// Counts of correct images in one word of 64 bits: 16 bits each.
const LANES: usize = 4;

/// The difference of each measure, `left` less `right`.
pub(crate) fn differences(left: &Hits, right: &Hits, design: &Design<'_>) -> Vec<Difference> {
    let classes = Classes::new(left, right, design.labels);
    let observed = classes.values(&classes.counted(), design.weights);
    let (n_left, n_right) = (left.len(), right.len());
    let chunks = design.draws.div_ceil(CHUNK);
    let drawn: Vec<Vec<f64>> = (0..chunks)
        .into_par_iter()
        .flat_map_iter(|chunk| {
            let mut random = fastrand::Rng::with_seed(design.seed ^ (chunk as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let draws = (design.draws - chunk * CHUNK).min(CHUNK);
            let draw = |random: &mut fastrand::Rng| {
                let values = classes.values(&classes.drawn(random), design.weights);
                let mut seeds = |n: usize| (0..n).map(|_| random.usize(..n)).collect::<Vec<usize>>();
                let left_seeds = seeds(n_left);
                let right_seeds = if design.paired {
                    left_seeds.clone()
                } else {
                    seeds(n_right)
                };
                let mean = |measure: usize, seeds: &[usize], first: usize| {
                    seeds.iter().map(|seed| values[first + seed][measure]).sum::<f64>() / seeds.len() as f64
                };
                (0..design.weights.len())
                    .map(|measure| mean(measure, &left_seeds, 0) - mean(measure, &right_seeds, n_left))
                    .collect()
            };
            (0..draws).map(|_| draw(&mut random)).collect::<Vec<Vec<f64>>>()
        })
        .collect();
    (0..design.weights.len())
        .map(|measure| {
            let draws: Vec<f64> = drawn.iter().map(|draw| draw[measure]).collect();
            let of_seeds = |seeds: &[Vec<f64>]| seeds.iter().map(|values| values[measure]).collect::<Vec<f64>>();
            let (left, right) = observed.split_at(n_left);
            difference(&draws, &of_seeds(left), &of_seeds(right), design.paired)
        })
        .collect()
}

/// From the bootstrap's draws and the values of the seeds.
fn difference(draws: &[f64], left: &[f64], right: &[f64], paired: bool) -> Difference {
    let share = |values: &[f64]| {
        let (_, variance) = mean_and_variance(values);
        (variance.unwrap_or(0.0) / values.len() as f64, values.len())
    };
    let shares = if paired {
        let pairs: Vec<f64> = left.iter().zip(right).map(|(left, right)| left - right).collect();
        vec![share(&pairs)]
    } else {
        vec![share(left), share(right)]
    };
    let (_, drawn) = mean_and_variance(draws);
    let lost: f64 = shares.iter().map(|(share, n)| share / *n as f64).sum(); // drawn from n seeds, 1 / n of it
    let variance = drawn.unwrap_or(0.0) + lost;
    let freedom = satterthwaite(
        &shares.into_iter().filter(|(_, n)| *n > 1).collect::<Vec<_>>(),
        variance,
    );
    Difference {
        mean: mean_and_variance(left).0 - mean_and_variance(right).0,
        standard_error: variance.sqrt(),
        freedom,
    }
}

/// The images of each class, and which seeds classify each of them correctly.
struct Classes {
    /// `[k]`: for each image a word for every [`LANES`] seeds, left ones first, one image after the other.
    images: Vec<Vec<u64>>,
    words: usize,
    seeds: usize,
}

impl Classes {
    fn new(left: &Hits, right: &Hits, labels: &[usize]) -> Classes {
        let seeds: Vec<&Vec<bool>> = left.iter().chain(right).collect();
        let words = seeds.len().div_ceil(LANES);
        let classes = labels.iter().max().map_or(0, |last| last + 1);
        let mut images = vec![Vec::new(); classes];
        for (image, &label) in labels.iter().enumerate() {
            let in_class = &mut images[label];
            let first = in_class.len();
            in_class.resize(first + words, 0_u64);
            for (seed, hits) in seeds.iter().enumerate() {
                in_class[first + seed / LANES] |= u64::from(hits[image]) << (16 * (seed % LANES));
            }
        }
        Classes {
            images,
            words,
            seeds: seeds.len(),
        }
    }

    /// Correct images of each class and seed, `[k][s]`.
    fn counted(&self) -> Vec<Vec<f64>> {
        self.sums(|images, sum| images.chunks_exact(self.words).for_each(|image| add(image, sum)))
    }

    /// The same of as many images, drawn from each class with replacement.
    fn drawn(&self, random: &mut fastrand::Rng) -> Vec<Vec<f64>> {
        self.sums(|images, sum| {
            let many = (images.len() / self.words) as u64;
            for _ in 0..many {
                let index = (u64::from(random.u32(..)) * many) >> 32; // below `many`, all but evenly: a class has few images
                let first = index as usize * self.words;
                add(&images[first..first + self.words], sum);
            }
        })
    }

    /// Correct images of each class and seed, of those that `visit` adds to a sum.
    fn sums(&self, mut visit: impl FnMut(&[u64], &mut [u64])) -> Vec<Vec<f64>> {
        let mut sums = Vec::with_capacity(self.images.len());
        for images in &self.images {
            let mut totals = vec![0.0; self.seeds];
            // 16 bits hold 65,535: a large class is summed in parts.
            for part in images.chunks(self.words << 15) {
                let mut sum = vec![0; self.words];
                visit(part, &mut sum);
                for (seed, total) in totals.iter_mut().enumerate() {
                    *total += ((sum[seed / LANES] >> (16 * (seed % LANES))) & 0xffff) as f64;
                }
            }
            sums.push(totals);
        }
        sums
    }

    /// Each seed's measures, `[s][m]`, from correct images `[k][s]`.
    fn values(&self, correct: &[Vec<f64>], weights: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let sizes: Vec<f64> = self
            .images
            .iter()
            .map(|images| (images.len() / self.words).max(1) as f64)
            .collect();
        let measure = |seed: usize, weights: &Vec<f64>| {
            let classes = correct.iter().zip(&sizes).zip(weights);
            classes
                .map(|((correct, size), weight)| weight * correct[seed] / size)
                .sum()
        };
        (0..self.seeds)
            .map(|seed| weights.iter().map(|weights| measure(seed, weights)).collect())
            .collect()
    }
}

/// Adds the counts of an image, lane by lane: none overflows into the next, see [`Classes::sums`].
fn add(image: &[u64], sum: &mut [u64]) {
    sum.iter_mut().zip(image).for_each(|(sum, word)| *sum += word);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes of three and two images; the second measure is the first class alone.
    const LABELS: [usize; 5] = [0, 0, 0, 1, 1];

    fn compared(left: &Hits, right: &Hits, paired: bool) -> Vec<Difference> {
        let weights = [vec![0.6, 0.4], vec![1.0, 0.0]];
        let design = Design {
            labels: &LABELS,
            weights: &weights,
            paired,
            draws: 20_000,
            seed: 3,
        };
        differences(left, right, &design)
    }

    fn hits(rows: &[[u8; 5]]) -> Hits {
        rows.iter()
            .map(|row| row.iter().map(|&hit| hit == 1).collect())
            .collect()
    }

    #[test]
    fn one_seed_has_the_variance_of_its_images_alone() {
        let [overall, first] = compared(&hits(&[[1, 1, 0, 1, 0]]), &hits(&[[0, 1, 0, 1, 1]]), true)[..] else {
            panic!("two measures")
        };
        // By hand: differences of the images are 1, 0, 0 and 0, -1; a class of n images has a mean of variance Σ (d − d̄)² / n².
        let (of_first, of_second) = (2.0 / 3.0 / 9.0, 0.5 / 4.0);
        assert!((first.mean - 1.0 / 3.0).abs() < 1e-12 && overall.mean.abs() < 1e-12);
        assert!(
            (first.standard_error.powi(2) / of_first - 1.0).abs() < 0.03,
            "{first:?}"
        );
        let expected = 0.36 * of_first + 0.16 * of_second;
        assert!(
            (overall.standard_error.powi(2) / expected - 1.0).abs() < 0.03,
            "{overall:?}"
        );
        assert!(first.freedom.is_infinite());
        assert!(overall.p() > 0.999);
        assert!(
            (first.detectable() / first.standard_error - 1.960).abs() < 1e-3,
            "a normal distribution"
        );
    }

    #[test]
    fn seeds_add_the_variance_of_their_mean() {
        // All images of a class are alike, so that none adds variance.
        let left = hits(&[[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]);
        let right = hits(&[[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]);
        // Of seeds: left 1, 0.6, 0.4, right 0.4, 0, 0; pairs differ by 0.6, 0.6, 0.4.
        let paired = compared(&left, &right, true)[0];
        assert!(
            (paired.standard_error.powi(2) / (0.04 / 3.0 / 3.0) - 1.0).abs() < 0.03,
            "{paired:?}"
        );
        assert!((paired.freedom - 2.0).abs() < 0.2, "{paired:?}");
        let unpaired = compared(&left, &right, false)[0];
        let expected = (0.28 / 3.0 + 0.16 / 3.0) / 3.0;
        assert!(
            (unpaired.standard_error.powi(2) / (expected / 1.0) - 1.0).abs() < 0.03,
            "{unpaired:?}"
        );
        assert!((paired.mean - unpaired.mean).abs() < 1e-12);
    }

    #[test]
    fn more_seeds_than_fit_into_one_word_are_counted_each_on_its_own() {
        let seed = |hit: u8| [hit, hit, hit, 0, 1];
        let left = hits(&[1, 0, 1, 1, 0, 1].map(seed));
        let right = hits(&[0, 0, 1, 0, 0, 0].map(seed));
        let first = compared(&left, &right, true)[1];
        assert!((first.mean - (4.0 / 6.0 - 1.0 / 6.0)).abs() < 1e-12, "{first:?}");
    }
}
