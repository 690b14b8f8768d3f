//! Image operations of the policies, on u8 levels, with the results of Pillow.

mod blend;
mod geometry;
mod tone;

use tch::{Device, Kind, Tensor};

/// An operation of a policy; each states the unit of its magnitude. Pixels equal those of Pillow (13.0) with nearest
/// resampling; pixels from outside the image are 128.
///
/// Deviation: `autoaug.py` of the code of PaCo shears with bicubic resampling, timm's RandAugment draws between bilinear
/// and bicubic and fills with the data's mean colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// No change.
    Identity,
    /// x_in = x + magnitude · y.
    ShearX,
    /// y_in = y + magnitude · x.
    ShearY,
    /// x_in = x + magnitude · width.
    TranslateX,
    /// y_in = y + magnitude · height.
    TranslateY,
    /// Degrees, counter-clockwise about the centre.
    Rotate,
    /// Level v becomes 255 − v.
    Invert,
    /// Stretches each channel's levels to 0..=255.
    AutoContrast,
    /// Flattens each channel's histogram.
    Equalize,
    /// Number of bits kept, a whole number in 0..=8.
    Posterize,
    /// Inverts levels of at least this threshold.
    Solarize,
    /// A whole number, added to levels below 128.
    SolarizeAdd,
    /// Factor: 0 is grey, 1 the image.
    Color,
    /// Factor: 0 is the mean grey level, 1 the image.
    Contrast,
    /// Factor: 0 is black, 1 the image.
    Brightness,
    /// Factor: 0 is the smoothed image, 1 the image.
    Sharpness,
}

/// The operation drawn for each image of a batch.
#[derive(Debug)]
pub(super) struct Drawn {
    /// [`Operation`] as a number, `[b]` i64.
    pub(super) operation: Tensor,
    /// Magnitude in the unit of the operation, `[b]` f64.
    pub(super) magnitude: Tensor,
}

impl Drawn {
    /// Applies each image's operation: raw images `[b, 3, h, w]` u8 → the same shape, contiguous.
    ///
    /// Every image passes through the three families of operations, with the neutral magnitude where it has another
    /// operation: selecting images for an operation would tell the host their number, and wait for the device.
    pub(super) fn apply(&self, images: &Tensor) -> Tensor {
        let images = geometry::warp(images, self);
        let images = tone::map(&images, self);
        blend::enhance(&images, self)
    }

    /// Which images have the operation, `[b]` bool.
    fn is(&self, operation: Operation) -> Tensor {
        self.operation.eq(operation as i64)
    }

    /// The magnitude of images with the operation, `neutral` for others: `[b]` f64.
    fn magnitude_or(&self, operation: Operation, neutral: f64) -> Tensor {
        self.magnitude.where_scalarother(&self.is(operation), neutral)
    }
}

/// The grey level of RGB images `[b, 3, h, w]` u8 as Pillow's mode `L` has it (ITU-R 601-2 luma): `[b, 1, h, w]` i64.
fn grey(images: &Tensor) -> Tensor {
    let images = images.to_kind(Kind::Int64);
    let channel = |index| images.narrow(1, index, 1);
    let weighted = channel(0) * 19595 + channel(1) * 38470 + channel(2) * 7471 + 0x8000;
    weighted.bitwise_right_shift_tensor_scalar(16)
}

/// `operation [b]` with `probability` (`[b]` or a scalar), else the identity, drawn for each image.
pub(super) fn with_probability(operation: &Tensor, probability: &Tensor) -> Tensor {
    let draw = Tensor::rand(operation.size(), (Kind::Float, operation.device()));
    operation.masked_fill(&draw.ge_tensor(probability), Operation::Identity as i64)
}

