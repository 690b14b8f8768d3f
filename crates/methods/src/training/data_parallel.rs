//! Several processes that train one network, each with a part of every batch.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use models::{BatchNormLayer, share_batch_norm};
use tch::Tensor;
use torch_shim::ranks::{Ranks, RanksError, SynchronisedBatchNorm};

use crate::method::Method;
use crate::parts::experts::Experts;
use crate::parts::head::Head;

/// This process among those that train one network.
///
/// Each computes the features of its rows of a batch. The features are then put together, and loss, classifier and regularizer are computed
/// of the whole batch by every process, so that class means, class weights and mixing are those of one process. Batch norm normalises by
/// the statistics of the whole batch. What is left of the difference to one process is rounding: sums are added in another order.
///
/// A process that is lost ends the others: every method panics with its rank and what it said last.
#[derive(Debug)]
pub struct DataParallel {
    ranks: Ranks,
    /// That of the networks' batch norm, which outlives this.
    of_norm: Arc<Mutex<Option<Ranks>>>,
}

impl DataParallel {
    /// Joins the training of these processes. From now on, all networks of this process have their batch norm.
    ///
    /// # Panics
    /// If this process has joined one before.
    pub fn new(ranks: Ranks) -> DataParallel {
        let of_norm = Arc::new(Mutex::new(Some(ranks.clone())));
        let shared = Arc::clone(&of_norm);
        share_batch_norm(move |layer, maps| {
            let ranks = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let ranks = ranks.expect("networks are not trained after the processes have parted");
            let norm = SynchronisedBatchNorm {
                weight: Some(layer.weight),
                bias: Some(layer.bias),
                running_mean: layer.running_mean,
                running_var: layer.running_var,
                momentum: BatchNormLayer::MOMENTUM,
                epsilon: BatchNormLayer::EPSILON,
            };
            together(norm.forward(&ranks, maps))
        });
        DataParallel { ranks, of_norm }
    }

    /// Waits until all processes have trained to the end, so that none takes another's end for a loss. From now on, no network of this
    /// process can be trained.
    pub fn part(self) {
        // One that is lost now has trained all there was to train.
        drop(self.ranks.barrier());
        *self.of_norm.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why a method cannot be trained by several processes; `None` if it can.
    pub fn refusal(method: &Method) -> Option<&'static str> {
        if method.contrast.is_some() {
            Some("its contrastive learning compares views of a whole batch")
        } else if matches!(method.experts, Some(Experts::Bilateral(_))) {
            Some("its branches learn from two batches at once")
        } else if method.head == Head::FixedEtf {
            Some("its features have a batch norm of their own")
        } else {
            None
        }
    }

    /// Whether this process measures the network and writes its files.
    pub fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// Number of processes.
    pub(crate) fn processes(&self) -> usize {
        self.ranks.world_size()
    }

    /// This process's rows of a batch of `images`.
    fn rows(&self, images: i64) -> Range<i64> {
        let (rank, processes) = (self.ranks.rank() as i64, self.processes() as i64);
        images * rank / processes..images * (rank + 1) / processes
    }

    /// This process's rows of a batch `[b, …]`.
    pub(crate) fn own(&self, whole: &Tensor) -> Tensor {
        let rows = self.rows(whole.size()[0]);
        whole.narrow(0, rows.start, rows.end - rows.start)
    }

    /// `[b, …]` from the rows of all processes, with the gradient of the sum of their losses.
    pub(crate) fn whole(&self, own: &Tensor, images: i64) -> Tensor {
        let rows = self.rows(images);
        let mut shape = own.size();
        let mut zeros = |rows: i64| {
            shape[0] = rows;
            own.new_zeros(&shape, (own.kind(), own.device()))
        };
        let padded = Tensor::cat(&[zeros(rows.start), own.shallow_clone(), zeros(images - rows.end)], 0);
        together(self.ranks.all_reduce_sum_with_gradient(&padded))
    }

    /// Adds up a tensor over all processes, in place.
    pub(crate) fn sum(&self, tensor: &Tensor) {
        together(self.ranks.all_reduce_sum(tensor));
    }

    /// Tells the others that this process cannot go on, and why.
    pub fn report_failure(&self, reason: &str) {
        self.ranks.report_failure(reason);
    }
}

/// The result of something that all processes do.
#[track_caller]
fn together<T>(result: Result<T, RanksError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
