//! Several processes that train one model: each computes the gradient of its part of a batch, and they sum them.
//!
//! A process a rank, on one machine or several, started by torchrun, `mpirun` or `srun`. Ranks find each other in
//! libtorch's store (`c10d::TCPStore`) and send sums over TCP connections between every two of them; on one machine with
//! two ranks, a sum of 20 MB takes tens of milliseconds. They run on CPUs: a tensor of a GPU is refused. Connections
//! are not encrypted, so keep them within a network that you trust.
//!
//! ```no_run
//! use torch_shim::ranks::{RankSettings, Ranks};
//!
//! # fn main() -> Result<(), torch_shim::ranks::RanksError> {
//! if let Some(settings) = RankSettings::from_environment()? {
//!     let ranks = Ranks::connect(&settings)?;
//!     let gradient = tch::Tensor::ones(1000, (tch::Kind::Float, tch::Device::Cpu));
//!     ranks.all_reduce_sum(&gradient)?;
//!     ranks.barrier()?;
//! }
//! # Ok(())
//! # }
//! ```

mod batch_norm;
mod error;
mod gradient;
mod meet;
mod memory;
mod mesh;
mod monitor;
mod settings;
mod store;

pub use batch_norm::SynchronisedBatchNorm;
pub use error::RanksError;
pub use settings::RankSettings;

use mesh::Mesh;
use monitor::{Monitor, locked};
use std::sync::{Arc, Mutex};
use tch::{Device, Kind, Tensor};

/// This process as one of the ranks of a run.
///
/// All ranks must call the same operations in the same order with tensors of the same size. An operation waits for the
/// slowest rank however long it takes, and ends with an error within about ten seconds of another rank's end, silence
/// or report of a failure. Rank 0 hosts the store, so it must end last: when its `Ranks` is dropped it waits up to
/// three seconds for the others to drop theirs. Call [`Ranks::barrier`] before.
#[derive(Clone, Debug)]
pub struct Ranks {
    members: Arc<Members>,
}

#[derive(Debug)]
struct Members {
    rank: usize,
    world_size: usize,
    /// Dropped before the connections: rank 0 waits in it for the others. `None` for a run of one rank.
    monitor: Option<Monitor>,
    mesh: Mutex<Option<Mesh>>,
}

impl Ranks {
    /// Waits until all ranks have come, and connects to each of them. A single rank opens no connection.
    /// Call it once in a process.
    ///
    /// # Errors
    /// If rank 0's port is taken, rank 0 is not reached or ranks are missing after `settings.timeout`, two ranks have
    /// the same number, they disagree on the number of ranks, or another rank reports an error of this kind.
    pub fn connect(settings: &RankSettings) -> Result<Ranks, RanksError> {
        let RankSettings { rank, world_size, .. } = *settings;
        let mut members = Members {
            rank,
            world_size,
            monitor: None,
            mesh: Mutex::new(None),
        };
        if world_size > 1 {
            let (store, peers) = meet::meet(settings)?;
            members.monitor = Some(Monitor::start(store, rank, world_size)?);
            let mesh = Mesh::new(rank, peers).map_err(|error| RanksError::Libtorch(error.to_string()))?;
            members.mesh = Mutex::new(Some(mesh));
        }
        let ranks = Ranks {
            members: Arc::new(members),
        };
        ranks.barrier()?;
        Ok(ranks)
    }

    /// This process's rank, from 0.
    pub fn rank(&self) -> usize {
        self.members.rank
    }

    /// The number of ranks.
    pub fn world_size(&self) -> usize {
        self.members.world_size
    }

    /// Replaces a tensor's values by their sums over all ranks, added in the order of ranks: all ranks get the same
    /// bits, and get them in every run.
    ///
    /// It must be contiguous and of f32, f64 or i64 on the CPU. Autograd does not see the change.
    ///
    /// # Errors
    /// If the tensor is none of these, another rank has failed or is lost, or it does something else.
    pub fn all_reduce_sum(&self, tensor: &Tensor) -> Result<(), RanksError> {
        self.members.all_reduce_sum(tensor)
    }

    /// Replaces a tensor's values by rank 0's; otherwise as [`Ranks::all_reduce_sum`].
    ///
    /// # Errors
    /// As [`Ranks::all_reduce_sum`].
    pub fn broadcast_from_first(&self, tensor: &Tensor) -> Result<(), RanksError> {
        self.members
            .with_mesh(tensor, |mut flat, mesh, monitor| mesh.broadcast(&mut flat, monitor))
    }

    /// Waits until all ranks have called it.
    ///
    /// # Errors
    /// As [`Ranks::all_reduce_sum`].
    pub fn barrier(&self) -> Result<(), RanksError> {
        self.all_reduce_sum(&Tensor::zeros(1, (Kind::Int64, Device::Cpu)))
    }

    /// Tells all ranks that this one cannot go on, so that they end with its `message` in their error. Of several
    /// reports the first counts; only its first 2000 bytes are passed on. It waits two seconds at most.
    pub fn report_failure(&self, message: &str) {
        if let Some(monitor) = &self.members.monitor {
            monitor.report_failure(self.members.rank, message);
        }
    }
}

impl Members {
    fn all_reduce_sum(&self, tensor: &Tensor) -> Result<(), RanksError> {
        self.with_mesh(tensor, |flat, mesh, monitor| mesh.sum(&flat, monitor))
    }

    fn with_mesh(
        &self,
        tensor: &Tensor,
        work: impl FnOnce(Tensor, &mut Mesh, &Monitor) -> Result<(), RanksError>,
    ) -> Result<(), RanksError> {
        memory::check(tensor)?;
        if let (Some(mesh), Some(monitor)) = (locked(&self.mesh).as_mut(), &self.monitor) {
            monitor.check()?;
            return tch::no_grad(|| work(tensor.detach().view(-1), mesh, monitor));
        }
        Ok(())
    }
}
