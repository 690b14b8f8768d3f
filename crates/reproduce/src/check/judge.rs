//! New runs against those of the baseline: which metrics became worse by more than their margin.

use anyhow::{anyhow, ensure};

use super::baseline::{Baseline, Kept, KeptSeed};
use super::metric::Metric;
use crate::compare::{Finished, Measure, weighted_accuracy};
use crate::run::Run;
use crate::statistics::bootstrap::{self, Design};
use crate::statistics::welch::satterthwaite;
use crate::statistics::{mean_and_variance, student};

/// What became of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of the interval lies beyond the margin, on the worse side.
    Worse,
    /// The same on the better side.
    Better,
    /// Neither.
    Kept,
}

/// A metric of a method, new less baseline.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) metric: Metric,
    /// Mean over the baseline's seeds: accuracies in percent.
    pub(crate) baseline: f64,
    /// Mean over the new ones.
    pub(crate) now: f64,
    /// Accuracies in points. NC1 to NC3 in percent: the mean of logarithms is what is compared.
    pub(crate) difference: f64,
    /// The 95 % interval of the difference.
    pub(crate) interval: (f64, f64),
    /// How much worse it may be.
    pub(crate) margin: f64,
    pub(crate) verdict: Verdict,
}

/// A method under an imbalance.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) method: String,
    /// In words.
    pub(crate) imbalance: String,
    /// Seeds of the new runs that were compared.
    pub(crate) seeds: Vec<i64>,
    /// Whether each is compared with the baseline's run of its seed; else all with all.
    pub(crate) paired: bool,
    pub(crate) changes: Vec<Change>,
    /// What the baseline has and the new runs have not, with the reason.
    pub(crate) missing: Vec<String>,
}

impl Judged {
    /// Whether a metric became worse.
    pub(crate) fn is_worse(&self) -> bool {
        self.changes.iter().any(|change| change.verdict == Verdict::Worse)
    }

    /// Whether the check fails by it.
    pub(crate) fn fails(&self) -> bool {
        self.is_worse() || !self.missing.is_empty()
    }
}

/// Draws of the bootstrap.
const DRAWS: usize = 10_000;

/// Compares the finished runs of a method with those that the baseline has of it. Runs of seeds that the baseline has not are
/// compared too if `all` is set, and then none is paired. `why` says why the run of a seed is not finished.
///
/// # Errors
/// If predictions are missing or damaged, or the data, the splits or the labels are not the baseline's.
pub(crate) fn judge(
    baseline: &Baseline,
    kept: &Kept,
    finished: &[&Finished],
    all: bool,
    why: impl Fn(&Run) -> String,
) -> anyhow::Result<Judged> {
    let first = kept.run(&kept.seeds[0])?;
    let mut pairs = Vec::new();
    let mut missing = Vec::new();
    for seed in &kept.seeds {
        match finished.iter().find(|finished| finished.run.seed == seed.seed) {
            Some(finished) => pairs.push((seed, *finished)),
            None => missing.push(format!("seed {}: {}", seed.seed, why(&kept.run(seed)?))),
        }
    }
    let (before, mut now): (Vec<&KeptSeed>, Vec<&Finished>) = pairs.into_iter().unzip();
    for (seed, finished) in before.iter().zip(&now) {
        ensure!(
            finished.outcome.data_digest == baseline.data_digest && finished.outcome.split_digest == seed.split_digest,
            "{} was trained on data {} and split {}, and in the baseline on data {} and split {}; make the baseline anew with \
             --write-baseline, or name the folder of its data with --data",
            finished.outcome.run,
            finished.outcome.data_digest,
            finished.outcome.split_digest,
            baseline.data_digest,
            seed.split_digest
        );
    }
    if all {
        let has = |seed: i64| kept.seeds.iter().any(|kept| kept.seed == seed);
        now.extend(finished.iter().filter(|finished| !has(finished.run.seed)));
    }
    let mut judged = Judged {
        method: first.name.clone(),
        imbalance: first.imbalance.to_string(),
        seeds: now.iter().map(|finished| finished.run.seed).collect(),
        paired: !all,
        changes: Vec::new(),
        missing,
    };
    if !now.is_empty() {
        accuracies(baseline, &before, &now, &mut judged)?;
        collapse(baseline, &before, &now, &mut judged);
    }
    Ok(judged)
}

