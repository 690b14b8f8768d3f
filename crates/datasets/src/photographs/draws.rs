//! Random numbers of one photograph's view, which follow from where in the training it is seen.

use sha2::{Digest, Sha256};

use crate::mersenne_twister::MersenneTwister;

/// Which showing of a photograph a view is drawn for. Nothing else decides the draws: neither what was drawn before nor which
/// thread draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Showing {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// The place in the order of the epoch.
    pub position: u64,
}

/// The random numbers of a [`Showing`], one after the other.
pub(crate) struct Draws(MersenneTwister);

impl Draws {
    pub(crate) fn new(showing: Showing) -> Self {
        // A digest, because neighbouring seeds of this generator begin alike, and because its seed has 32 bits.
        let mut digest = Sha256::new();
        for number in [showing.seed, showing.epoch, showing.position] {
            digest.update(number.to_le_bytes());
        }
        let digest = digest.finalize();
        Draws(MersenneTwister::new(u32::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3],
        ])))
    }

    /// Uniform from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 2_f64.powi(32)
    }

    /// Uniform between the two numbers.
    pub(crate) fn between(&mut self, range: [f64; 2]) -> f64 {
        range[0] + (range[1] - range[0]) * self.unit()
    }

    /// A whole number from 0 to `maximum` inclusive.
    pub(crate) fn at_most(&mut self, maximum: usize) -> usize {
        self.0.at_most(maximum as u32) as usize
    }

    /// Whether something of probability one half happens.
    pub(crate) fn coin(&mut self) -> bool {
        self.unit() < 0.5
    }

    /// Puts the items in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_showing_changes_the_draws() {
        let draw = |seed, epoch, position| Draws::new(Showing { seed, epoch, position }).unit();
        let first = draw(0, 0, 0);
        assert!((first - draw(0, 0, 0)).abs() < f64::EPSILON);
        for other in [draw(1, 0, 0), draw(0, 1, 0), draw(0, 0, 1)] {
            assert!((first - other).abs() > 1e-6);
        }
    }

    #[test]
    fn draws_of_neighbouring_showings_are_uniform() {
        let draws: Vec<f64> = (0..4000)
            .map(|position| {
                Draws::new(Showing {
                    seed: 3,
                    epoch: 1,
                    position,
                })
                .between([2.0, 4.0])
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / 4000.0;
        assert!((mean - 3.0).abs() < 0.05, "{mean}");
        assert!(draws.iter().all(|draw| (2.0..4.0).contains(draw)));
    }
}
