//! The store in which ranks find each other: `c10d::TCPStore`, hosted by rank 0 or by torchrun.
#![expect(unsafe_code, reason = "five functions of store.cc")]

use super::RanksError;
use std::ffi::{CStr, CString, c_char, c_void};
use std::net::TcpListener;
use std::os::fd::IntoRawFd;
use std::ptr::NonNull;
use std::time::Duration;

unsafe extern "C" {
    fn longtail_store_connect(
        host: *const c_char,
        port: u16,
        listener: i32,
        milliseconds: i64,
        reason: *mut c_char,
        capacity: usize,
    ) -> *mut c_void;
    fn longtail_store_set(
        store: *mut c_void,
        key: *const c_char,
        value: *const u8,
        length: usize,
        reason: *mut c_char,
        capacity: usize,
    ) -> bool;
    fn longtail_store_add(
        store: *mut c_void,
        key: *const c_char,
        amount: i64,
        total: *mut i64,
        reason: *mut c_char,
        capacity: usize,
    ) -> bool;
    fn longtail_store_get(
        store: *mut c_void,
        key: *const c_char,
        value: *mut u8,
        room: usize,
        length: *mut i64,
        reason: *mut c_char,
        capacity: usize,
    ) -> bool;
    fn longtail_store_free(store: *mut c_void);
}

/// Longer values are cut off.
const LONGEST_VALUE: usize = 2048;

/// A client of the store, with a prefix before all keys.
#[derive(Debug)]
pub(super) struct Store {
    store: NonNull<c_void>,
    prefix: String,
}

// SAFETY: c10d::TCPStore belongs to no thread.
unsafe impl Send for Store {}
// SAFETY: c10d::TCPStore locks itself in every call.
unsafe impl Sync for Store {}

impl Store {
    /// Connects to the store at `host`, and hosts it if there is a `listener` for that port.
    pub(super) fn connect(
        host: &str,
        port: u16,
        listener: Option<TcpListener>,
        timeout: Duration,
        prefix: String,
    ) -> Result<Store, RanksError> {
        let host = text(host)?;
        let listener = listener.map_or(-1, IntoRawFd::into_raw_fd);
        let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        with_reason(|reason, capacity| {
            // SAFETY: the string ends in a zero, the socket is given away, and at most `capacity` bytes are written.
            NonNull::new(unsafe {
                longtail_store_connect(host.as_ptr(), port, listener, milliseconds, reason, capacity)
            })
        })
        .map(|store| Store { store, prefix })
    }

    pub(super) fn set(&self, key: &str, value: &str) -> Result<(), RanksError> {
        let key = text(&format!("{}{key}", self.prefix))?;
        let value = &value.as_bytes()[..value.len().min(LONGEST_VALUE)];
        let store = self.store.as_ptr();
        with_reason(|reason, capacity| {
            // SAFETY: as above; the value's length is its own.
            unsafe { longtail_store_set(store, key.as_ptr(), value.as_ptr(), value.len(), reason, capacity) }
                .then_some(())
        })
    }

    /// Adds to a counter, which begins at 0, and returns the sum.
    pub(super) fn add(&self, key: &str, amount: i64) -> Result<i64, RanksError> {
        let key = text(&format!("{}{key}", self.prefix))?;
        let mut total = 0;
        let store = self.store.as_ptr();
        with_reason(|reason, capacity| {
            // SAFETY: as above; the sum is written to a number of this function.
            unsafe { longtail_store_add(store, key.as_ptr(), amount, &raw mut total, reason, capacity) }.then_some(())
        })?;
        Ok(total)
    }

    /// The value, if one was set.
    pub(super) fn get(&self, key: &str) -> Result<Option<String>, RanksError> {
        let key = text(&format!("{}{key}", self.prefix))?;
        let mut value = [0_u8; LONGEST_VALUE];
        let mut length = -1;
        let (store, room) = (self.store.as_ptr(), value.len());
        let (start, written) = (value.as_mut_ptr(), &raw mut length);
        with_reason(|reason, capacity| {
            // SAFETY: as above; at most `room` bytes are written to the value.
            unsafe { longtail_store_get(store, key.as_ptr(), start, room, written, reason, capacity) }.then_some(())
        })?;
        let length = usize::try_from(length).ok().map(|length| length.min(value.len()));
        Ok(length.map(|length| String::from_utf8_lossy(&value[..length]).into_owned()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: freed once, here.
        unsafe { longtail_store_free(self.store.as_ptr()) }
    }
}

fn text(text: &str) -> Result<CString, RanksError> {
    CString::new(text).map_err(|error| RanksError::Libtorch(error.to_string()))
}

/// The result of a call, or the first line of the reason that it wrote into the buffer.
pub(super) fn with_reason<T>(call: impl FnOnce(*mut c_char, usize) -> Option<T>) -> Result<T, RanksError> {
    let mut reason = [0_u8; 1024];
    call(reason.as_mut_ptr().cast(), reason.len()).ok_or_else(|| {
        let text = CStr::from_bytes_until_nul(&reason).map(CStr::to_string_lossy);
        let text = text.unwrap_or_default();
        RanksError::Libtorch(text.lines().next().unwrap_or_default().to_owned()) // the others are libtorch's stack
    })
}
