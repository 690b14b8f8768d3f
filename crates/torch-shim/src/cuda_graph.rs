//! CUDA graphs: a step's kernels recorded once and launched as one.
#![expect(unsafe_code, reason = "five functions of cuda_graph.cc")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};

unsafe extern "C" {
    fn longtail_leave_the_default_stream(index: i8, reason: *mut c_char, capacity: usize) -> bool;
    fn longtail_graph_begin(previous: *const c_void, reason: *mut c_char, capacity: usize) -> *mut c_void;
    fn longtail_graph_end(graph: *mut c_void, reason: *mut c_char, capacity: usize) -> bool;
    fn longtail_graph_replay(graph: *mut c_void, reason: *mut c_char, capacity: usize) -> bool;
    fn longtail_graph_free(graph: *mut c_void);
}

/// Why CUDA or libtorch could not record or launch a graph, in their words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot launch steps as a CUDA graph: {0}; leave out --launch graph to train without")]
pub struct GraphError(pub String);

/// Recorded kernels, with the memory that they read and write.
///
/// A replay runs them on the tensors that were recorded: write inputs in place before it, read results in place after
/// it. Every replay draws new random numbers, from libtorch's generator of the device.
#[derive(Debug)]
pub struct CudaGraph {
    graph: NonNull<c_void>,
}

impl CudaGraph {
    /// Makes GPU `index` this thread's device, with a stream that can be recorded. Call it once, before any work there.
    ///
    /// # Errors
    /// If libtorch's GPU support is not loaded, or there is no such GPU.
    pub fn prepare(index: usize) -> Result<(), GraphError> {
        let index = i8::try_from(index).map_err(|error| GraphError(error.to_string()))?;
        // SAFETY: the function writes at most `capacity` bytes and lets no exception out.
        with_reason(|reason, capacity| {
            unsafe { longtail_leave_the_default_stream(index, reason, capacity) }.then_some(())
        })
    }

    /// Records the kernels that `work` launches without running them. The same `work` must have run before, so that its
    /// libraries are initialised and their algorithms chosen; it must not wait for the device.
    ///
    /// It reuses the memory of `previous`, a graph that is no longer replayed and whose tensors are gone: libtorch
    /// returns a graph's memory only when the device has none left.
    ///
    /// # Errors
    /// If `work` cannot be recorded. The state of the device is then unknown: end the process.
    pub fn record<T>(previous: Option<CudaGraph>, work: impl FnOnce() -> T) -> Result<(CudaGraph, T), GraphError> {
        let taken_over = previous
            .as_ref()
            .map_or(ptr::null(), |graph| graph.graph.as_ptr().cast_const());
        let begun = with_reason(|reason, capacity| {
            // SAFETY: as above.
            NonNull::new(unsafe { longtail_graph_begin(taken_over, reason, capacity) })
        })?;
        let graph = CudaGraph { graph: begun };
        let result = work();
        // SAFETY: the pointer is a graph until it is dropped.
        with_reason(|reason, capacity| {
            unsafe { longtail_graph_end(graph.graph.as_ptr(), reason, capacity) }.then_some(())
        })?;
        drop(previous); // only now: libtorch shares the memory of graphs that exist
        Ok((graph, result))
    }

    /// Runs all recorded kernels.
    ///
    /// # Errors
    /// If the device rejects them.
    pub fn replay(&mut self) -> Result<(), GraphError> {
        // SAFETY: as above.
        with_reason(|reason, capacity| {
            unsafe { longtail_graph_replay(self.graph.as_ptr(), reason, capacity) }.then_some(())
        })
    }
}

impl Drop for CudaGraph {
    fn drop(&mut self) {
        // SAFETY: freed once, here.
        unsafe { longtail_graph_free(self.graph.as_ptr()) }
    }
}

/// The result of a call, or the reason that it wrote into the buffer.
fn with_reason<T>(call: impl FnOnce(*mut c_char, usize) -> Option<T>) -> Result<T, GraphError> {
    let mut reason = [0_u8; 1024];
    call(reason.as_mut_ptr().cast(), reason.len()).ok_or_else(|| {
        let text = CStr::from_bytes_until_nul(&reason).map(CStr::to_string_lossy);
        let text = text.unwrap_or_default();
        GraphError(text.lines().next().unwrap_or_default().to_owned()) // the others are CUDA's advice to programmers
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_records_what_runs_and_without_a_gpu_nothing_runs_and_the_reason_is_named() {
        let is_loaded = crate::load_gpu_support() == crate::GpuSupport::Loaded;
        let mut ran = false;
        match CudaGraph::prepare(0) {
            Ok(()) => {
                let (mut graph, ()) = CudaGraph::record(None, || ran = true).expect("nothing that cannot be recorded");
                assert!(ran);
                graph.replay().expect("a graph without kernels");
            }
            Err(GraphError(reason)) => {
                assert!(is_loaded || reason.starts_with("this libtorch has no "), "{reason}");
                assert!(!reason.is_empty());
                CudaGraph::record(None, || ran = true).expect_err("there is no GPU");
                assert!(!ran);
            }
        }
    }
}
