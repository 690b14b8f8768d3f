//! The state of libtorch's random generators, so that a training can go on in the middle of an epoch.
#![expect(unsafe_code, reason = "two functions of random_state.cc")]

unsafe extern "C" {
    fn longtail_random_state(gpu: i64, bytes: *mut u8, room: i64) -> i64;
    fn longtail_set_random_state(gpu: i64, bytes: *const u8, size: i64) -> bool;
}

/// Which of libtorch's generators: each device has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// Draws on the CPU.
    Cpu,
    /// Draws on the GPU with this index.
    Gpu(usize),
}

impl Generator {
    /// Where the generator is; `None` if there is no such device.
    pub fn state(self) -> Option<Vec<u8>> {
        // SAFETY: with no room nothing is written.
        let size = unsafe { longtail_random_state(self.index(), std::ptr::null_mut(), -1) };
        let mut bytes = vec![0_u8; usize::try_from(size).ok()?];
        // SAFETY: the vector has room for `size` bytes, and no more is written.
        let written = unsafe { longtail_random_state(self.index(), bytes.as_mut_ptr(), size) };
        (written == size).then_some(bytes)
    }

    /// Puts the generator where it was when [`Generator::state`] said so. False, and nothing is changed, if the bytes are not a
    /// state of such a generator.
    #[must_use]
    pub fn restore(self, state: &[u8]) -> bool {
        // SAFETY: the bytes are only read, and libtorch checks their number and form.
        unsafe { longtail_set_random_state(self.index(), state.as_ptr(), state.len() as i64) }
    }

    fn index(self) -> i64 {
        match self {
            Generator::Cpu => -1,
            Generator::Gpu(index) => index as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_restored_and_bytes_that_are_none_are_refused() {
        let state = Generator::Cpu.state().expect("there is a CPU");
        assert!(state.len() > 1000, "a Mersenne twister");
        assert!(Generator::Cpu.restore(&state));
        assert_eq!(Generator::Cpu.state(), Some(state.clone()));
        assert!(!Generator::Cpu.restore(&state[1..]));
        assert!(!Generator::Cpu.restore(&[]));
        assert_eq!(Generator::Cpu.state(), Some(state));
        assert_eq!(Generator::Gpu(99).state(), None, "no machine has so many");
    }
}
