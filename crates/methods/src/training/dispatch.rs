//! Dispatch: kernels one by one, or as a CUDA graph.

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};
use torch_shim::{CudaGraph, GraphError};

use crate::images::Batch;
use crate::training::step::Seen;

/// How a step's kernels reach the device: one by one, or recorded once and launched as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dispatch {
    /// Launches each kernel by itself.
    #[default]
    Eager,
    /// Runs the first full step of an epoch eagerly, records the second as a CUDA graph and replays it for the others:
    /// for networks so small that the GPU would wait for launches. Each epoch records a new graph, in the memory of the
    /// previous one, since learning rate, class weights and augmentation may change between epochs but not within one.
    Graph,
}

impl Dispatch {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dispatch::Eager => "eager",
            Dispatch::Graph => "graph",
        }
    }

    /// Prepares this thread for steps on `device`: on a GPU, cuDNN tries its algorithms on the first batch of each
    /// shape and keeps the fastest, and f32 has full precision. Call it once, before anything is computed there.
    ///
    /// # Errors
    /// For [`Dispatch::Graph`], if `device` is not a GPU that libtorch can use.
    pub fn prepare(self, device: Device) -> Result<(), GraphError> {
        if device.is_cuda() {
            Cuda::cudnn_set_benchmark(true);
            torch_shim::compute_float32_in_full();
        }
        match (self, device) {
            (Dispatch::Eager, _) => Ok(()),
            (Dispatch::Graph, Device::Cuda(index)) => CudaGraph::prepare(index),
            (Dispatch::Graph, _) => Err(GraphError("it takes a GPU".into())),
        }
    }
}

/// Runs an epoch's steps, eagerly or as a graph.
#[derive(Debug)]
pub(crate) struct Steps {
    launch: Dispatch,
    /// The previous epoch's graph, for its memory.
    previous: Option<CudaGraph>,
    /// Image shape of a full batch, that of the epoch's first one; only full batches are replayed.
    shape: Option<Vec<i64>>,
    recorded: Option<Recorded>,
}

/// A recorded step with its input and output, which have the same memory in every replay.
#[derive(Debug)]
struct Recorded {
    graph: CudaGraph,
    batch: Batch,
    seen: Seen,
}

impl Steps {
    pub(crate) fn new(launch: Dispatch) -> Steps {
        Steps {
            launch,
            previous: None,
            shape: None,
            recorded: None,
        }
    }

    /// Call it before the first step of an epoch: its steps differ from those before.
    pub(crate) fn begin_epoch(&mut self) {
        self.previous = self.recorded.take().map(|recorded| recorded.graph);
        self.shape = None;
    }

    /// Runs `work` on `batch`, directly or as a replay. `work` must be the same at every call, and must change tensors
    /// only in place. Every replay overwrites the output of the one before.
    ///
    /// # Errors
    /// If the step cannot be recorded or replayed.
    pub(crate) fn run(&mut self, batch: &Batch, work: impl FnOnce(&Batch) -> Seen) -> Result<Seen, GraphError> {
        match (self.launch, &mut self.recorded, &self.shape) {
            (Dispatch::Eager, ..) => Ok(work(batch)),
            (Dispatch::Graph, _, None) => {
                self.shape = Some(batch.images.size());
                Ok(work(batch)) // initialises libraries, chooses convolutions, creates gradients
            }
            (Dispatch::Graph, _, Some(shape)) if *shape != batch.images.size() => Ok(work(batch)), // an epoch's last, smaller batch
            (Dispatch::Graph, Some(recorded), _) => recorded.replay(batch),
            (Dispatch::Graph, None, _) => {
                let batch = batch.copy();
                let (graph, seen) = CudaGraph::record(self.previous.take(), || work(&batch))?;
                self.recorded.insert(Recorded { graph, batch, seen }).replay_recorded()
            }
        }
    }
}

impl Recorded {
    fn replay(&mut self, batch: &Batch) -> Result<Seen, GraphError> {
        self.batch.overwrite(batch);
        self.replay_recorded()
    }

    fn replay_recorded(&mut self) -> Result<Seen, GraphError> {
        self.graph.replay()?;
        Ok(self.seen.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn the_second_full_batch_is_the_one_that_is_recorded() {
        let batch = |count: i64| Batch {
            images: Tensor::zeros([count, 3, 2, 2], (Kind::Uint8, Device::Cpu)),
            labels: Tensor::arange(count, (Kind::Int64, Device::Cpu)),
        };
        let work = |batch: &Batch| Seen {
            loss: Tensor::from(0.0),
            features: batch.images.shallow_clone(),
            logits: batch.images.shallow_clone(),
            labels: batch.labels.shallow_clone(),
        };
        let labels = |steps: &mut Steps, count| steps.run(&batch(count), work).map(|seen| seen.labels);
        let mut eager = Steps::new(Dispatch::Eager);
        let mut graph = Steps::new(Dispatch::Graph);
        for count in [4, 4, 3] {
            assert_eq!(
                labels(&mut eager, count),
                Ok(batch(count).labels),
                "nothing is recorded"
            );
        }
        assert_eq!(labels(&mut graph, 4), Ok(batch(4).labels), "the first is not recorded");
        assert_eq!(labels(&mut graph, 3), Ok(batch(3).labels), "nor is a smaller one");
        if !tch::Cuda::is_available() {
            labels(&mut graph, 4).expect_err("recording takes a GPU");
        }
    }

    #[test]
    fn graphs_are_refused_on_the_cpu() {
        let error = Dispatch::Graph
            .prepare(Device::Cpu)
            .expect_err("there is no graph of the CPU")
            .to_string();
        assert!(error.contains("it takes a GPU; leave out --launch graph"), "{error}");
        Dispatch::Eager.prepare(Device::Cpu).expect("nothing to prepare");
    }
}