fn accuracies(baseline: &Baseline, before: &[&KeptSeed], now: &[&Finished], judged: &mut Judged) -> anyhow::Result<()> {
    let mut new_hits = Vec::new();
    let mut labels = Vec::new();
    for finished in now {
        let predictions = finished.predictions()?;
        new_hits.push(predictions.hits());
        labels = predictions.labels;
    }
    let labels: Vec<usize> = labels.into_iter().map(|label| label as usize).collect();
    let mut images = vec![0; baseline.images.len()];
    for &label in &labels {
        images[label] += 1;
    }
    ensure!(
        images == baseline.images,
        "there are {images:?} test images of the classes here, and the baseline has {:?}; name the folder of its data with --data, \
         or take it from git again",
        baseline.images
    );
    let mut old_hits = Vec::new();
    for seed in before {
        let hits = seed.hits(labels.len()).map_err(|reason| anyhow!(reason))?;
        let mut correct = vec![0; baseline.images.len()];
        for (&label, &hit) in labels.iter().zip(&hits) {
            correct[label] += usize::from(hit);
        }
        ensure!(
            correct == seed.correct,
            "the baseline's bits of seed {} of `{}` have {correct:?} correct images of the classes, and its counts are {:?}; take it \
             from git again, or make it anew with --write-baseline",
            seed.seed,
            judged.method,
            seed.correct
        );
        old_hits.push(hits);
    }
    let measures = Measure::of(&now[0].run, &labels)?;
    let weights: Vec<Vec<f64>> = measures.iter().map(|(_, weights)| weights.clone()).collect();
    let design = Design {
        labels: &labels,
        weights: &weights,
        paired: judged.paired,
        draws: DRAWS,
        seed: 0,
    };
    let differences = bootstrap::differences(&new_hits, &old_hits, &design);
    for ((measure, weights), difference) in measures.iter().zip(differences) {
        let mean = |hits: &[Vec<bool>]| {
            let values: Vec<f64> = hits
                .iter()
                .map(|hits| 100.0 * weighted_accuracy(hits, &labels, weights))
                .collect();
            mean_and_variance(&values).0
        };
        let metric = Metric::Accuracy(*measure);
        let (points, half, margin) = (
            100.0 * difference.mean,
            100.0 * difference.detectable(),
            baseline.margin(metric),
        );
        judged.changes.push(Change {
            metric,
            baseline: mean(&old_hits),
            now: mean(&new_hits),
            difference: points,
            interval: (points - half, points + half),
            margin,
            verdict: verdict(points, half, margin),
        });
    }
    Ok(())
}

/// NC1 to NC3, where two seeds have them: of one there is no interval.
fn collapse(baseline: &Baseline, before: &[&KeptSeed], now: &[&Finished], judged: &mut Judged) {
    for metric in Metric::OF_COLLAPSE {
        let Some(old) = before
            .iter()
            .map(|seed| logarithm(seed.collapse(metric)))
            .collect::<Option<Vec<f64>>>()
        else {
            continue;
        };
        let mut new = Vec::new();
        for finished in now {
            match logarithm(metric.measured(&finished.outcome)) {
                Some(value) => new.push(value),
                None => judged.missing.push(format!(
                    "seed {}: it has no {}, or one that is no positive number",
                    finished.run.seed,
                    metric.name()
                )),
            }
        }
        if new.len() < now.len() || old.len() < 2 {
            continue;
        }
        let half = half_interval(&new, &old, judged.paired);
        let (before, after) = (mean_and_variance(&old).0, mean_and_variance(&new).0);
        let (growth, margin) = (after - before, baseline.margin(metric));
        let percent = |logarithm: f64| 100.0 * logarithm.exp_m1();
        judged.changes.push(Change {
            metric,
            baseline: before.exp(),
            now: after.exp(),
            difference: percent(growth),
            interval: (percent(growth - half), percent(growth + half)),
            margin,
            verdict: verdict(-growth, half, (margin / 100.0).ln_1p()),
        });
    }
}

/// Of a gain with half its interval: worse or better where all of the interval is beyond the margin.
fn verdict(gain: f64, half: f64, margin: f64) -> Verdict {
    if gain + half < -margin {
        Verdict::Worse
    } else if gain - half > margin {
        Verdict::Better
    } else {
        Verdict::Kept
    }
}

fn logarithm(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0).map(f64::ln)
}

/// Half the 95 % interval of the difference of means, by Student's t; of pairs or of two samples.
fn half_interval(new: &[f64], old: &[f64], paired: bool) -> f64 {
    let share = |values: &[f64]| {
        (
            mean_and_variance(values).1.unwrap_or(0.0) / values.len() as f64,
            values.len(),
        )
    };
    let shares = if paired {
        let pairs: Vec<f64> = new.iter().zip(old).map(|(new, old)| new - old).collect();
        vec![share(&pairs)]
    } else {
        vec![share(new), share(old)]
    };
    let variance: f64 = shares.iter().map(|(share, _)| share).sum();
    if variance == 0.0 {
        return 0.0;
    }
    student::critical(satterthwaite(&shares, variance)) * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_interval_must_lie_beyond_the_margin() {
        assert_eq!(verdict(-3.1, 2.0, 1.0), Verdict::Worse);
        assert_eq!(verdict(-2.9, 2.0, 1.0), Verdict::Kept);
        assert_eq!(verdict(3.1, 2.0, 1.0), Verdict::Better);
        assert_eq!(verdict(0.0, 0.0, 0.0), Verdict::Kept, "equal numbers and no margin");
        assert_eq!(verdict(f64::NAN, 1.0, 1.0), Verdict::Kept);
    }

    #[test]
    fn half_an_interval_is_that_of_a_t_test() {
        // By hand: pairs differ by 1, 2, 3, with variance 1; Student's t of two degrees of freedom has 4.3027 at 97.5 %.
        let half = half_interval(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0], true);
        assert!((half - 4.302_653 / 3.0_f64.sqrt()).abs() < 1e-5, "{half}");
        // Two samples of variances 4 and 1: Welch's degrees of freedom are 25 / (16 / 2 + 1 / 2) = 2.9412.
        let half = half_interval(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0], false);
        assert!(
            (half / (5.0 / 3.0_f64).sqrt() - student::critical(2.941_176)).abs() < 1e-5,
            "{half}"
        );
        assert!(half_interval(&[1.0, 1.0], &[1.0, 1.0], true) == 0.0, "equal numbers");
    }
}
