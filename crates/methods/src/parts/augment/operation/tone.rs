//! Operations on levels: one look-up table of 256 levels for each channel of each image.

use tch::{Kind, Tensor};

use super::{Drawn, Operation};

/// Images `[b, c, h, w]` u8 → the same shape, each level looked up in its table.
pub(super) fn map(images: &Tensor, drawn: &Drawn) -> Tensor {
    let [batch, channels, height, width] = images.size()[..] else {
        panic!("images are [b, c, h, w]: {:?}", images.size())
    };
    let levels = Tensor::arange(256, (Kind::Double, images.device()));
    let pixels = images.reshape([batch, channels, height * width]).to_kind(Kind::Int64);
    let histogram = Tensor::zeros([batch, channels, 256], (Kind::Int64, images.device())).scatter_add(
        2,
        &pixels,
        &pixels.ones_like(),
    );

    let per_image = |values: Tensor| values.view([batch, 1, 1]);
    let bits = per_image(drawn.magnitude_or(Operation::Posterize, 8.0));
    let step = (bits * -1.0 + 8.0).exp2().round(); // 2^(8 − bits)
    let threshold = per_image(drawn.magnitude_or(Operation::Solarize, 256.0))
        .masked_fill(&per_image(drawn.is(Operation::Invert)), 0.0); // to invert is to solarize everything
    let addend = per_image(drawn.magnitude_or(Operation::SolarizeAdd, 0.0));

    let table = (&levels / &step).floor() * step; // [b, 1, 256]
    let table = table.where_self(&levels.lt_tensor(&threshold), &(255.0 - &levels));
    let table = (&table + addend).clamp_max(255.0).where_self(&levels.lt(128.0), &table);
    let table = stretched(&levels, &histogram).where_self(&per_image(drawn.is(Operation::AutoContrast)), &table);
    let table = flattened(&levels, &histogram).where_self(&per_image(drawn.is(Operation::Equalize)), &table);
    table
        .to_kind(Kind::Uint8)
        .gather(2, &pixels, false)
        .view([batch, channels, height, width])
}

/// The table that stretches the occurring levels over 0..=255; a single level stays. Histogram `[b, c, 256]` → the same
/// shape.
fn stretched(levels: &Tensor, histogram: &Tensor) -> Tensor {
    let (lowest, highest) = occurring(levels, histogram);
    let scale = 255.0 / (&highest - &lowest).clamp_min(1.0);
    let table = (levels * &scale - &lowest * &scale).trunc().clamp(0.0, 255.0);
    table.where_self(&highest.gt_tensor(&lowest), levels)
}

/// The table that gives every level the same number of pixels, as far as whole levels allow; a single level stays.
/// Histogram `[b, c, 256]` → the same shape.
fn flattened(levels: &Tensor, histogram: &Tensor) -> Tensor {
    let (_, highest) = occurring(levels, histogram);
    let at_highest = histogram.gather(2, &highest.to_kind(Kind::Int64), false);
    let total = histogram.sum_dim_intlist(2, true, Kind::Int64);
    let step = (total - at_highest).divide_scalar_mode(255, "floor"); // pixels per level, [b, c, 1]
    let below = histogram.cumsum(2, Kind::Int64) - histogram;
    let half = step.divide_scalar_mode(2, "floor");
    let table = (below + half)
        .divide_tensor_mode(&step.clamp_min(1), "floor")
        .clamp_max(255);
    table.to_kind(Kind::Double).where_self(&step.gt(0), levels)
}

/// The lowest and the highest level with a pixel, `[b, c, 1]` each.
fn occurring(levels: &Tensor, histogram: &Tensor) -> (Tensor, Tensor) {
    let occurs = histogram.gt(0);
    (
        levels.where_scalarother(&occurs, 255.0).amin(2, true),
        levels.where_scalarother(&occurs, 0.0).amax(2, true),
    )
}