/// −1 or 1 for each of `batch` images: `[b]` f64.
pub(super) fn random_signs(batch: i64, device: Device) -> Tensor {
    Tensor::randint(2, [batch], (Kind::Double, device)) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const OPERATIONS: [(&str, Operation); 15] = [
        ("shear_x", Operation::ShearX),
        ("shear_y", Operation::ShearY),
        ("translate_x", Operation::TranslateX),
        ("translate_y", Operation::TranslateY),
        ("rotate", Operation::Rotate),
        ("invert", Operation::Invert),
        ("auto_contrast", Operation::AutoContrast),
        ("equalize", Operation::Equalize),
        ("posterize", Operation::Posterize),
        ("solarize", Operation::Solarize),
        ("solarize_add", Operation::SolarizeAdd),
        ("color", Operation::Color),
        ("contrast", Operation::Contrast),
        ("brightness", Operation::Brightness),
        ("sharpness", Operation::Sharpness),
    ];

    /// Made with Pillow 13.0.0 by `make.py` beside it.
    fn reference() -> HashMap<String, Tensor> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/augmentation/operations.safetensors"
        );
        Tensor::read_safetensors(path)
            .expect("the fixture is committed")
            .into_iter()
            .collect()
    }

    fn drawn(operation: Operation, magnitude: f64, images: &Tensor) -> Drawn {
        let batch = images.size()[0];
        Drawn {
            operation: Tensor::full([batch], operation as i64, (Kind::Int64, images.device())),
            magnitude: Tensor::full([batch], magnitude, (Kind::Double, images.device())),
        }
    }

    #[test]
    fn every_operation_gives_the_pixels_of_pillow() {
        let reference = reference();
        let images = &reference["images"];
        for (name, operation) in OPERATIONS {
            let magnitudes = Vec::<f64>::try_from(&reference[&format!("{name}.magnitudes")]).expect("a vector of f64");
            for (index, &magnitude) in magnitudes.iter().enumerate() {
                let found = drawn(operation, magnitude, images).apply(images);
                let expected = reference[name].get(index as i64);
                let differing = found.ne_tensor(&expected).sum(Kind::Int64).int64_value(&[]);
                assert_eq!(differing, 0, "{name} of {magnitude}: pixels that differ");
                assert_ne!(&found, images, "{name} of {magnitude} changes the images");
            }
        }
        let large = &reference["large"];
        let equalized = drawn(Operation::Equalize, 0.0, large).apply(large);
        assert_eq!(equalized, reference["equalize.large"]);
    }

    #[test]
    fn each_image_of_a_batch_gets_its_own_operation() {
        let reference = reference();
        let image = reference["images"].narrow(0, 0, 1);
        let numbers: Vec<i64> = OPERATIONS.iter().map(|&(_, operation)| operation as i64).collect();
        let magnitudes: Vec<f64> = OPERATIONS
            .iter()
            .map(|(name, _)| reference[&format!("{name}.magnitudes")].double_value(&[0]))
            .collect();
        let drawn = Drawn {
            operation: Tensor::from_slice(&numbers),
            magnitude: Tensor::from_slice(&magnitudes),
        };
        let found = drawn.apply(&image.repeat([15, 1, 1, 1]));
        let expected: Vec<Tensor> = OPERATIONS
            .iter()
            .map(|(name, _)| reference[*name].get(0).get(0))
            .collect();
        assert_eq!(found, Tensor::stack(&expected, 0));
    }

    #[test]
    fn identity_and_neutral_magnitudes_change_nothing() {
        let images = &reference()["images"];
        for (operation, magnitude) in [
            (Operation::Identity, 0.3),
            (Operation::ShearX, 0.0),
            (Operation::TranslateY, 0.0),
            (Operation::Rotate, 0.0),
            (Operation::Posterize, 8.0),
            (Operation::Solarize, 256.0),
            (Operation::SolarizeAdd, 0.0),
            (Operation::Color, 1.0),
            (Operation::Sharpness, 1.0),
        ] {
            let found = drawn(operation, magnitude, images).apply(images);
            assert_eq!(&found, images, "{operation:?}");
        }
    }

    #[test]
    fn black_white_and_single_pixel_images_pass_through_every_operation() {
        let options = (Kind::Uint8, tch::Device::Cpu);
        for images in [
            Tensor::zeros([1, 3, 4, 4], options),
            Tensor::full([1, 3, 4, 4], 255, options),
            Tensor::full([1, 3, 1, 1], 9, options),
        ] {
            for (_, operation) in OPERATIONS {
                let found = drawn(operation, 0.0, &images).apply(&images);
                assert_eq!(
                    (found.size(), found.kind()),
                    (images.size(), Kind::Uint8),
                    "{operation:?}"
                );
            }
            let stretched = drawn(Operation::AutoContrast, 0.0, &images).apply(&images);
            assert_eq!(stretched, images, "one level cannot be stretched");
        }
    }
}
