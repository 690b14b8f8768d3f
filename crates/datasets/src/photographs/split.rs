//! The photographs of a split, and how they are shown.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tch::Tensor;

use crate::DataError;
use crate::photographs::index::PhotographIndex;
use crate::photographs::replaced::Replaced;
use crate::photographs::stream::{PhotographStream, StreamSettings};
use crate::photographs::view::{EvaluationView, TrainingView, View};

/// Photographs in files, read as they are needed.
#[derive(Clone, Debug)]
pub struct Photographs {
    /// Which.
    pub index: Arc<PhotographIndex>,
    /// How they are shown to a network that learns.
    pub training: TrainingView,
    /// How they are shown to one that is measured.
    pub evaluation: EvaluationView,
    /// Threads that read and decode. Their number changes no pixel.
    pub workers: NonZeroUsize,
    /// Which unreadable ones are replaced by others.
    pub(crate) replaced: Replaced,
}

impl Photographs {
    /// The photographs at `positions`, in that order.
    ///
    /// # Panics
    /// If a position is not below the number of photographs.
    #[must_use]
    pub fn select(&self, positions: &[i64]) -> Photographs {
        Photographs {
            index: Arc::new(self.index.select(positions)),
            ..self.clone()
        }
    }

    /// The same photographs, shown to a measurement at most `side` pixels high and wide.
    pub(crate) fn smaller(&self, side: usize) -> Photographs {
        Photographs {
            evaluation: EvaluationView::usual(self.evaluation.side.min(side)),
            ..self.clone()
        }
    }

    /// The photograph at `position` as an evaluation shows it, `[3, side, side]` u8.
    pub(crate) fn one(&self, position: usize) -> Result<Tensor, DataError> {
        let mut batches = self.evaluation_batches(vec![position as i64], NonZeroUsize::MIN, 0)?;
        let batch = batches.next().expect("one is asked for")?;
        Ok(batch.images.get(0))
    }

    /// The batches of an epoch of training: the photographs at the positions `order`, `batch` at a time, without the `first` batches. Every
    /// draw follows from `seed` and the place in the order.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn training_batches(
        &self,
        order: Vec<i64>,
        batch: NonZeroUsize,
        first: usize,
        seed: i64,
    ) -> Result<PhotographStream, DataError> {
        self.stream(order, (batch, first), View::Training(self.training), seed)
    }

    /// The photographs at the positions `order`, `batch` at a time, as an evaluation shows them, without the `first` batches.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn evaluation_batches(
        &self,
        order: Vec<i64>,
        batch: NonZeroUsize,
        first: usize,
    ) -> Result<PhotographStream, DataError> {
        self.stream(order, (batch, first), View::Evaluation(self.evaluation), 0)
    }

    fn stream(
        &self,
        order: Vec<i64>,
        (batch, skip_batches): (NonZeroUsize, usize),
        view: View,
        seed: i64,
    ) -> Result<PhotographStream, DataError> {
        let settings = StreamSettings {
            view,
            seed: seed as u64,
            epoch: 0, // the seed is that of the epoch
            batch,
            skip_batches,
            workers: self.workers,
            skip_bad: self.replaced.at_most,
        };
        Ok(PhotographStream::new(&self.index, order, settings)?.listing(self.replaced.clone()))
    }
}
