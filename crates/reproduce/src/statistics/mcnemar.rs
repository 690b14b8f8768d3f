//! McNemar's test: two networks on the same images.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Exact two-sided p value, of images that the one network classifies correctly and the other does not, either way. It is a
/// statement about these two networks: others of the same two methods may differ otherwise.
pub(crate) fn mcnemar(only_left: u64, only_right: u64) -> f64 {
    let discordant = only_left + only_right;
    if discordant == 0 {
        return 1.0;
    }
    let fair = Binomial::new(0.5, discordant).expect("a probability");
    (2.0 * fair.cdf(only_left.min(only_right))).min(1.0)
}

/// Images that the left network alone classifies correctly, and the right one alone; whether each is correct, `[n]`.
pub(crate) fn discordant(left: &[bool], right: &[bool]) -> (u64, u64) {
    let only = |correct: &[bool], other: &[bool]| {
        let images = correct.iter().zip(other);
        images.filter(|&(&correct, &other)| correct && !other).count() as u64
    };
    (only(left, right), only(right, left))
}
