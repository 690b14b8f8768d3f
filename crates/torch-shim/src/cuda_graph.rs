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

/// What CUDA or libtorch said of a graph that did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot launch steps as a CUDA graph: {0}; leave out --launch graph to train without")]
pub struct GraphError(pub String);

/// Kernels that have been recorded, with the memory that they read and write.
///
/// A replay runs them on the very tensors that were recorded: inputs are overwritten in place before it, results are in
/// place after it. Random numbers are drawn anew by every replay, from libtorch's generator of the device.
#[derive(Debug)]
pub struct CudaGraph {
    graph: NonNull<c_void>,
}

impl CudaGraph {
    /// Makes GPU `index` this thread's and gives it a stream there that can be recorded. Once, before the first work.
    ///
    /// # Errors
    /// If libtorch's GPU support is not loaded, or that GPU is not here.
    pub fn prepare(index: usize) -> Result<(), GraphError> {
        let index = i8::try_from(index).map_err(|error| GraphError(error.to_string()))?;
        // SAFETY: the function writes at most `capacity` bytes and lets no exception out.
        with_reason(|reason, capacity| {
            unsafe { longtail_leave_the_default_stream(index, reason, capacity) }.then_some(())
        })
    }

    /// Records what `work` launches, and runs none of it. `work` must have run before as it is, so that every library it calls
    /// is set up and every choice it makes by trying is made; it must not wait for the device.
    ///
    /// It takes over the memory of `previous`, a graph that nobody replays any more and whose tensors are gone: libtorch gives
    /// the memory of a graph back to the device only when it has none left.
    ///
    /// # Errors
    /// If something in `work` cannot be recorded. The state of the device is then unknown: end the process.
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

    /// Runs everything that was recorded.
    ///
    /// # Errors
    /// If the device refuses.
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
        GraphError(text.lines().next().unwrap_or_default().to_owned()) // the others are CUDA's advice to its programmers
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
