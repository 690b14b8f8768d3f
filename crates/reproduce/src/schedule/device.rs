//! Devices as the command line names them.

use std::fmt;

use anyhow::bail;
use tch::Device;

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
pub(crate) fn device(text: &str) -> Result<Device, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", index)) => index
            .parse::<u16>()
            .map(|index| Device::Cuda(index.into()))
            .map_err(|_| format!("`{index}` is not the number of a GPU; give one such as cuda:0")),
        _ => Err(format!("`{text}` is not a device; give cpu, cuda or cuda:N")),
    }
}

/// The devices of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Devices(Vec<Device>);

impl Devices {
    /// One device.
    pub(crate) fn one(device: Device) -> Devices {
        Devices(vec![device])
    }

    /// Names of devices, separated by commas, as [`Devices`] displays them.
    ///
    /// # Errors
    /// If a name is not that of a device.
    pub(crate) fn parse(text: &str) -> Result<Devices, String> {
        text.split(',').map(device).collect::<Result<_, _>>().map(Devices)
    }

    /// The device that holds the run's network and evaluates it.
    pub(crate) fn first(&self) -> Device {
        self.0[0] // never empty: `one` and `parse` make at least one
    }

    /// Refuses more than one device: a run trains on one. Data-parallel training would start here.
    ///
    /// # Errors
    /// If there are several.
    pub(crate) fn check_single(&self) -> anyhow::Result<()> {
        match self.0.len() {
            1 => Ok(()),
            several => bail!("{self} are {several} devices, and a run trains on one; name one of them"),
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|device| match device {
            Device::Cuda(index) => format!("cuda:{index}"),
            other => format!("{other:?}").to_lowercase(),
        });
        formatter.write_str(&names.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_displayed_and_a_run_trains_on_one() {
        for (text, displayed) in [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")] {
            let devices = Devices::parse(text).expect("a device");
            assert_eq!(devices.to_string(), displayed);
            assert_eq!(devices, Devices::one(devices.first()));
            devices.check_single().expect("it is one");
        }
        let two = Devices::parse("cuda:0,cuda:1").expect("two devices");
        assert_eq!(
            (two.to_string(), two.first()),
            ("cuda:0,cuda:1".to_owned(), Device::Cuda(0))
        );
        let refusal = two.check_single().expect_err("two").to_string();
        assert_eq!(
            refusal,
            "cuda:0,cuda:1 are 2 devices, and a run trains on one; name one of them"
        );
        for wrong in ["", "cpu,", "tpu"] {
            Devices::parse(wrong).expect_err(wrong);
        }
    }
}
