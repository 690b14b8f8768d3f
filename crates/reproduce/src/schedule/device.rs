//! Devices as the command line names them.

use tch::Device;

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
pub(crate) fn device(text: &str) -> Result<Device, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", index)) => index
            .parse::<u16>()
            .map(|index| Device::Cuda(index.into()))
            .map_err(|_| format!("`{index}` is not the number of a GPU; say cuda:0")),
        _ => Err(format!("`{text}` is no device; say cpu, cuda or cuda:N")),
    }
}
