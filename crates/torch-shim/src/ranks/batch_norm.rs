//! Batch normalisation with the mean and variance of all ranks' images.

use super::{Ranks, RanksError};
use tch::{Kind, Tensor};

/// The parameters and running statistics of one layer, each of shape `[channels]`, as `torch.nn.BatchNorm2d` has them.
#[derive(Clone, Copy, Debug)]
pub struct SynchronisedBatchNorm<'a> {
    /// The factor of each channel, 1 if there is none.
    pub weight: Option<&'a Tensor>,
    /// What is added to each channel, 0 if there is none.
    pub bias: Option<&'a Tensor>,
    /// The mean that evaluation uses; updated in place.
    pub running_mean: &'a Tensor,
    /// The variance that evaluation uses; updated in place, with the unbiased variance as torch does.
    pub running_var: &'a Tensor,
    /// The weight of a new batch in the running statistics, 0.1 in torch.
    pub momentum: f64,
    /// What is added to the variance, 1e-5 in torch.
    pub epsilon: f64,
}

impl SynchronisedBatchNorm<'_> {
    /// Normalises a training batch of shape `[images, channels, ...]` as one process would normalise all ranks' batches
    /// together, with the same gradients. Ranks may have batches of different sizes, also none.
    ///
    /// The gradients of `weight` and `bias` are this rank's part: sum them over ranks like those of other parameters.
    /// A half-precision batch has its statistics in f32. Two sums over ranks, and two more in `backward`.
    ///
    /// # Errors
    /// As [`Ranks::all_reduce_sum`], and if all ranks together have a single value a channel.
    pub fn forward(&self, ranks: &Ranks, input: &Tensor) -> Result<Tensor, RanksError> {
        let half = matches!(input.kind(), Kind::Half | Kind::BFloat16);
        let wide = if half {
            input.to_kind(Kind::Float)
        } else {
            input.shallow_clone()
        };
        let shape = input.size();
        let channels = shape[1];
        let axes: Vec<i64> = (0..shape.len() as i64).filter(|axis| *axis != 1).collect();
        let sum = |values: &Tensor| values.sum_dim_intlist(axes.as_slice(), false, wide.kind());
        let mut across = vec![1; shape.len()];
        across[1] = channels;
        let broad = |values: &Tensor| values.view(across.as_slice());

        let own_count = (input.numel() as i64 / channels.max(1)) as f64;
        let own_count = Tensor::full(1, own_count, (wide.kind(), wide.device()));
        let sums = ranks.all_reduce_sum_with_gradient(&Tensor::cat(&[sum(&wide), own_count], 0))?;
        let count = sums.get(channels).double_value(&[]);
        if count < 2.0 {
            return Err(RanksError::Libtorch(format!(
                "batch normalisation needs two values a channel, and all ranks together have {count}"
            )));
        }
        let mean = sums.narrow(0, 0, channels) / count;
        // The variance from the deviations, not from the squares: those lose the digits that a large mean has.
        let centred = &wide - broad(&mean);
        let variance = ranks.all_reduce_sum_with_gradient(&sum(&centred.square()))? / count;
        let scaled = &centred * broad(&(&variance + self.epsilon).rsqrt());
        let weighted = self
            .weight
            .map_or_else(|| scaled.shallow_clone(), |weight| &scaled * broad(weight));
        let output = self
            .bias
            .map_or_else(|| weighted.shallow_clone(), |bias| &weighted + broad(bias));
        tch::no_grad(|| {
            let update = |running: &Tensor, new: &Tensor| {
                let next = running * (1.0 - self.momentum) + new * self.momentum;
                running.shallow_clone().copy_(&next);
            };
            update(self.running_mean, &mean);
            update(self.running_var, &(&variance * (count / (count - 1.0))));
        });
        Ok(if half { output.to_kind(input.kind()) } else { output })
    }
}
