//! Crop and flip: the CIFAR standard.

use tch::{Kind, Tensor};

/// Zero-pads by `padding`, crops each image back at its own random offset, mirrors half of them: `[b, c, h, w]` → the
/// same shape, channels-last in memory. Offsets are uniform over all 2 · `padding` + 1 positions of both axes.
pub(crate) fn crop_and_flip(images: &Tensor, padding: i64) -> Tensor {
    let [batch, channels, height, width] = images.size()[..] else {
        panic!("images are [b, c, h, w]: {:?}", images.size())
    };
    let options = (Kind::Int64, images.device());
    let padded = images.constant_pad_nd([padding; 4]).permute([0, 2, 3, 1]).contiguous();
    let [padded_height, padded_width] = [height, width].map(|side| side + 2 * padding);
    let offset = || Tensor::randint(2 * padding + 1, [batch, 1], options);
    let rows = offset() + Tensor::arange(height, options); // [b, h]
    let mirrored = Tensor::randint(2, [batch, 1], options);
    let columns = Tensor::arange(width, options);
    let columns = offset() + &columns + &mirrored * (width - 1 - columns * 2); // [b, w], descending where mirrored
    let first_rows = Tensor::arange(batch, options).view([batch, 1]) * padded_height;
    let pixels = (first_rows + rows).unsqueeze(2) * padded_width + columns.unsqueeze(1); // [b, h, w]
    // One flat index copies whole pixels; an index per axis would copy each channel by itself.
    let crops = padded.view([-1, channels]).index_select(0, &pixels.view([-1]));
    crops.view([batch, height, width, channels]).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn crops_are_shifts_of_the_zero_padded_image_or_of_its_mirror() {
        tch::manual_seed(1);
        let image = Tensor::arange(36, CPU).view([1, 1, 6, 6]) + 1.0;
        let candidates: Vec<Tensor> = [image.shallow_clone(), image.flip([3])]
            .iter()
            .flat_map(|image| {
                let padded = image.constant_pad_nd([2; 4]);
                (0..5)
                    .flat_map(move |top| {
                        (0..5).map({
                            let padded = padded.shallow_clone();
                            move |left| padded.narrow(2, top, 6).narrow(3, left, 6)
                        })
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let crops = crop_and_flip(&image.repeat([2000, 1, 1, 1]), 2);
        let mut seen = vec![0; candidates.len()];
        for index in 0..2000 {
            let crop = crops.narrow(0, index, 1);
            let found = candidates.iter().position(|candidate| candidate.equal(&crop));
            seen[found.expect("every crop is one of the 50 candidates")] += 1;
        }
        assert!(
            seen.iter().all(|&count| count > 10),
            "every offset and both mirrors occur: {seen:?}"
        );
    }

    #[test]
    fn crops_are_channels_last_in_memory() {
        let crops = crop_and_flip(&Tensor::zeros([4, 3, 8, 8], (Kind::Uint8, Device::Cpu)), 4);
        assert_eq!(crops.stride(), [192, 1, 24, 3]);
    }
}
