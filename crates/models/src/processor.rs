//! Processor: what this machine's multiplies fast.

use std::fs;
use std::sync::LazyLock;

static MULTIPLIES_BF16_FAST: LazyLock<bool> =
    LazyLock::new(|| multiplies_bf16_fast(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()));

/// Whether the processor multiplies bf16 faster than f32, as far as Linux tells; `false` elsewhere.
pub fn processor_multiplies_bf16_fast() -> bool {
    *MULTIPLIES_BF16_FAST
}

/// The same of the processor that `told`, the text of `/proc/cpuinfo`, is about.
///
/// Tiles (AMX) are made for it. Of the vector instructions AMD's multiply twice as many bf16 as f32 in the same time, Intel's no
/// more: without tiles, oneDNN's convolutions took 1.75 times as long in bf16 as in f32 (docs/performance.md).
fn multiplies_bf16_fast(told: &str) -> bool {
    let words = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or(Vec::new(), |(_, value)| value.split_whitespace().collect::<Vec<_>>())
    };
    let flags = words("flags");
    flags.contains(&"amx_bf16") || flags.contains(&"avx512_bf16") && words("vendor_id") == ["AuthenticAMD"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_fast_with_tiles_and_with_the_vectors_that_are_made_for_it() {
        let told = |vendor: &str, flags: &str| {
            multiplies_bf16_fast(&format!(
                "processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags}\n"
            ))
        };
        assert!(told("AuthenticAMD", "avx512_bf16"));
        assert!(told("GenuineIntel", "avx512_bf16 amx_bf16 amx_tile"));
        assert!(!told("GenuineIntel", "avx512_bf16"));
        assert!(!told("AuthenticAMD", "avx2"));
        assert!(!multiplies_bf16_fast(""), "another system");
    }
}
