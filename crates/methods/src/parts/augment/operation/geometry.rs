//! Geometric operations: one affine map per image, nearest resampling.

use std::f64::consts::PI;

use tch::{Kind, Tensor};

use super::{Drawn, Operation};

/// Level of pixels from outside the image.
const FILL: i64 = 128;

/// Images `[b, c, h, w]` u8 → the same shape, sheared, translated or rotated.
///
/// Output pixel (x, y) is the input pixel that contains M · (x + ½, y + ½, 1), with M in 16.16 fixed point as in
/// Pillow's `Geometry.c`, so that ties are broken as there.
pub(super) fn warp(images: &Tensor, drawn: &Drawn) -> Tensor {
    let [batch, channels, height, width] = images.size()[..] else {
        panic!("images are [b, c, h, w]: {:?}", images.size())
    };
    let magnitude = |operation| drawn.magnitude_or(operation, 0.0); // [b]
    let angle = magnitude(Operation::Rotate) * (-PI / 180.0);
    let (cosine, sine) = (angle.cos(), angle.sin());
    let (centre_x, centre_y) = (width as f64 / 2.0, height as f64 / 2.0);

    let x_of_x = &cosine;
    let x_of_y = &sine + magnitude(Operation::ShearX);
    let x_offset = -&cosine * centre_x - &sine * centre_y + centre_x + magnitude(Operation::TranslateX) * width;
    let y_of_x = magnitude(Operation::ShearY) - &sine;
    let y_of_y = &cosine;
    let y_offset = &sine * centre_x - &cosine * centre_y + centre_y + magnitude(Operation::TranslateY) * height;

    let fixed = |value: &Tensor| (value * 65536.0 + 0.5).floor().to_kind(Kind::Int64).view([batch, 1, 1]);
    let options = (Kind::Int64, images.device());
    let (x, y) = (
        Tensor::arange(width, options).view([1, 1, width]),
        Tensor::arange(height, options).view([1, height, 1]),
    );
    let position = |by_x: &Tensor, by_y: &Tensor, offset: &Tensor| {
        let first = fixed(&(offset + by_x * 0.5 + by_y * 0.5));
        (first + fixed(by_x) * &x + fixed(by_y) * &y).bitwise_right_shift_tensor_scalar(16) // [b, h, w]
    };
    let columns = position(x_of_x, &x_of_y, &x_offset);
    let rows = position(&y_of_x, y_of_y, &y_offset);

    let within = |position: &Tensor, length: i64| position.ge(0).logical_and(&position.lt(length));
    let inside = within(&columns, width).logical_and(&within(&rows, height));
    let pixels = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1);
    let pixels = pixels.view([batch, 1, height * width]);
    images
        .reshape([batch, channels, height * width])
        .gather(2, &pixels.expand([batch, channels, height * width], false), false)
        .view([batch, channels, height, width])
        .masked_fill(&inside.logical_not().unsqueeze(1), FILL)
}
