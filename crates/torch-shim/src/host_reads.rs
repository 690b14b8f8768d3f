//! How often code makes the host wait for the device, counted by libtorch's observer of operators.
#![expect(unsafe_code, reason = "three functions of host_reads.cc")]

unsafe extern "C" {
    fn longtail_observe_host_reads() -> u64;
    fn longtail_forget_host_reads(handle: u64);
    fn longtail_host_reads() -> i64;
}

/// Runs `work` and returns its result, with the number of operators in it that read a tensor's values on the host, or a
/// size that depends on them.
///
/// They are counted on any device, so a test on the CPU says whether a loop would keep a GPU waiting. Operators of
/// other threads count too. Copies of whole tensors to host memory (`Vec::try_from`) are not counted: they are not
/// operators.
pub fn host_reads<T>(work: impl FnOnce() -> T) -> (T, i64) {
    // SAFETY: the callback touches an atomic counter and nothing else; the handle is removed once.
    let handle = unsafe { longtail_observe_host_reads() };
    let before = unsafe { longtail_host_reads() };
    let result = work();
    let after = unsafe { longtail_host_reads() };
    unsafe { longtail_forget_host_reads(handle) };
    (result, after - before)
}
