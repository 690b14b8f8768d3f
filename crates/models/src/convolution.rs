//! Convolution in the precision of its feature maps.

use tch::{Device, Kind, Tensor};

use crate::processor::processor_multiplies_bf16_fast;

/// Convolves maps `[b, in, h, w]` with a `kernel [out, in/groups, side, side]` of odd side, cast to their kind, and
/// adds a bias `[out]` → maps `[b, out, ⌈h/stride⌉, ⌈w/stride⌉]` of the same kind.
///
/// bf16 instructions multiply exactly into f32, add there and round once. A CPU without them convolves bf16 at a
/// fifteenth of f32's speed or less, one with slow ones at half; there the same result is computed with f32 operations,
/// at about f32's speed. Autograd rounds the gradients of maps and kernels in the same places.
pub(crate) fn convolve(maps: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, stride: i64, groups: i64) -> Tensor {
    let kind = maps.kind();
    let cast = |tensor: &Tensor| tensor.to_kind(kind);
    let (kernel, bias) = (cast(kernel), bias.map(cast));
    if kind == Kind::BFloat16 && maps.device() == Device::Cpu && !processor_multiplies_bf16_fast() {
        return in_float_operations(maps, &kernel, bias.as_ref(), stride, groups);
    }
    maps.conv2d(&kernel, bias.as_ref(), stride, padding(&kernel), 1, groups)
}

/// Padding on each side that keeps the size of the maps at stride 1.
fn padding(kernel: &Tensor) -> i64 {
    kernel.size()[2] / 2
}

/// The same in f32, for maps of a kind that f32 holds exactly; the result is rounded to that kind once.
fn in_float_operations(maps: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, stride: i64, groups: i64) -> Tensor {
    let in_float = |tensor: &Tensor| tensor.to_kind(Kind::Float);
    let convolved = in_float(maps).conv2d(
        &in_float(kernel),
        bias.map(in_float),
        stride,
        padding(kernel),
        1,
        groups,
    );
    convolved.to_kind(maps.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_bf16_computes_what_libtorch_defines() {
        tch::manual_seed(0);
        let options = (Kind::Float, Device::Cpu);
        let maps = Tensor::randn([4, 16, 9, 9], options).to_kind(Kind::BFloat16);
        let kernel = Tensor::randn([24, 8, 3, 3], options) * 0.1;
        let bias = Tensor::randn([24], options);
        let answers = [true, false].map(|ours| {
            let [maps, kernel, bias] =
                [&maps, &kernel, &bias].map(|tensor| tensor.detach().copy().set_requires_grad(true));
            let [kernel_used, bias_used] = [&kernel, &bias].map(|tensor| tensor.to_kind(Kind::BFloat16));
            let convolved = if ours {
                in_float_operations(&maps, &kernel_used, Some(&bias_used), 2, 2)
            } else {
                maps.conv2d(&kernel_used, Some(&bias_used), 2, 1, 1, 2)
            };
            (convolved.to_kind(Kind::Float) * convolved.detach())
                .sum(Kind::Float)
                .backward();
            [convolved.detach(), maps.grad(), kernel.grad(), bias.grad()]
        });
        for (ours, native) in answers[0].iter().zip(&answers[1]) {
            assert_eq!(ours.kind(), native.kind());
            let scale = native.abs().max().double_value(&[]);
            let difference = (ours - native).abs().max().double_value(&[]) / scale;
            assert!(
                difference <= 1.0 / 128.0,
                "{difference}: more than the last bit of the largest"
            );
        }
    }
}
