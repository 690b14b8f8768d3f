//! An epoch that is not finished, and what a checkpoint inside it stores beside the model and the optimizer.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use torch_shim::Generator;

use crate::files::safetensors::Safetensors;
use crate::training::step::Seen;

/// The number of steps, i64.
pub(super) const STEPS: &str = "epoch.steps";
const SECONDS: &str = "epoch.seconds";
const LOSS_SUM: &str = "epoch.loss_sum";
const FEATURES: &str = "epoch.features";
const LABELS: &str = "epoch.labels";
const RANDOM_CPU: &str = "epoch.random_state_cpu";
const RANDOM_GPU: &str = "epoch.random_state_gpu";

/// The steps of an epoch so far.
#[derive(Debug)]
pub(crate) struct PartialEpoch {
    /// How many there were.
    pub(crate) steps: usize,
    /// Sum of their losses, a scalar on the device: no host sync inside the batch loop.
    pub(crate) loss_sum: Tensor,
    /// Features and labels of the batches, in an epoch whose neural collapse is measured.
    seen: Option<Vec<(Tensor, Tensor)>>,
    /// When this session began the epoch, and how long earlier sessions trained it.
    began: Instant,
    earlier: Duration,
}

impl PartialEpoch {
    /// An epoch before its first step.
    pub(crate) fn new(is_measured: bool, device: Device) -> PartialEpoch {
        PartialEpoch {
            steps: 0,
            loss_sum: Tensor::zeros([], (Kind::Float, device)),
            seen: is_measured.then(Vec::new),
            began: Instant::now(),
            earlier: Duration::ZERO,
        }
    }

    /// Counts a step.
    pub(crate) fn add(&mut self, seen: &Seen) {
        self.steps += 1;
        self.loss_sum += &seen.loss;
        if let Some(all) = &mut self.seen {
            all.push((seen.features.copy(), seen.labels.copy())); // a replay writes to the same place
        }
    }

    /// Time since the epoch began, in all sessions together.
    pub(crate) fn duration(&self) -> Duration {
        self.earlier + self.began.elapsed()
    }

    /// Features `[n, d]`, with experts `[n, e, d]`, and labels `[n]` of the steps so far; `None` if they are not kept or there was no step.
    pub(crate) fn features(&self) -> Option<(Tensor, Tensor)> {
        let seen = self.seen.as_ref().filter(|seen| !seen.is_empty())?;
        let cat = |part: fn(&(Tensor, Tensor)) -> &Tensor| Tensor::cat(&seen.iter().map(part).collect::<Vec<_>>(), 0);
        Some((cat(|(features, _)| features), cat(|(_, labels)| labels)))
    }

    /// What a checkpoint stores, by name: with it, training goes on with the same batch and the same draws.
    pub(super) fn state(&self) -> Vec<(String, Tensor)> {
        let steps = Tensor::from_slice(&[self.steps as i64]);
        let seconds = Tensor::from_slice(&[self.duration().as_secs_f64()]);
        let (features, labels) = self.features().unzip();
        let random = |generator: Generator| generator.state().map(|bytes| Tensor::from_slice(&bytes));
        let tensors = [
            (STEPS, Some(steps)),
            (SECONDS, Some(seconds)),
            (LOSS_SUM, Some(self.loss_sum.shallow_clone())),
            (FEATURES, features),
            (LABELS, labels),
            (RANDOM_CPU, random(Generator::Cpu)),
            (RANDOM_GPU, gpu_of(self.loss_sum.device()).and_then(random)),
        ];
        let present = tensors
            .into_iter()
            .filter_map(|(name, tensor)| Some((name.to_owned(), tensor?)));
        present.collect()
    }

    /// Goes on after the steps that [`PartialEpoch::state`] stored, and puts libtorch's generators where they were.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn restore(&mut self, file: &Safetensors) -> Result<(), String> {
        let device = self.loss_sum.device();
        let read = |name: &str| file.tensor(name).map_err(|error| error.to_string());
        let needed = |name: &str| read(name)?.ok_or_else(|| format!("it has no `{name}`"));
        let number = |name: &str| {
            let number = needed(name)?.reshape(-1);
            let is_number = number.size() == [1] && number.double_value(&[0]) >= 0.0;
            is_number
                .then(|| number.double_value(&[0]))
                .ok_or_else(|| format!("its `{name}` is not a number from 0"))
        };
        for (name, generator) in [(RANDOM_CPU, Some(Generator::Cpu)), (RANDOM_GPU, gpu_of(device))] {
            let Some(generator) = generator else { continue };
            let bytes = Vec::<u8>::try_from(needed(name)?).map_err(|error| format!("`{name}`: {error}"))?;
            if !generator.restore(&bytes) {
                return Err(format!("its `{name}` is not a state of this libtorch's generator"));
            }
        }
        self.steps = number(STEPS)? as usize;
        self.loss_sum = needed(LOSS_SUM)?.to_device(device);
        self.earlier =
            Duration::try_from_secs_f64(number(SECONDS)?).map_err(|error| format!("its `{SECONDS}`: {error}"))?;
        // A session that measures more epochs than the one before lacks the features of the steps so far.
        self.seen = match (&self.seen, read(FEATURES)?) {
            (Some(_), Some(features)) => Some(vec![(features.to_device(device), needed(LABELS)?.to_device(device))]),
            _ => None,
        };
        Ok(())
    }
}

fn gpu_of(device: Device) -> Option<Generator> {
    match device {
        Device::Cuda(index) => Some(Generator::Gpu(index)),
        _ => None,
    }
}
