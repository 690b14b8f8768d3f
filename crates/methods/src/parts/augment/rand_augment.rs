//! RandAugment: operations drawn uniformly, at one magnitude.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::operation::{Drawn, Operation, random_signs, with_probability};
use crate::range::{OutOfRange, is_not_negative, require, zero_to_one};
use crate::words::count;

/// RandAugment (Cubuk et al. 2020) as in timm and the long-tail code that uses it: draws one of 15 operations several
/// times, and applies each with a probability.
///
/// Deviation: geometric operations take the nearest pixel, as for AutoAugment here; timm draws bilinear or bicubic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandAugment {
    /// Operations drawn per image.
    pub operations: i64,
    /// Mean magnitude, 0 to 10.
    pub magnitude: f64,
    /// Standard deviation of the magnitude, which is normal and clipped to 0..=10.
    pub deviation: f64,
    /// Probability that a drawn operation is applied.
    pub probability: f64,
}

impl Default for RandAugment {
    fn default() -> RandAugment {
        RandAugment {
            operations: 2,
            magnitude: 10.0,
            deviation: 0.5,
            probability: 0.5,
        }
    }
}

/// Such as `RandAugment (2 operations, …)`.
impl fmt::Display for RandAugment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "RandAugment ({}, magnitude {} ± {}, probability {})",
            count(self.operations, "operation"),
            self.magnitude,
            self.deviation,
            self.probability
        )
    }
}

/// How the magnitude of an operation follows from a share in 0..=1.
enum Range {
    /// From the first number to the second.
    Linear(f64, f64),
    /// As linear, truncated to a whole number.
    Whole(f64, f64),
    /// From 0 to a number, with either sign.
    Signed(f64),
}

/// The operations and their ranges in timm. Enhancements weaken the image at low magnitudes and exaggerate it at high
/// ones; posterize and solarize are weakest at the highest.
const OPERATIONS: [(Operation, Range); 15] = [
    (Operation::AutoContrast, Range::Linear(0.0, 0.0)),
    (Operation::Equalize, Range::Linear(0.0, 0.0)),
    (Operation::Invert, Range::Linear(0.0, 0.0)),
    (Operation::Rotate, Range::Signed(30.0)),
    (Operation::Posterize, Range::Whole(0.0, 4.0)),
    (Operation::Solarize, Range::Whole(0.0, 256.0)),
    (Operation::SolarizeAdd, Range::Whole(0.0, 110.0)),
    (Operation::Color, Range::Linear(0.1, 1.9)),
    (Operation::Contrast, Range::Linear(0.1, 1.9)),
    (Operation::Brightness, Range::Linear(0.1, 1.9)),
    (Operation::Sharpness, Range::Linear(0.1, 1.9)),
    (Operation::ShearX, Range::Signed(0.3)),
    (Operation::ShearY, Range::Signed(0.3)),
    (Operation::TranslateX, Range::Signed(0.45)),
    (Operation::TranslateY, Range::Signed(0.45)),
];

/// The operations and their ranges as tables `[15]` on a device.
#[derive(Debug)]
pub(super) struct Ranges {
    operation: Tensor,
    from: Tensor,
    to: Tensor,
    whole: Tensor,
    signed: Tensor,
}

impl Ranges {
    pub(super) fn new(device: Device) -> Ranges {
        let table = |column: fn(&(Operation, Range)) -> f64| {
            let values: Vec<f64> = OPERATIONS.iter().map(column).collect();
            Tensor::from_slice(&values).to_device(device)
        };
        Ranges {
            operation: table(|&(operation, _)| f64::from(operation as u8)).to_kind(Kind::Int64),
            from: table(|(_, range)| match *range {
                Range::Linear(from, _) | Range::Whole(from, _) => from,
                Range::Signed(_) => 0.0,
            }),
            to: table(|(_, range)| match *range {
                Range::Linear(_, to) | Range::Whole(_, to) | Range::Signed(to) => to,
            }),
            whole: table(|(_, range)| f64::from(matches!(range, Range::Whole(..)))).to_kind(Kind::Bool),
            signed: table(|(_, range)| f64::from(matches!(range, Range::Signed(_)))).to_kind(Kind::Bool),
        }
    }
}

