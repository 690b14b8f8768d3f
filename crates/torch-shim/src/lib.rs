//! The parts of libtorch that tch lacks and of the C library that std lacks. The only crate of the workspace with
//! `unsafe`.
//!
//! A program that is linked against a CPU-only libtorch, or linked lazily against one with GPU support, still reaches
//! the GPU once `libtorch_cuda.so` is in its process: the CUDA kernels register themselves with libtorch's dispatcher
//! while the library loads. So one build serves both kinds of machine, and no cargo feature chooses between them.
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
mod random_state;
pub mod ranks;

pub use cuda_graph::{CudaGraph, GraphError};
pub use float32::compute_float32_in_full;
#[cfg(feature = "host-reads")]
pub use host_reads::host_reads;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
pub use random_state::Generator;

/// The outcome of loading libtorch's GPU support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuSupport {
    /// The kernels are registered. `tch::Cuda::is_available` says whether there is a GPU to run them on.
    Loaded,
    /// This libtorch was built or installed without GPU support: there is only the CPU.
    Absent,
    /// The library exists but does not load, for instance because a library that it needs is missing.
    Broken {
        /// The dynamic loader's message, which names the library at fault.
        reason: String,
    },
}

/// Loads libtorch's GPU support for the rest of the process, if this libtorch has it.
///
/// Call it once, at the start of `main`: libtorch decides which devices exist when the first tensor is created. The
/// library is looked for along the run path of the executable, so it is the one beside the `libtorch_cpu.so` that the
/// program is linked to.
pub fn load_gpu_support() -> GpuSupport {
    load("libtorch_cuda.so")
}

#[expect(
    unsafe_code,
    reason = "loading a library runs its initialisers; libtorch's register kernels and expect exactly this"
)]
fn load(library: &str) -> GpuSupport {
    // RTLD_GLOBAL: libraries loaded later (cuDNN's engines, a shim over CUDA graphs) resolve against this one. SAFETY:
    // libtorch's initialisers need only its other libraries, which the loader loads first.
    match unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            // Never unloaded: the dispatcher holds pointers to its kernels until the process ends.
            std::mem::forget(library);
            GpuSupport::Loaded
        }
        Err(error) => {
            let reason = error.to_string();
            // It is no error if this library is missing, but one if a library that it needs is. The message starts with
            // the missing one.
            if reason.starts_with(&format!("{library}: ")) && reason.ends_with("No such file or directory") {
                GpuSupport::Absent
            } else {
                GpuSupport::Broken { reason }
            }
        }
    }
}

/// Makes the process keep the memory of freed tensors for the next ones.
///
/// The C library's default returns every large block to the kernel, which then clears each of its pages again when the
/// next step asks for the same block: a step of ResNet-32 at batch 128 allocates and frees half a gigabyte that way.
/// Call it at the start of `main`. It does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        // Older releases of glibc accept no threshold above 32 MiB.
        let _ = set_malloc_parameter(libc::M_MMAP_THRESHOLD, 1 << 30)
            || set_malloc_parameter(libc::M_MMAP_THRESHOLD, 1 << 25);
        set_malloc_parameter(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Whether the C library accepted the value.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a function of the C library")]
fn set_malloc_parameter(parameter: i32, bytes: i32) -> bool {
    // SAFETY: mallopt accepts any numbers; it returns 0 for invalid ones, and then changes nothing.
    unsafe { libc::mallopt(parameter, bytes) == 1 }
}

#[cfg(test)]
mod tests {
    use super::{GpuSupport, keep_freed_memory, load, load_gpu_support};
    use std::path::Path;

    /// Page faults of this process so far.
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

    /// Page faults of allocating, filling and freeing 40 MiB (10,240 pages) ten times: more than glibc keeps by default
    /// (32 MiB).
    fn faults_of_ten_blocks() -> u64 {
        let before = page_faults();
        for value in 0..10_u8 {
            std::hint::black_box(vec![value; 40 << 20]);
        }
        page_faults() - before
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn freed_memory_is_reused_without_the_kernel() {
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
