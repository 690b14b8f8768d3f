//! Functions of libtorch and of the C library that tch does not expose. The only crate of the workspace with `unsafe` code.
//!
//! A program that is linked against a CPU-only libtorch, or linked lazily against one with GPU support, reaches the GPU all the
//! same once `libtorch_cuda.so` is in its process: the CUDA kernels register themselves with libtorch's dispatcher while the
//! library loads. So one build serves both kinds of machine, and no cargo feature chooses between them.
//!
//! ```
//! use torch_shim::{GpuSupport, load_gpu_support};
//!
//! if let GpuSupport::Broken { reason } = load_gpu_support() {
//!     eprintln!("continuing on the CPU: {reason}");
//! }
//! ```

mod cuda_graph;
mod float32;
#[cfg(feature = "host-reads")]
mod host_reads;

pub use cuda_graph::{CudaGraph, GraphError};
pub use float32::compute_float32_in_full;
#[cfg(feature = "host-reads")]
pub use host_reads::host_reads;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// What became of libtorch's GPU support when this process asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuSupport {
    /// The kernels are registered. Whether there is a GPU to run them on is for `tch::Cuda::is_available` to say.
    Loaded,
    /// This libtorch was built or installed without GPU support: the CPU is all there is.
    Absent,
    /// The library is there and does not load, for instance because a library that it needs is missing.
    Broken {
        /// The dynamic loader's own words, which name the library that is at fault.
        reason: String,
    },
}

/// Loads libtorch's GPU support for the rest of the process, if this libtorch has it.
///
/// Call it once, at the start of `main`: libtorch decides what devices there are when the first tensor is made. The library is
/// looked for along the run path of the executable, so it is the one beside the `libtorch_cpu.so` that the program is linked to.
pub fn load_gpu_support() -> GpuSupport {
    load("libtorch_cuda.so")
}

#[expect(
    unsafe_code,
    reason = "loading a library runs its initialisers; libtorch's register kernels and expect exactly this"
)]
fn load(library: &str) -> GpuSupport {
    // RTLD_GLOBAL: libraries loaded later (cuDNN's engines, a shim over CUDA graphs) resolve against this one.
    // SAFETY: libtorch's initialisers have no precondition but its other libraries, which the loader brings in first.
    match unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            // Never unloaded: the dispatcher holds pointers to its kernels until the process ends.
            std::mem::forget(library);
            GpuSupport::Loaded
        }
        Err(error) => {
            let reason = error.to_string();
            // A library that is missing itself is no error; one that misses another library is. The message starts with whichever it is.
            if reason.starts_with(&format!("{library}: ")) && reason.ends_with("No such file or directory") {
                GpuSupport::Absent
            } else {
                GpuSupport::Broken { reason }
            }
        }
    }
}

/// Makes the process keep the memory that tensors give back, for the tensors that come next.
///
/// The C library's default returns every large block to the kernel, which then clears each of its pages again when the next step
/// asks for the same block: a step of ResNet-32 at batch 128 takes and returns half a gigabyte that way. Call it at the start of
/// `main`. Where the C library is not glibc, nothing is changed.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        // Older releases of glibc take no threshold above 32 MiB.
        let _ = set_malloc_parameter(libc::M_MMAP_THRESHOLD, 1 << 30)
            || set_malloc_parameter(libc::M_MMAP_THRESHOLD, 1 << 25);
        set_malloc_parameter(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Whether the C library took the value.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a function of the C library")]
fn set_malloc_parameter(parameter: i32, bytes: i32) -> bool {
    // SAFETY: mallopt takes any numbers; it answers 0 to those that it does not want, and then changes nothing.
    unsafe { libc::mallopt(parameter, bytes) == 1 }
}

#[cfg(test)]
mod tests {
    use super::{GpuSupport, keep_freed_memory, load, load_gpu_support};
    use std::path::Path;

    /// Pages that the kernel had to bring in for this process so far.
    fn page_faults() -> u64 {
        let statistics = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
        let after_the_name = statistics.rsplit(')').next().expect("a name in parentheses");
        after_the_name
            .split_whitespace()
            .nth(7)
            .expect("minflt")
            .parse()
            .expect("a number")
    }

    /// Page faults of taking, filling and giving back 40 MiB (10,240 pages) ten times: more than glibc keeps unasked (32 MiB).
    fn faults_of_ten_blocks() -> u64 {
        let before = page_faults();
        for value in 0..10_u8 {
            std::hint::black_box(vec![value; 40 << 20]);
        }
        page_faults() - before
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn memory_given_back_is_taken_again_without_the_kernel() {
        keep_freed_memory();
        let _first = faults_of_ten_blocks();
        let faults = faults_of_ten_blocks();
        assert!(faults < 10_240, "{faults} page faults");
    }

    #[test]
    fn gpu_support_is_loaded_exactly_where_libtorch_has_it() {
        let libtorch = std::env::var_os("LIBTORCH").expect("cargo sets LIBTORCH, see .cargo/config.toml");
        let installed = Path::new(&libtorch).join("lib/libtorch_cuda.so").exists();
        let expected = if installed {
            GpuSupport::Loaded
        } else {
            GpuSupport::Absent
        };
        assert_eq!(load_gpu_support(), expected);
    }

    #[test]
    fn a_missing_library_is_absent() {
        assert_eq!(load("/nonexistent/libtorch_cuda.so"), GpuSupport::Absent);
    }

    #[test]
    fn a_library_that_does_not_load_is_broken_and_says_why() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let GpuSupport::Broken { reason } = load(manifest) else {
            panic!("a text file is no library")
        };
        assert!(reason.contains("Cargo.toml: invalid ELF header"), "{reason}");
    }
}
