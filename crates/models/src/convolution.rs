//! Convolution in the arithmetic of its maps.

use tch::{Kind, Tensor};

/// Maps `[b, in, h, w]` by a `kernel [out, in, side, side]` of odd side, cast to their kind, and a bias `[out]`: maps
/// `[b, out, ⌈h/stride⌉, ⌈w/stride⌉]` of the same kind.
///
/// bf16 instructions multiply exactly into f32, add there and round once. A processor without them convolves bf16 at a
/// fifteenth of f32's speed or less; so there the same is said in f32 operations, at about f32's speed. Autograd rounds the
/// gradients of maps and kernels in the same places.
pub(crate) fn convolve(maps: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, stride: i64) -> Tensor {
    let kind = maps.kind();
    let padding = kernel.size()[2] / 2;
    let of_kind = |tensor: &Tensor| tensor.to_kind(kind);
    let (kernel, bias) = (of_kind(kernel), bias.map(of_kind));
    if kind == Kind::BFloat16 && maps.device() == tch::Device::Cpu && !processor_multiplies_bf16() {
        let in_float = |tensor: &Tensor| tensor.to_kind(Kind::Float);
        let (maps, kernel, bias) = (in_float(maps), in_float(&kernel), bias.as_ref().map(in_float));
        return maps.conv2d(&kernel, bias.as_ref(), stride, padding, 1, 1).to_kind(kind);
    }
    maps.conv2d(&kernel, bias.as_ref(), stride, padding, 1, 1)
}

/// Whether the processor has instructions that multiply bf16.
#[cfg(target_arch = "x86_64")]
pub fn processor_multiplies_bf16() -> bool {
    is_x86_feature_detected!("avx512bf16")
}

/// Whether the processor has instructions that multiply bf16.
#[cfg(not(target_arch = "x86_64"))]
pub fn processor_multiplies_bf16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn a_processor_without_bf16_computes_what_libtorch_defines() {
        tch::manual_seed(0);
        let options = (Kind::Float, Device::Cpu);
        let maps = Tensor::randn([4, 16, 9, 9], options).to_kind(Kind::BFloat16);
        let kernel = Tensor::randn([24, 16, 3, 3], options) * 0.1;
        let bias = Tensor::randn([24], options);
        let answers = [true, false].map(|ours| {
            let [maps, kernel, bias] =
                [&maps, &kernel, &bias].map(|tensor| tensor.detach().copy().set_requires_grad(true));
            let convolved = if ours {
                convolve(&maps, &kernel, Some(&bias), 2)
            } else {
                let kind = Kind::BFloat16;
                maps.conv2d(&kernel.to_kind(kind), Some(&bias.to_kind(kind)), 2, 1, 1, 1)
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
