//! Boxes at random positions, which Cutout blanks and CutMix pastes.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::range::{OutOfRange, require};

/// Cutout (DeVries and Taylor 2017): blanks a square in every image, around a pixel drawn for each.
///
/// The square is clipped at the border and set to 0 before normalisation, as in `paco_cifar.py` of the code of PaCo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cutout {
    /// Side of the square in pixels; an odd one counts as one less, as in that code.
    pub side: i64,
}

impl Default for Cutout {
    fn default() -> Cutout {
        Cutout { side: 16 }
    }
}

impl Cutout {
    /// Refuses numbers out of range.
    pub(super) fn check(self) -> Result<(), OutOfRange> {
        require("cutout.side", self.side as f64, self.side >= 2, "2 pixels or more")
    }

    /// Raw images `[b, c, h, w]` → the same shape, each with its square blanked.
    pub(super) fn apply(self, images: &Tensor) -> Tensor {
        let half = Tensor::from(self.side / 2);
        images.masked_fill(&random_boxes(images, images.size()[0], [&half, &half]), 0)
    }
}

/// Such as `cutout (16 pixels)`.
impl fmt::Display for Cutout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cutout ({} pixels)", self.side)
    }
}

/// `boxes` boxes around uniformly drawn pixels of `images [b, c, h, w]`, clipped at the border: masks
/// `[boxes, 1, h, w]`, true inside. `halves` are half the height and half the width, i64 scalars.
pub(super) fn random_boxes(images: &Tensor, boxes: i64, halves: [&Tensor; 2]) -> Tensor {
    let [.., height, width] = images.size()[..] else {
        panic!("images are [b, c, h, w]: {:?}", images.size())
    };
    let options = (Kind::Int64, images.device());
    let span = |length: i64, half: &Tensor| {
        let centre = Tensor::randint(length, [boxes, 1], options);
        let position = Tensor::arange(length, options);
        let (first, end) = (&centre - half, &centre + half);
        position.ge_tensor(&first).logical_and(&position.lt_tensor(&end)) // [boxes, length]
    };
    let rows = span(height, halves[0]).view([boxes, 1, height, 1]);
    let columns = span(width, halves[1]).view([boxes, 1, 1, width]);
    rows.logical_and(&columns)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn cutout_blanks_a_clipped_square_of_each_image_and_nothing_else() {
        tch::manual_seed(1);
        let images = Tensor::full([500, 3, 12, 16], 7, (Kind::Uint8, Device::Cpu));
        let blank = Cutout { side: 6 }.apply(&images).eq(0); // [500, 3, 12, 16]
        assert!(
            blank.select(1, 0).equal(&blank.select(1, 2)),
            "all channels share a square"
        );
        let blank = blank.select(1, 0);
        let (rows, columns) = (blank.any_dim(2, false), blank.any_dim(1, false));
        let extent = |spans: &Tensor| spans.sum_dim_intlist(1, false, Kind::Int64);
        let (heights, widths) = (extent(&rows), extent(&columns));
        assert_eq!(heights.max(), Tensor::from(6_i64));
        assert_eq!(
            heights.min(),
            Tensor::from(3_i64),
            "a centre in the first row leaves half"
        );
        assert_eq!(widths.max(), Tensor::from(6_i64));
        assert_eq!(
            blank.sum_dim_intlist([1, 2].as_slice(), false, Kind::Int64),
            heights * widths,
            "what is blank is a rectangle"
        );
        assert!(
            rows.sum_dim_intlist(0, false, Kind::Int64).min().int64_value(&[]) > 50,
            "squares lie everywhere"
        );
    }
}
