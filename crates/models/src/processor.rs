//! Which arithmetic this CPU is fast at.

use std::fs;
use std::sync::LazyLock;

static MULTIPLIES_BF16_FAST: LazyLock<bool> = LazyLock::new(|| {
    let limit = ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"]
        .map(std::env::var)
        .into_iter()
        .find_map(Result::ok);
    multiplies_bf16_fast(
        &fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
        limit.as_deref().unwrap_or("ALL"),
    )
});

/// Whether the CPU multiplies bf16 faster than f32, as Linux reports it; `false` on other systems.
pub fn processor_multiplies_bf16_fast() -> bool {
    *MULTIPLIES_BF16_FAST
}

/// The same for the CPU that `cpuinfo`, the text of `/proc/cpuinfo`, describes, with oneDNN limited to the instructions
/// of `limit`, a value of `ONEDNN_MAX_CPU_ISA`. Limited to less than bf16 instructions, its bf16 convolutions are plain
/// loops.
///
/// Tiles (AMX) are fast. AMD's vector instructions multiply twice as many bf16 as f32 numbers in the same time; Intel's
/// do not: without tiles, oneDNN's convolutions took 1.75 times as long in bf16 as in f32 (docs/performance.md).
fn multiplies_bf16_fast(cpuinfo: &str, limit: &str) -> bool {
    let limit = limit.to_uppercase();
    let has_all = ["ALL", "DEFAULT"].contains(&limit.as_str()) || limit.contains("AVX10");
    let has_tiles = has_all || limit.contains("AMX");
    let has_vectors = has_tiles || limit.contains("BF16") || limit.contains("FP16");
    let words = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or(Vec::new(), |(_, value)| value.split_whitespace().collect::<Vec<_>>())
    };
    let flags = words("flags");
    let vectors_are_fast = flags.contains(&"avx512_bf16") && words("vendor_id") == ["AuthenticAMD"];
    has_tiles && flags.contains(&"amx_bf16") || has_vectors && vectors_are_fast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_fast_with_tiles_and_with_amd_vectors() {
        let limited = |vendor: &str, flags: &str, limit: &str| {
            multiplies_bf16_fast(
                &format!("processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags}\n"),
                limit,
            )
        };
        let is_fast = |vendor: &str, flags: &str| limited(vendor, flags, "ALL");
        assert!(is_fast("AuthenticAMD", "avx512_bf16"));
        assert!(is_fast("GenuineIntel", "avx512_bf16 amx_bf16 amx_tile"));
        assert!(!is_fast("GenuineIntel", "avx512_bf16"));
        assert!(!is_fast("AuthenticAMD", "avx2"));
        assert!(!multiplies_bf16_fast("", "ALL"), "another system");
        for limit in ["AVX2", "avx512_core", "AVX512_CORE_VNNI"] {
            assert!(!limited("AuthenticAMD", "avx512_bf16", limit), "{limit}");
        }
        assert!(limited("AuthenticAMD", "avx512_bf16", "AVX512_CORE_BF16"));
        assert!(!limited("GenuineIntel", "avx512_bf16 amx_bf16", "AVX512_CORE_BF16"));
        assert!(limited("GenuineIntel", "avx512_bf16 amx_bf16", "AVX512_CORE_AMX"));
    }
}
