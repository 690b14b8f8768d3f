//! Enhancements: blends an image with a degenerate version of itself, or extrapolates away from it.

use tch::{Kind, Tensor};

use super::{Drawn, Operation, grey};

/// Images `[b, 3, h, w]` u8 → the same shape: degenerate + factor · (image − degenerate), clipped, then truncated to
/// whole levels.
pub(super) fn enhance(images: &Tensor, drawn: &Drawn) -> Tensor {
    let original = images.to_kind(Kind::Float);
    let grey = grey(images).to_kind(Kind::Float); // [b, 1, h, w]
    let mean = grey
        .to_kind(Kind::Double)
        .mean_dim([2, 3].as_slice(), true, Kind::Double); // [b, 1, 1, 1]
    let versions = [
        (Operation::Color, grey),
        (Operation::Contrast, (mean + 0.5).floor().to_kind(Kind::Float)),
        (Operation::Brightness, original.zeros_like()),
        (Operation::Sharpness, smoothed(&original)),
    ];
    let mut degenerate = original.shallow_clone();
    let mut factor = Tensor::ones_like(&drawn.magnitude); // [b]
    for (operation, version) in versions {
        let meant = drawn.is(operation);
        degenerate = version.where_self(&meant.view([-1, 1, 1, 1]), &degenerate);
        factor = drawn.magnitude.where_self(&meant, &factor);
    }
    let factor = factor.to_kind(Kind::Float).view([-1, 1, 1, 1]); // Pillow blends in f32
    let blended = &degenerate + factor * (original - &degenerate);
    blended.clamp(0.0, 255.0).to_kind(Kind::Uint8)
}

/// Pillow's `SMOOTH`: the mean of 3 × 3 pixels in which the central one counts five times, rounded; border pixels stay.
/// Levels `[b, c, h, w]` f32 → the same.
fn smoothed(levels: &Tensor) -> Tensor {
    let [.., height, width] = levels.size()[..] else {
        panic!("levels are [b, c, h, w]: {:?}", levels.size())
    };
    if height < 3 || width < 3 {
        return levels.shallow_clone();
    }
    let nine = levels.avg_pool2d([3, 3], [1, 1], [0, 0], false, true, 1); // a sum, as the divisor is 1
    let inner = |levels: &Tensor| levels.narrow(2, 1, height - 2).narrow(3, 1, width - 2);
    let smooth = ((nine + inner(levels) * 4.0) / 13.0 + 0.5).floor();
    let result = levels.copy();
    inner(&result).copy_(&smooth);
    result
}
