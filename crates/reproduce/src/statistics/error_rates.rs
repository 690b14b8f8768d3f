//! How often the interval is wrong: simulated tables without a difference, and with one.

use super::bootstrap::{Design, Difference, Hits, differences};
use super::holm::holm;

/// Classes and test images of each.
const CLASSES: usize = 10;
const IMAGES: usize = 40;
/// Tables, each of so many methods against one reference.
const TABLES: u64 = 2000;
const METHODS: usize = 3;

/// A standard normal number (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

/// What the seeds of a method classify correctly: an image is as hard for all of them, and a seed is better or worse on all images.
fn method(random: &mut fastrand::Rng, hardness: &[f64], better: f64, seeds: usize) -> Hits {
    let seed = |random: &mut fastrand::Rng| {
        let strength = 0.7 + better + 0.02 * normal(random);
        hardness
            .iter()
            .map(|hard| random.f64() < (strength + hard).clamp(0.02, 0.98))
            .collect()
    };
    (0..seeds).map(|_| seed(random)).collect()
}

/// The difference of the plain accuracies of each method of a table from its reference's, if each is better by `better`.
fn table(number: u64, seeds: usize, paired: bool, better: f64) -> Vec<Difference> {
    let mut random = fastrand::Rng::with_seed(number);
    let hardness: Vec<f64> = (0..CLASSES * IMAGES).map(|_| 0.25 * normal(&mut random)).collect();
    let labels: Vec<usize> = (0..CLASSES * IMAGES).map(|image| image % CLASSES).collect();
    let weights = [vec![1.0 / CLASSES as f64; CLASSES]];
    let reference = method(&mut random, &hardness, 0.0, seeds);
    let design = Design {
        labels: &labels,
        weights: &weights,
        paired,
        draws: 100,
        seed: number,
    };
    let mut compared = |_| differences(&method(&mut random, &hardness, better, seeds), &reference, &design)[0];
    (0..METHODS).map(&mut compared).collect()
}

/// Share of tables with a verdict for any method.
fn false_alarms(seeds: usize, paired: bool) -> f64 {
    let has_verdict = |number: u64| {
        let p: Vec<f64> = table(number, seeds, paired, 0.0).iter().map(Difference::p).collect();
        holm(&p).iter().any(|p| *p < 0.05)
    };
    (0..TABLES).filter(|&number| has_verdict(number)).count() as f64 / TABLES as f64
}

#[test]
fn tables_without_a_difference_have_a_verdict_in_at_most_5_percent() {
    let chance = 2.0 * (0.05 * 0.95 / TABLES as f64).sqrt(); // of the simulation
    for seeds in [2, 3, 5] {
        for paired in [true, false] {
            let share = false_alarms(seeds, paired);
            assert!(share <= 0.05 + chance, "{seeds} seeds, paired {paired}: {share}");
        }
    }
}

#[test]
fn twice_the_smallest_difference_that_can_be_shown_is_found_in_at_least_80_percent() {
    for seeds in [2, 3, 5] {
        // Of the true standard error, its root mean square over tables. The mean of the estimated degrees of freedom is too high, which
        // makes the difference smaller and harder to find.
        let errors: Vec<f64> = (0..100)
            .map(|number| table(number, seeds, true, 0.0)[0].standard_error)
            .collect();
        let variance = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
        let freedom = (0..100)
            .map(|number| table(number, seeds, true, 0.0)[0].freedom)
            .sum::<f64>()
            / 100.0;
        let detectable = Difference {
            mean: 0.0,
            standard_error: variance.sqrt(),
            freedom: freedom.min(4.0 * seeds as f64),
        };
        let better = 2.0 * detectable.detectable();
        let found = |number: u64| table(number, seeds, true, better)[0].p() < 0.05;
        let share = (0..200).filter(|&number| found(number)).count() as f64 / 200.0;
        assert!(share >= 0.8, "{seeds} seeds, better by {better}: {share}");
    }
}
