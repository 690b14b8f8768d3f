//! Full f32 precision on a GPU.
#![expect(unsafe_code, reason = "two functions of float32.cc")]

unsafe extern "C" {
    fn longtail_full_float32();
    #[cfg(test)]
    fn longtail_is_float32_full() -> bool;
}

/// From now on, f32 convolutions on a GPU multiply all 24 bits of mantissa. libtorch silently defaults to TF32, with 11
/// bits.
pub fn compute_float32_in_full() {
    // SAFETY: it sets a flag of libtorch.
    unsafe { longtail_full_float32() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_multiplies_in_tf32_until_full_f32_is_set() {
        // SAFETY: it reads two flags of libtorch.
        let is_full = || unsafe { longtail_is_float32_full() };
        assert!(!is_full());
        compute_float32_in_full();
        assert!(is_full());
    }
}
