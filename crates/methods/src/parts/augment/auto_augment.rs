//! AutoAugment's policy for CIFAR-10.

use tch::{Device, Kind, Tensor};

use super::operation::{Drawn, Operation, random_signs, with_probability};

use Operation::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Invert, Posterize, Rotate, Sharpness, ShearY, Solarize,
    TranslateX, TranslateY,
};

/// Pairs of steps (probability, operation, level 0..=9). Cubuk et al. 2019, table 7.
const SUB_POLICIES: [[(f64, Operation, u8); 2]; 25] = [
    [(0.1, Invert, 7), (0.2, Contrast, 6)],
    [(0.7, Rotate, 2), (0.3, TranslateX, 9)],
    [(0.8, Sharpness, 1), (0.9, Sharpness, 3)],
    [(0.5, ShearY, 8), (0.7, TranslateY, 9)],
    [(0.5, AutoContrast, 8), (0.9, Equalize, 2)],
    [(0.2, ShearY, 7), (0.3, Posterize, 7)],
    [(0.4, Color, 3), (0.6, Brightness, 7)],
    [(0.3, Sharpness, 9), (0.7, Brightness, 9)],
    [(0.6, Equalize, 5), (0.5, Equalize, 1)],
    [(0.6, Contrast, 7), (0.6, Sharpness, 5)],
    [(0.7, Color, 7), (0.5, TranslateX, 8)],
    [(0.3, Equalize, 7), (0.4, AutoContrast, 8)],
    [(0.4, TranslateY, 3), (0.2, Sharpness, 6)],
    [(0.9, Brightness, 6), (0.2, Color, 8)],
    [(0.5, Solarize, 2), (0.0, Invert, 3)],
    [(0.2, Equalize, 0), (0.6, AutoContrast, 0)],
    [(0.2, Equalize, 8), (0.6, Equalize, 4)],
    [(0.9, Color, 9), (0.6, Equalize, 6)],
    [(0.8, AutoContrast, 4), (0.2, Solarize, 8)],
    [(0.1, Brightness, 3), (0.7, Color, 0)],
    [(0.4, Solarize, 5), (0.9, AutoContrast, 3)],
    [(0.9, TranslateY, 9), (0.7, TranslateY, 9)],
    [(0.9, AutoContrast, 2), (0.8, Solarize, 3)],
    [(0.8, Equalize, 8), (0.1, Invert, 3)],
    [(0.7, TranslateY, 9), (0.9, AutoContrast, 1)],
];

/// Magnitude of an operation at a level: its centre, and the distance from it in the direction of a random sign. Ranges
/// of `autoaug.py` in the code of PaCo (Cui et al. 2021).
///
/// Deviation: that code rotates counter-clockwise only; the sign of a rotation is drawn here, as in the original.
fn magnitude(operation: Operation, level: u8) -> (f64, f64) {
    let share = f64::from(level) / 9.0;
    match operation {
        Operation::Identity | Operation::SolarizeAdd | AutoContrast | Equalize | Invert => (0.0, 0.0),
        Operation::ShearX | ShearY => (0.0, 0.3 * share),
        TranslateX | TranslateY => (0.0, 150.0 / 331.0 * share),
        Rotate => (0.0, 30.0 * share),
        Color | Contrast | Brightness | Sharpness => (1.0, 0.9 * share),
        Posterize => ((8.0 - 4.0 * share).round(), 0.0),
        Solarize => (256.0 - 256.0 * share, 0.0),
    }
}

/// The policy as tables `[25, 2]` on a device.
#[derive(Debug)]
pub(super) struct AutoAugment {
    probability: Tensor,
    operation: Tensor,
    centre: Tensor,
    spread: Tensor,
}

impl AutoAugment {
    pub(super) fn new(device: Device) -> AutoAugment {
        let steps = SUB_POLICIES.as_flattened();
        let table = |column: &dyn Fn(&(f64, Operation, u8)) -> f64| {
            let values: Vec<f64> = steps.iter().map(column).collect();
            Tensor::from_slice(&values).view([-1, 2]).to_device(device)
        };
        AutoAugment {
            probability: table(&|&(probability, _, _)| probability),
            operation: table(&|&(_, operation, _)| f64::from(operation as u8)).to_kind(Kind::Int64),
            centre: table(&|&(_, operation, level)| magnitude(operation, level).0),
            spread: table(&|&(_, operation, level)| magnitude(operation, level).1),
        }
    }