impl RandAugment {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        let RandAugment {
            operations,
            magnitude,
            deviation,
            probability,
        } = self;
        require(
            "rand-augment.operations",
            operations as f64,
            operations >= 1,
            "1 or more",
        )?;
        require(
            "rand-augment.magnitude",
            magnitude,
            (0.0..=10.0).contains(&magnitude),
            "0 to 10",
        )?;
        require(
            "rand-augment.deviation",
            deviation,
            is_not_negative(deviation),
            "0 or more",
        )?;
        zero_to_one("rand-augment.probability", probability)
    }

    /// Draws the operations of each of `batch` images.
    pub(super) fn draw(self, batch: i64, ranges: &Ranges) -> Vec<Drawn> {
        (0..self.operations).map(|_| self.draw_once(batch, ranges)).collect()
    }

    fn draw_once(self, batch: i64, ranges: &Ranges) -> Drawn {
        let device = ranges.operation.device();
        let chosen = Tensor::randint(OPERATIONS.len() as i64, [batch], (Kind::Int64, device));
        let per_image = |table: &Tensor| table.index_select(0, &chosen);
        let normal = Tensor::randn([batch], (Kind::Double, device));
        let share = (normal * self.deviation + self.magnitude).clamp(0.0, 10.0) / 10.0;
        let (from, to) = (per_image(&ranges.from), per_image(&ranges.to));
        let magnitude = &from + share * (to - &from);
        let magnitude = magnitude.trunc().where_self(&per_image(&ranges.whole), &magnitude);
        let signed = &magnitude * random_signs(batch, device);
        Drawn {
            operation: with_probability(&per_image(&ranges.operation), &Tensor::from(self.probability)),
            magnitude: signed.where_self(&per_image(&ranges.signed), &magnitude),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(settings: RandAugment) -> Drawn {
        tch::manual_seed(1);
        settings.draw_once(15_000, &Ranges::new(Device::Cpu))
    }

    /// Lowest and highest magnitude of the images that drew an operation.
    fn extent(drawn: &Drawn, operation: Operation) -> (f64, f64) {
        let magnitudes = drawn.magnitude.masked_select(&drawn.operation.eq(operation as i64));
        (magnitudes.min().double_value(&[]), magnitudes.max().double_value(&[]))
    }

    #[test]
    fn operations_are_drawn_uniformly_and_applied_with_their_probability() {
        let drawn = draw(RandAugment::default());
        let share = |operation: Operation| {
            let meant = drawn.operation.eq(operation as i64).to_kind(Kind::Double);
            meant.mean(Kind::Double).double_value(&[])
        };
        assert!((share(Operation::Identity) - 0.5).abs() < 0.02);
        for (operation, _) in &OPERATIONS {
            assert!((share(*operation) - 0.5 / 15.0).abs() < 0.01, "{operation:?}");
        }
    }

    #[test]
    fn magnitudes_without_deviation_are_those_of_timm() {
        let magnitude = |magnitude| RandAugment {
            magnitude,
            deviation: 0.0,
            ..RandAugment::default()
        };
        let expect = |drawn: &Drawn, operation, (low, high): (f64, f64)| {
            let found = extent(drawn, operation);
            assert!(
                (found.0 - low).abs() < 1e-12 && (found.1 - high).abs() < 1e-12,
                "{operation:?}: {found:?}"
            );
        };
        let strongest = draw(magnitude(10.0));
        expect(&strongest, Operation::Rotate, (-30.0, 30.0));
        expect(&strongest, Operation::TranslateY, (-0.45, 0.45));
        expect(&strongest, Operation::Posterize, (4.0, 4.0));
        expect(&strongest, Operation::Color, (1.9, 1.9));
        let third = draw(magnitude(3.0));
        expect(&third, Operation::ShearX, (-0.09, 0.09));
        expect(&third, Operation::Posterize, (1.0, 1.0));
        expect(&third, Operation::Solarize, (76.0, 76.0));
        expect(&third, Operation::SolarizeAdd, (33.0, 33.0));
        expect(&third, Operation::Brightness, (0.64, 0.64));
    }

    #[test]
    fn a_deviation_spreads_magnitudes_within_their_range() {
        let drawn = draw(RandAugment::default());
        let (low, high) = extent(&drawn, Operation::Sharpness);
        assert!(low < 1.8 && low > 1.4 && (high - 1.9).abs() < 1e-12, "{low} to {high}");
    }
}
