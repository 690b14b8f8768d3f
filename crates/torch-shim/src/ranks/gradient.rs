//! A sum over ranks that autograd differentiates.
#![expect(unsafe_code, reason = "a function of sum.cc, and two that it calls")]

use super::store::with_reason;
use super::{Members, Ranks, RanksError, memory};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use tch::Tensor;

type SumInPlace = unsafe extern "C" fn(*const c_void, *mut c_void, *mut c_char, usize) -> bool;
type Release = unsafe extern "C" fn(*const c_void);

unsafe extern "C" {
    fn longtail_sum_with_gradient(
        ranks: *const c_void,
        sum_in_place: SumInPlace,
        release: Release,
        input: *const c_void,
        reason: *mut c_char,
        capacity: usize,
    ) -> *mut c_void;
}

impl Ranks {
    /// The sum of a tensor over all ranks, for f32 and f64 on the CPU, of any shape. Its gradient is the sum of the
    /// ranks' gradients: of the sum of all ranks' losses, by this rank's tensor.
    ///
    /// So `backward` communicates too, and all ranks must call it on graphs of the same shape. If it fails because a
    /// rank is lost, tch panics, or returns an error from `f_backward`, with the words of [`RanksError`].
    ///
    /// # Errors
    /// As [`Ranks::all_reduce_sum`].
    pub fn all_reduce_sum_with_gradient(&self, tensor: &Tensor) -> Result<Tensor, RanksError> {
        memory::check(&tensor.contiguous())?;
        let members = Arc::into_raw(Arc::clone(&self.members)).cast();
        let input = tensor.as_ptr().cast();
        let sum = with_reason(|reason, capacity| {
            // SAFETY: the function releases `members` once, also if it fails; `input` is a tensor; at most `capacity`
            // bytes are written.
            let sum = unsafe { longtail_sum_with_gradient(members, sum_in_place, release, input, reason, capacity) };
            (!sum.is_null()).then_some(sum)
        });
        match sum {
            // SAFETY: the function gives away a new tensor.
            Ok(sum) => Ok(unsafe { Tensor::from_ptr(sum.cast()) }),
            // libtorch has the words of the error only.
            Err(error) => Err(self.members.verdict().unwrap_or(error)),
        }
    }
}

impl Members {
    fn verdict(&self) -> Option<RanksError> {
        self.monitor.as_ref()?.check().err()
    }
}

unsafe extern "C" fn sum_in_place(
    members: *const c_void,
    tensor: *mut c_void,
    reason: *mut c_char,
    capacity: usize,
) -> bool {
    // SAFETY: `members` comes from `Arc::into_raw` and is not released yet; `tensor` is one of the caller's.
    let (members, tensor) = unsafe { (&*members.cast::<Members>(), Tensor::clone_from_ptr(tensor.cast())) };
    let Err(error) = members.all_reduce_sum(&tensor) else {
        return true;
    };
    let words = error.to_string();
    let length = words.len().min(capacity.saturating_sub(1));
    // SAFETY: the caller's buffer has room for `capacity` bytes and is zero behind them.
    unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), reason.cast(), length) };
    false
}

unsafe extern "C" fn release(members: *const c_void) {
    // SAFETY: it comes from `Arc::into_raw` and is released once.
    drop(unsafe { Arc::from_raw(members.cast::<Members>()) });
}