    /// Draws a sub-policy for each of `batch` images: its two steps.
    pub(super) fn draw(&self, batch: i64) -> Vec<Drawn> {
        let device = self.operation.device();
        let sub_policy = Tensor::randint(SUB_POLICIES.len() as i64, [batch], (Kind::Int64, device));
        let step = |step: i64| {
            let per_image = |table: &Tensor| table.select(1, step).index_select(0, &sub_policy);
            Drawn {
                operation: with_probability(&per_image(&self.operation), &per_image(&self.probability)),
                magnitude: per_image(&self.centre) + random_signs(batch, device) * per_image(&self.spread),
            }
        };
        vec![step(0), step(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::compare_within;

    /// In the order of the fixture.
    const OPERATIONS: [Operation; 14] = [
        AutoContrast,
        Brightness,
        Color,
        Contrast,
        Equalize,
        Invert,
        Posterize,
        Rotate,
        Sharpness,
        Operation::ShearX,
        ShearY,
        Solarize,
        TranslateX,
        TranslateY,
    ];

    #[test]
    fn the_policy_matches_torchvision() {
        // Its levels are f32.
        compare_within("auto-augment", [1e-6, 1e-6], |comparison| {
            let policy = AutoAugment::new(Device::Cpu);
            let numbers = OPERATIONS.map(|operation| operation as i64);
            let operations = comparison.fixture.get("operation");
            let expected_operation = Tensor::from_slice(&numbers)
                .index_select(0, &operations.view([-1]))
                .view([25, 2]);
            assert_eq!(policy.operation, expected_operation);
            comparison.checked.insert("operation".to_owned());
            comparison.check("probability", &policy.probability);
            comparison.check("centre", &policy.centre);
            comparison.check("spread", &policy.spread);
        });
    }

    #[test]
    fn levels_span_the_reference_ranges() {
        let close = |(centre, spread): (f64, f64), expected: (f64, f64)| {
            (centre - expected.0).abs() < 1e-12 && (spread - expected.1).abs() < 1e-12
        };
        assert!(close(magnitude(Rotate, 2), (0.0, 20.0 / 3.0)));
        assert!(close(magnitude(TranslateX, 9), (0.0, 150.0 / 331.0)));
        assert!(close(magnitude(ShearY, 8), (0.0, 0.8 / 3.0)));
        assert!(close(magnitude(Posterize, 7), (5.0, 0.0)));
        assert!(close(magnitude(Solarize, 5), (1024.0 / 9.0, 0.0)));
        assert!(close(magnitude(Brightness, 9), (1.0, 0.9)));
        assert!(close(magnitude(Color, 0), (1.0, 0.0)));
    }

    #[test]
    fn operations_occur_as_often_as_the_policy_says() {
        tch::manual_seed(1);
        let drawn = AutoAugment::new(Device::Cpu).draw(20_000);
        for (step, drawn) in drawn.iter().enumerate() {
            for operation in [
                Invert, Rotate, Sharpness, TranslateX, TranslateY, Equalize, Posterize, Solarize,
            ] {
                let expected: f64 = SUB_POLICIES
                    .iter()
                    .filter(|steps| steps[step].1 == operation)
                    .map(|steps| steps[step].0 / 25.0)
                    .sum();
                let share = drawn.operation.eq(operation as i64).to_kind(Kind::Double);
                let share = share.mean(Kind::Double).double_value(&[]);
                assert!(
                    (share - expected).abs() < 0.01,
                    "{operation:?}: {share}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn signs_of_translations_differ_and_their_magnitude_does_not() {
        tch::manual_seed(2);
        let drawn = &AutoAugment::new(Device::Cpu).draw(2000)[1];
        let translated = drawn
            .operation
            .eq(TranslateX as i64)
            .logical_and(&drawn.magnitude.abs().gt(0.43));
        let signs = drawn.magnitude.masked_select(&translated).sign();
        assert!(signs.numel() > 10 && signs.mean(Kind::Double).abs().double_value(&[]) < 0.6);
    }
}
