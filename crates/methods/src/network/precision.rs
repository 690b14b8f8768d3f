//! The floating-point type the backbone computes in.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Precision of the backbone's feature maps and products. Parameters, batch-norm statistics, momentum, features,
/// classifier, losses and metrics are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    #[default]
    F32,
    /// 8 bits of mantissa and the exponents of f32, so that no loss scaling is needed.
    Bf16,
}

impl Precision {
    /// bf16 where the hardware multiplies it faster than f32: on GPUs, and on CPUs with fast bf16 instructions.
    pub fn automatic(device: Device) -> Precision {
        if device.is_cuda() || models::processor_multiplies_bf16_fast() {
            Precision::Bf16
        } else {
            Precision::F32
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    /// The precision of this [`Precision::name`].
    pub fn by_name(name: &str) -> Option<Precision> {
        [Precision::F32, Precision::Bf16]
            .into_iter()
            .find(|precision| precision.name() == name)
    }

    /// Casts images to this precision: the backbone computes in the kind of its input.
    pub(crate) fn cast(self, images: &Tensor) -> Tensor {
        match self {
            Precision::F32 => images.shallow_clone(),
            Precision::Bf16 => images.to_kind(Kind::BFloat16),
        }
    }
}
