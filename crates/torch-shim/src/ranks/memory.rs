//! The bytes of tensors on the CPU.
#![expect(unsafe_code, reason = "tch gives the address of a tensor's memory and no slice")]

use super::RanksError;
use tch::{Device, Kind, Tensor};

/// # Errors
/// If the tensor is none that ranks exchange.
pub(super) fn check(tensor: &Tensor) -> Result<(), RanksError> {
    let refuse = |what: String, remedy| Err(RanksError::Tensor { tensor: what, remedy });
    if tensor.device() != Device::Cpu {
        return refuse(
            format!("a tensor on {:?}", tensor.device()),
            "several processes train on CPUs only: leave out the GPUs, or the other processes",
        );
    }
    if !matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Int64) {
        return refuse(format!("{:?}", tensor.kind()), "convert it first");
    }
    if !tensor.is_contiguous() {
        return refuse("one with gaps".to_owned(), "copy it with contiguous() first");
    }
    Ok(())
}

/// The memory of a tensor that passed `check`.
pub(super) fn bytes(tensor: &Tensor) -> &[u8] {
    let (address, length) = extent(tensor);
    // SAFETY: contiguous elements on the CPU without padding; the tensor keeps the memory.
    unsafe { std::slice::from_raw_parts(address, length) }
}

/// The memory of a tensor that passed `check`. No other tensor with this memory may be used meanwhile.
pub(super) fn bytes_mut(tensor: &mut Tensor) -> &mut [u8] {
    let (address, length) = extent(tensor);
    // SAFETY: as above; any bytes are numbers of the three kinds.
    unsafe { std::slice::from_raw_parts_mut(address, length) }
}

fn extent(tensor: &Tensor) -> (*mut u8, usize) {
    assert!(check(tensor).is_ok(), "no slice of bytes: {tensor:?}");
    let length = tensor.numel() * tensor.kind().elt_size_in_bytes();
    if length == 0 {
        return (std::ptr::dangling_mut(), 0); // libtorch's address may be null then
    }
    (tensor.data_ptr().cast(), length)
}
