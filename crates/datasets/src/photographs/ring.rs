//! The buffers between the threads that decode photographs and the one that takes batches.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::photographs::error::{ImageProblem, PhotographError, Skipped};
use crate::photographs::pack::PackError;
use crate::photographs::stream::StreamSettings;

/// Buffers of a few batches, which are filled by workers and given back by the one that takes them, in turn.
pub(crate) struct Ring {
    /// Places in the order of the epoch.
    length: usize,
    batch: usize,
    image_bytes: usize,
    /// Batch n is in slot n modulo their number.
    slots: Vec<Mutex<Slot>>,
    /// Where the batch that is taken next becomes full.
    full: Condvar,
    progress: Mutex<Progress>,
    /// Where a slot becomes free, or the workers have to stop.
    free: Condvar,
}

/// The buffer of one batch.
pub(crate) struct Slot {
    /// `[batch, 3, side, side]`; the last batch can be smaller.
    pub(crate) pixels: Vec<u8>,
    /// `[b]`
    pub(crate) labels: Vec<i64>,
    /// Photographs of the batch that are not there yet.
    left: usize,
    /// Places whose photographs cannot be read.
    pub(crate) bad: Vec<Bad>,
}

/// A place in the order whose photograph cannot be read.
pub(crate) struct Bad {
    pub(crate) position: usize,
    pub(crate) path: PathBuf,
    /// The file that it is in, if it is packed.
    pub(crate) shard: Option<PathBuf>,
    pub(crate) problem: ImageProblem,
    /// Whether another photograph is in its place.
    pub(crate) is_replaced: bool,
}

impl Bad {
    pub(crate) fn into_error(self, skipped: Skipped) -> PhotographError {
        let Bad { path, problem, .. } = self;
        match self.shard {
            None => PhotographError::Unreadable { path, problem, skipped },
            Some(shard) => PhotographError::Pack(PackError::Damaged {
                path: shard,
                problem: format!("the photograph {}: {problem}", path.display()),
            }),
        }
    }
}

struct Progress {
    /// The place in the order that no worker has yet.
    next: usize,
    /// The batch that is taken next.
    taken: usize,
    stopped: bool,
}

impl Ring {
    /// For `length` photographs.
    pub(crate) fn new(length: usize, settings: &StreamSettings) -> Self {
        /// One that is full when the next batch is asked for, and one that is filled meanwhile.
        const AHEAD: usize = 2;
        let batch = settings.batch.get();
        let slots = AHEAD + settings.workers.get().div_ceil(batch);
        let image_bytes = settings.view.bytes();
        let next = settings.skip_batches.saturating_mul(batch).min(length);
        let ring = Ring {
            length,
            batch,
            image_bytes,
            slots: (0..slots)
                .map(|_| {
                    Mutex::new(Slot {
                        pixels: vec![0; batch.min(length) * image_bytes],
                        labels: Vec::new(),
                        left: 0,
                        bad: Vec::new(),
                    })
                })
                .collect(),
            full: Condvar::new(),
            progress: Mutex::new(Progress {
                next,
                taken: settings.skip_batches,
                stopped: false,
            }),
            free: Condvar::new(),
        };
        for ahead in 0..slots {
            let number = settings.skip_batches + ahead;
            ring.slot(number).empty_for(ring.size(number));
        }
        ring
    }

    /// The place in the order that a worker has to fill next, once there is room for it; `None` if there is none left.
    pub(crate) fn claim(&self) -> Option<usize> {
        let mut progress = lock(&self.progress);
        while !progress.stopped && progress.next < self.length {
            if progress.next / self.batch < progress.taken + self.slots.len() {
                progress.next += 1;
                return Some(progress.next - 1);
            }
            progress = self.free.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Puts a view and its class into the place that a worker has claimed.
    pub(crate) fn deliver(&self, position: usize, view: &[u8], label: i64, bad: Option<Bad>) {
        let mut slot = self.slot(position / self.batch);
        let place = position % self.batch;
        slot.pixels[place * self.image_bytes..][..self.image_bytes].copy_from_slice(view);
        slot.labels[place] = label;
        slot.bad.extend(bad);
        slot.left -= 1;
        if slot.left == 0 {
            self.full.notify_all();
        }
    }

    /// Waits until the next batch is full; `None` after the last one.
    pub(crate) fn wait_for_next(&self) -> Option<MutexGuard<'_, Slot>> {
        let number = lock(&self.progress).taken;
        if self.size(number) == 0 {
            return None;
        }
        let slot = self.full.wait_while(self.slot(number), |slot| slot.left > 0);
        Some(slot.unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the slot of the batch that was taken free for a later one.
    pub(crate) fn give_back(&self, mut slot: MutexGuard<'_, Slot>) {
        let mut progress = lock(&self.progress);
        slot.empty_for(self.size(progress.taken + self.slots.len()));
        progress.taken += 1;
        self.free.notify_all();
    }

    /// Lets no worker begin another photograph.
    pub(crate) fn stop(&self) {
        lock(&self.progress).stopped = true;
        self.free.notify_all();
    }

    /// Photographs of batch `number`: fewer for the last one, none after it.
    fn size(&self, number: usize) -> usize {
        let start = number.saturating_mul(self.batch).min(self.length);
        self.batch.min(self.length - start)
    }

    fn slot(&self, number: usize) -> MutexGuard<'_, Slot> {
        lock(&self.slots[number % self.slots.len()])
    }
}

impl Slot {
    fn empty_for(&mut self, size: usize) {
        self.labels.clear();
        self.labels.resize(size, 0);
        self.left = size;
        self.bad.clear();
    }
}

/// What is locked is whole at any time, even if a thread panics meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::photographs::view::{EvaluationView, View};

    #[test]
    fn workers_wait_while_all_buffers_are_full() {
        let settings = StreamSettings {
            view: View::Evaluation(EvaluationView { resize: 2, side: 2 }),
            seed: 0,
            epoch: 0,
            batch: NonZeroUsize::new(2).unwrap(),
            skip_batches: 0,
            workers: NonZeroUsize::MIN,
            skip_bad: 0,
        };
        let ring = Ring::new(100, &settings);
        let room = 2 * ring.slots.len();
        for position in 0..room {
            assert_eq!(ring.claim(), Some(position));
            ring.deliver(position, &[position as u8; 12], position as i64, None);
        }
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let ring = &ring;
            scope.spawn(move || sender.send(ring.claim()).unwrap());
            assert!(
                receiver.recv_timeout(Duration::from_millis(50)).is_err(),
                "there is no room"
            );
            let slot = ring.wait_for_next().unwrap();
            assert_eq!((&slot.labels[..], slot.pixels[12]), (&[0, 1][..], 1));
            ring.give_back(slot);
            assert_eq!(receiver.recv().unwrap(), Some(room));
            ring.stop();
            assert_eq!(ring.claim(), None);
        });
    }
}
