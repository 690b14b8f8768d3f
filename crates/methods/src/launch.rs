//! Launch: how a step's kernels reach the device.

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device, Tensor};
use torch_shim::{CudaGraph, GraphError};

/// Kernel by kernel, or recorded once and launched as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Launch {
    /// Each kernel by a call of its own.
    #[default]
    Eager,
    /// The first full step of an epoch as ever, the second recorded as a CUDA graph, the others replays of it: for
    /// networks so small that the GPU would wait for the next launch. Recorded anew in each epoch, in the memory of the one
    /// before, since learning rate, class weights and augmentation may change between epochs but not within one.
    Graph,
}

impl Launch {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Launch::Eager => "eager",
            Launch::Graph => "graph",
        }
    }

    /// Prepares this thread for steps on `device`: on a GPU, cuDNN tries its algorithms on the first batch of each shape and
    /// keeps the fastest, and f32 is f32. Once, before anything is computed there.
    ///
    /// # Errors
    /// Of [`Launch::Graph`], if `device` is not a GPU that libtorch reaches.
    pub fn prepare(self, device: Device) -> Result<(), GraphError> {
        if device.is_cuda() {
            Cuda::cudnn_set_benchmark(true);
            torch_shim::compute_float32_in_full();
        }
        match (self, device) {
            (Launch::Eager, _) => Ok(()),
            (Launch::Graph, Device::Cuda(index)) => CudaGraph::prepare(index),
            (Launch::Graph, _) => Err(GraphError("it takes a GPU".into())),
        }
    }
}

/// What a step leaves for the metrics: features `[b, …]` and labels `[b]`. After a replay they lie where every other replay
/// writes its own.
pub(crate) type Seen = (Tensor, Tensor);

/// Steps on their way to the device.
#[derive(Debug)]
pub(crate) struct Steps {
    launch: Launch,
    /// The epoch before's graph, for its memory.
    previous: Option<CudaGraph>,
    /// Shape of the batches of indices that can be replayed: the first one's.
    shape: Option<Vec<i64>>,
    recorded: Option<Recorded>,
}

/// A step that has been recorded, between its input and its output.
#[derive(Debug)]
struct Recorded {
    graph: CudaGraph,
    batch: Tensor,
    seen: Seen,
}

impl Steps {
    pub(crate) fn new(launch: Launch) -> Steps {
        Steps {
            launch,
            previous: None,
            shape: None,
            recorded: None,
        }
    }

    /// From now on steps differ from those before.
    pub(crate) fn begin_epoch(&mut self) {
        self.previous = self.recorded.take().map(|recorded| recorded.graph);
        self.shape = None;
    }

    /// Runs `work` on the indices `batch`, by itself or as a replay of what it did before. `work` must be the same at every
    /// call, and must change tensors only in place.
    ///
    /// # Errors
    /// If the step cannot be recorded or replayed.
    pub(crate) fn run(&mut self, batch: &Tensor, work: impl FnOnce(&Tensor) -> Seen) -> Result<Seen, GraphError> {
        match (self.launch, &mut self.recorded, &self.shape) {
            (Launch::Eager, ..) => Ok(work(batch)),
            (Launch::Graph, _, None) => {
                self.shape = Some(batch.size());
                Ok(work(batch)) // libraries are set up, convolutions chosen, gradients exist
            }
            (Launch::Graph, _, Some(shape)) if *shape != batch.size() => Ok(work(batch)), // an epoch's last, smaller batch
            (Launch::Graph, Some(recorded), _) => recorded.replay(batch),
            (Launch::Graph, None, _) => {
                let input = batch.copy();
                let (graph, seen) = CudaGraph::record(self.previous.take(), || work(&input))?;
                let batch = input;
                self.recorded.insert(Recorded { graph, batch, seen }).replay_recorded()
            }
        }
    }
}

impl Recorded {
    fn replay(&mut self, batch: &Tensor) -> Result<Seen, GraphError> {
        self.batch.copy_(batch);
        self.replay_recorded()
    }

    fn replay_recorded(&mut self) -> Result<Seen, GraphError> {
        self.graph.replay()?;
        Ok((self.seen.0.shallow_clone(), self.seen.1.shallow_clone()))
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn the_second_full_batch_is_the_one_that_is_recorded() {
        let indices = |count: i64| Tensor::arange(count, (Kind::Int64, Device::Cpu));
        let seen = |batch: &Tensor| (batch.shallow_clone(), batch.shallow_clone());
        let mut eager = Steps::new(Launch::Eager);
        let mut graph = Steps::new(Launch::Graph);
        for count in [4, 4, 3] {
            assert_eq!(
                eager.run(&indices(count), seen).expect("nothing is recorded").0,
                indices(count)
            );
        }
        assert_eq!(
            graph.run(&indices(4), seen).expect("the first is not recorded").0,
            indices(4)
        );
        assert_eq!(
            graph.run(&indices(3), seen).expect("nor is a smaller one").0,
            indices(3)
        );
        if !tch::Cuda::is_available() {
            graph.run(&indices(4), seen).expect_err("recording takes a GPU");
        }
    }

    #[test]
    fn graphs_are_refused_on_the_cpu() {
        let error = Launch::Graph
            .prepare(Device::Cpu)
            .expect_err("there is no graph of the CPU")
            .to_string();
        assert!(error.contains("it takes a GPU; leave out --launch graph"), "{error}");
        Launch::Eager.prepare(Device::Cpu).expect("nothing to prepare");
    }
}
