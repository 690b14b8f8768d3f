//! How often a stage is measured and stored while it trains.

use std::time::Duration;

/// How often a stage is measured and stored while it trains. Neither changes a weight. The last epoch is always measured, and there is a
/// checkpoint after every epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// Epochs from one measurement of accuracies on the test and validation splits to the next, at least 1.
    pub evaluation: i64,
    /// Epochs from one measurement of neural collapse to the next, at least 1; that of the test split waits for the next evaluation.
    pub collapse: i64,
    /// Time from one checkpoint to the next inside an epoch.
    pub checkpoint: Duration,
}

impl Intervals {
    /// Measured after every epoch; no checkpoint inside one.
    pub const EACH_EPOCH: Intervals = Intervals {
        evaluation: 1,
        collapse: 1,
        checkpoint: Duration::MAX,
    };
    /// Measured after the last epoch alone; no checkpoint inside one.
    pub const AT_THE_END: Intervals = Intervals {
        evaluation: i64::MAX,
        collapse: i64::MAX,
        checkpoint: Duration::MAX,
    };

    /// Whether `epoch`, counted from 0, of `epochs` ends one of these `intervals`.
    pub(crate) fn end(interval: i64, epoch: i64, epochs: i64) -> bool {
        (epoch + 1) % interval == 0 || epoch + 1 == epochs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_epoch_and_the_last_are_measured() {
        let measured: Vec<i64> = (0..8).filter(|&epoch| Intervals::end(3, epoch, 8)).collect();
        assert_eq!(measured, [2, 5, 7]);
        assert!((0..7).all(|epoch| !Intervals::end(Intervals::AT_THE_END.evaluation, epoch, 8)));
    }
}
