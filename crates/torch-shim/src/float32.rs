//! Full-precision f32 on a GPU, without TF32.
#![expect(unsafe_code, reason = "two functions of float32.cc")]

unsafe extern "C" {
    fn longtail_full_float32();
    #[cfg(test)]
    fn longtail_is_float32_full() -> bool;
}

/// From now on f32 convolutions on a GPU multiply f32. libtorch's default is TF32, of 11 bits of mantissa, without a word.
pub fn compute_float32_in_full() {
    // SAFETY: it sets a flag of libtorch.
    unsafe { longtail_full_float32() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_rounds_f32_to_less_until_it_is_told_not_to() {
        // SAFETY: it reads two flags of libtorch.
        let is_full = || unsafe { longtail_is_float32_full() };
        assert!(!is_full());
        compute_float32_in_full();
        assert!(is_full());
    }
}
