const STATE: usize = 624;
const OFFSET: usize = 397;

/// MT19937 of Matsumoto and Nishimura (1998), seeded and drawn from as `numpy.random.RandomState` does.
///
/// Implemented here because the images of the published CIFAR-LT benchmarks follow from its exact stream, which no
/// general-purpose crate guarantees.
pub(crate) struct MersenneTwister {
    state: [u32; STATE],
    next: usize,
}

impl MersenneTwister {
    /// The generator after `numpy.random.seed(seed)` (`init_genrand` of the 2002 reference code).
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [seed; STATE];
        for i in 1..STATE {
            let previous = state[i - 1];
            state[i] = 1_812_433_253u32
                .wrapping_mul(previous ^ (previous >> 30))
                .wrapping_add(i as u32);
        }
        MersenneTwister { state, next: STATE }
    }

    /// 32 uniform bits.
    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.next == STATE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for i in 0..STATE {
            let word = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE] & 0x7fff_ffff);
            let twist = if word & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[i] = self.state[(i + OFFSET) % STATE] ^ (word >> 1) ^ twist;
        }
        self.next = 0;
    }

    /// A uniform number from 0 to `maximum` inclusive, by masking and rejecting (NumPy's `random_interval`).
    pub(crate) fn at_most(&mut self, maximum: u32) -> u32 {
        if maximum == 0 {
            return 0; // without a draw, as in NumPy
        }
        let mask = u32::MAX >> maximum.leading_zeros();
        loop {
            let draw = self.next_u32() & mask;
            if draw <= maximum {
                return draw;
            }
        }
    }

    /// Shuffles as `RandomState.shuffle`: Fisher–Yates from the end.
    ///
    /// # Panics
    /// If there are more than 2³² items.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let last = u32::try_from(i).expect("fewer than 2^32 items");
            items.swap(i, self.at_most(last) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_that_of_the_reference_code() {
        // The 10000th output for seed 5489 is the check value of the C++ standard, [rand.predef].
        let mut generator = MersenneTwister::new(5489);
        let draws: Vec<u32> = (0..10_000).map(|_| generator.next_u32()).collect();
        assert_eq!(draws[..3], [3_499_211_612, 581_869_302, 3_890_346_734]);
        assert_eq!(draws[9_999], 4_123_659_995);
    }

    #[test]
    fn seed_zero_is_that_of_numpy() {
        // NumPy 2.4.6: np.random.RandomState(0)._bit_generator.random_raw(5)
        let mut generator = MersenneTwister::new(0);
        let draws: Vec<u32> = (0..5).map(|_| generator.next_u32()).collect();
        assert_eq!(
            draws,
            [
                2_357_136_044,
                2_546_248_239,
                3_071_714_933,
                3_626_093_760,
                2_588_848_963
            ]
        );
    }

    #[test]
    fn at_most_reaches_both_ends_and_nothing_beyond() {
        let mut generator = MersenneTwister::new(7);
        let mut seen = [0; 6];
        for _ in 0..1000 {
            seen[generator.at_most(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&times| times > 100), "{seen:?}");
    }
}
