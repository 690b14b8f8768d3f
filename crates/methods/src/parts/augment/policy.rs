//! Policies: which operations change an image.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::auto_augment::AutoAugment;
use super::rand_augment::{RandAugment, Ranges};

/// An augmentation policy. Every image draws its own operations, magnitudes and signs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Policy {
    /// The policy that AutoAugment found for CIFAR-10 (Cubuk et al. 2019, table 7): one of 25 pairs of operations.
    AutoAugment,
    /// Operations at random (Cubuk et al. 2020, as in timm).
    RandAugment(RandAugment),
}

/// A policy with its tables on the device.
#[derive(Debug)]
pub(super) enum PolicyTables {
    AutoAugment(AutoAugment),
    RandAugment(RandAugment, Ranges),
}

impl Policy {
    /// Copies the policy's tables to `device`: once, since a copy in every batch would wait for the device.
    pub(super) fn on(self, device: Device) -> PolicyTables {
        match self {
            Policy::AutoAugment => PolicyTables::AutoAugment(AutoAugment::new(device)),
            Policy::RandAugment(settings) => PolicyTables::RandAugment(settings, Ranges::new(device)),
        }
    }
}

impl PolicyTables {
    /// Raw images `[b, 3, h, w]` u8 → the same shape, channels-last in memory. Draws from libtorch's generator.
    pub(super) fn apply(&self, images: &Tensor) -> Tensor {
        let batch = images.size()[0];
        let steps = match self {
            PolicyTables::AutoAugment(policy) => policy.draw(batch),
            PolicyTables::RandAugment(settings, ranges) => settings.draw(batch, ranges),
        };
        let mut images = images.shallow_clone();
        for step in steps {
            images = step.apply(&images);
        }
        images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    }
}

/// Such as `AutoAugment (CIFAR-10 policy)`.
impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::AutoAugment => formatter.write_str("AutoAugment (CIFAR-10 policy)"),
            Policy::RandAugment(settings) => settings.fmt(formatter),
        }
    }
}
