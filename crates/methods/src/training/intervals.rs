//! How often a stage is measured while it trains.

/// Epochs from one measurement to the next; the last epoch is always measured. What is measured changes no weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// Of the accuracies on the test and validation splits, at least 1.
    pub evaluation: i64,
    /// Of the neural-collapse metrics, at least 1; those of the test split wait for the next evaluation.
    pub collapse: i64,
}

impl Intervals {
    /// After every epoch.
    pub const EACH_EPOCH: Intervals = Intervals {
        evaluation: 1,
        collapse: 1,
    };
    /// After the last epoch alone.
    pub const AT_THE_END: Intervals = Intervals {
        evaluation: i64::MAX,
        collapse: i64::MAX,
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
