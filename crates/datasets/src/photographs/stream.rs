//! The batches of an epoch, read and decoded by threads ahead of their use.

use std::num::NonZeroUsize;
use std::sync::{Arc, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::DataError;
use crate::photographs::error::{PhotographError, Skipped};
use crate::photographs::index::PhotographIndex;
use crate::photographs::replaced::Replaced;
use crate::photographs::ring::{Ring, Slot};
use crate::photographs::view::View;
use crate::photographs::viewer::Viewer;
use crate::photographs::worker::Worker;

/// How the photographs of an epoch are read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// How each is shown.
    pub view: View,
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// Photographs of a batch.
    pub batch: NonZeroUsize,
    /// Batches at the beginning that are left out, without reading them: those before an interruption.
    #[serde(default)]
    pub skip_batches: usize,
    /// Threads that read and decode.
    pub workers: NonZeroUsize,
    /// How many unreadable photographs are replaced before one is an error. In the place of one comes the photograph at the
    /// next readable position of the order, after the last the first, with the draws of the place that it comes to.
    #[serde(default)]
    pub skip_bad: usize,
}

/// Some photographs as a network takes them.
#[derive(Debug)]
pub struct PhotographBatch {
    /// Views, `[b, 3, side, side]` u8 on the CPU.
    pub images: Tensor,
    /// Classes, `[b]` i64 on the CPU.
    pub labels: Tensor,
}

/// An iterator over the batches of an epoch, the last of which can be smaller.
///
/// Each view follows from the settings' seed and epoch, and from the place in the order: the batches are the same for every number
/// of workers, and those after `skip_batches` are the same as without it. The workers are at most a few batches ahead, in buffers
/// that are used again and again, and wait when these are full. They end when the stream is dropped. After an error
/// the stream has ended.
pub struct PhotographStream {
    ring: Arc<Ring>,
    settings: StreamSettings,
    workers: Vec<JoinHandle<()>>,
    waited: Duration,
    replaced: usize,
    /// Where what is replaced is listed.
    list: Replaced,
    failed: bool,
}

impl PhotographStream {
    /// Starts reading the photographs at the positions `order` of the `index`.
    ///
    /// # Errors
    /// If the view's settings are impossible, or a thread cannot be started.
    ///
    /// # Panics
    /// If a position is not one of the index.
    pub fn new(index: &Arc<PhotographIndex>, order: Vec<i64>, settings: StreamSettings) -> Result<Self, DataError> {
        let positions = 0..index.len() as i64;
        assert!(
            order.iter().all(|position| positions.contains(position)),
            "the order is of the index"
        );
        let ring = Arc::new(Ring::new(order.len(), &settings));
        let order: Arc<[i64]> = order.into();
        let mut stream = PhotographStream {
            ring,
            settings,
            workers: Vec::new(),
            waited: Duration::ZERO,
            replaced: 0,
            list: Replaced::default(),
            failed: false,
        };
        for number in 0..settings.workers.get() {
            let viewer = Viewer::new(settings.view)?;
            let mut worker = Worker::new(
                Arc::clone(&stream.ring),
                Arc::clone(index),
                Arc::clone(&order),
                settings,
                viewer,
            );
            let thread = thread::Builder::new().name(format!("photographs {number}"));
            let thread = thread
                .spawn(move || worker.run())
                .map_err(|error| PhotographError::Thread {
                    reason: error.to_string(),
                })?;
            stream.workers.push(thread);
        }
        Ok(stream)
    }

    /// The same stream, which adds what it replaces to `list`.
    pub(crate) fn listing(mut self, list: Replaced) -> Self {
        self.list = list;
        self
    }

    /// How long [`Iterator::next`] has waited for photographs so far: time in which the caller had nothing to do.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// How many unreadable photographs were replaced so far, one for each place in the order.
    pub fn replaced(&self) -> usize {
        self.replaced
    }

    /// Copies a full slot to tensors, or says what was wrong with its first photograph that is one too many.
    fn batch_of(&mut self, slot: &mut Slot) -> Result<PhotographBatch, PhotographError> {
        slot.bad.sort_by_key(|bad| bad.position);
        for bad in slot.bad.drain(..) {
            let is_damage = bad.shard.is_some(); // of a pack, which packing again mends
            if self.replaced == self.settings.skip_bad || !bad.is_replaced || is_damage {
                let skipped = Skipped {
                    replaced: self.replaced,
                    allowed: self.settings.skip_bad,
                };
                return Err(bad.into_error(skipped));
            }
            self.list.add(&bad);
            self.replaced += 1;
        }
        let side = self.settings.view.side() as i64;
        let images = slot.labels.len() * self.settings.view.bytes();
        Ok(PhotographBatch {
            images: Tensor::from_slice(&slot.pixels[..images]).view([-1, 3, side, side]),
            labels: Tensor::from_slice(&slot.labels),
        })
    }
}

impl Iterator for PhotographStream {
    type Item = Result<PhotographBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let ring = Arc::clone(&self.ring);
        let start = Instant::now();
        let mut slot: MutexGuard<Slot> = ring.wait_for_next()?;
        self.waited += start.elapsed();
        let batch = self.batch_of(&mut slot);
        ring.give_back(slot);
        if batch.is_err() {
            self.failed = true;
            ring.stop();
        }
        Some(batch.map_err(DataError::from))
    }
}

impl Drop for PhotographStream {
    fn drop(&mut self) {
        self.ring.stop();
        for worker in self.workers.drain(..) {
            drop(worker.join()); // it has nothing to say, and a panic of it is no reason for another one
        }
    }
}

#[cfg(test)]
mod tests;
