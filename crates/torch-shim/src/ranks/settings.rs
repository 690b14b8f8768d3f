//! Who this process is among the ranks of its run, from the variables that its launcher sets.

use super::RanksError;
use std::time::Duration;

/// The port of the store where MASTER_PORT is not set, the same as PyTorch's.
const DEFAULT_PORT: u16 = 29500;
/// How long ranks wait for each other at the start: a queue may start them minutes apart.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// Who this process is among the ranks of its run, and where they meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankSettings {
    /// The name or address of rank 0's machine, MASTER_ADDR.
    pub address: String,
    /// The port on it at which the store listens, MASTER_PORT.
    pub port: u16,
    /// This process's rank, from 0.
    pub rank: usize,
    /// The number of ranks.
    pub world_size: usize,
    /// The rank among those of this machine, from 0, if the launcher says it: the index of the GPU to take.
    pub local_rank: Option<usize>,
    /// How long ranks wait for each other at the start. Later there is no such limit: a rank may be slow.
    pub timeout: Duration,
    /// How often torchrun has restarted the ranks, if it hosts the store itself (TORCHELASTIC_USE_AGENT_STORE).
    pub restarts_of_torchrun: Option<usize>,
}

/// The variables of one kind of launcher.
struct Launcher {
    rank: &'static str,
    world_size: &'static str,
    local_rank: &'static str,
    /// The number of ranks on this machine, or of machines.
    extent: Extent,
    remedy: &'static str,
}

enum Extent {
    Unknown,
    RanksHere(&'static str),
    Machines(&'static str),
}

const TORCHRUN: Launcher = Launcher {
    rank: "RANK",
    world_size: "WORLD_SIZE",
    local_rank: "LOCAL_RANK",
    extent: Extent::Unknown,
    remedy: "set both, as torchrun does, or neither",
};
const OPEN_MPI: Launcher = Launcher {
    rank: "OMPI_COMM_WORLD_RANK",
    world_size: "OMPI_COMM_WORLD_SIZE",
    local_rank: "OMPI_COMM_WORLD_LOCAL_RANK",
    extent: Extent::RanksHere("OMPI_COMM_WORLD_LOCAL_SIZE"),
    remedy: "start with Open MPI's mpirun, or unset it",
};
const HYDRA: Launcher = Launcher {
    rank: "PMI_RANK",
    world_size: "PMI_SIZE",
    local_rank: "MPI_LOCALRANKID",
    extent: Extent::RanksHere("MPI_LOCALNRANKS"),
    remedy: "start with MPICH's mpirun, or unset it",
};
const SLURM: Launcher = Launcher {
    rank: "SLURM_PROCID",
    world_size: "SLURM_STEP_NUM_TASKS",
    local_rank: "SLURM_LOCALID",
    extent: Extent::Machines("SLURM_STEP_NUM_NODES"),
    remedy: "start with srun --ntasks=N, or unset it",
};

impl RankSettings {
    /// What torchrun, Open MPI, MPICH or `srun` say, in this order; `None` if the process was started alone.
    ///
    /// The variables of Slurm count inside `srun` only (SLURM_STEP_ID): its batch scripts have some of them too. Where
    /// MASTER_ADDR is not set, rank 0 is on this machine if all ranks are, and on the first one of Slurm's list.
    /// MASTER_PORT is 29500 unless it is set.
    ///
    /// # Errors
    /// If a variable has no companion or an impossible value, if RANK contradicts MPI, or if nothing says where rank 0
    /// is.
    pub fn from_environment() -> Result<Option<RankSettings>, RanksError> {
        Self::from_variables(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The same with other variables than those of the process.
    ///
    /// # Errors
    /// As [`RankSettings::from_environment`].
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<RankSettings>, RanksError> {
        let in_step = variable("SLURM_STEP_ID").is_some();
        let mut found = Vec::new();
        for launcher in [TORCHRUN, OPEN_MPI, HYDRA, SLURM] {
            if (launcher.rank != SLURM.rank || in_step)
                && let Some((rank, world_size)) = launcher.place(variable)?
            {
                found.push((launcher, rank, world_size));
            }
        }
        let Some((launcher, rank, world_size)) = found.first() else {
            return Ok(None);
        };
        // torchrun may well run once a machine under MPI or Slurm; a RANK left over in a shell may not.
        let by_hand = launcher.rank == TORCHRUN.rank && variable("TORCHELASTIC_RUN_ID").is_none();
        if by_hand
            && let Some((other, other_rank, other_size)) = found.get(1).filter(|found| found.0.rank != SLURM.rank)
            && (rank, world_size) != (other_rank, other_size)
        {
            return Err(RanksError::Contradiction {
                first: launcher.words(*rank, *world_size),
                second: other.words(*other_rank, *other_size),
            });
        }
        let local_rank = number(variable, launcher.local_rank, launcher.remedy)?;
        if let Some(local_rank) = local_rank.filter(|local_rank| local_rank >= world_size) {
            return Err(RanksError::Setting {
                variable: launcher.local_rank,
                value: local_rank.to_string(),
                problem: format!("no rank on a machine, with {}={world_size}", launcher.world_size),
                remedy: launcher.remedy.to_owned(),
            });
        }
        let agent_has_store = variable("TORCHELASTIC_USE_AGENT_STORE").as_deref() == Some("True");
        let restarts = number(variable, "TORCHELASTIC_RESTART_COUNT", "unset it")?.unwrap_or(0);
        Ok(Some(RankSettings {
            address: launcher.address(variable, *rank, *world_size)?,
            port: port(variable)?,
            rank: *rank,
            world_size: *world_size,
            local_rank,
            timeout: DEFAULT_TIMEOUT,
            restarts_of_torchrun: agent_has_store.then_some(restarts),
        }))
    }
}

impl Launcher {
    /// The rank and the number of ranks, if this launcher started the process.
    fn place(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<(usize, usize)>, RanksError> {
        let half = |set: &str, value: usize, missing| RanksError::HalfSet {
            set: format!("{set}={value}"),
            missing,
            remedy: self.remedy.to_owned(),
        };
        let rank = number(variable, self.rank, self.remedy)?;
        let world_size = number(variable, self.world_size, self.remedy)?;
        match (rank, world_size) {
            (None, None) => Ok(None),
            (Some(rank), None) => Err(half(self.rank, rank, self.world_size)),
            (None, Some(world_size)) => Err(half(self.world_size, world_size, self.rank)),
            (Some(rank), Some(world_size)) if rank < world_size => Ok(Some((rank, world_size))),
            (Some(rank), Some(world_size)) => Err(RanksError::Setting {
                variable: self.rank,
                value: rank.to_string(),
                problem: format!(
                    "no rank, with {}={world_size}: they are 0 to {}",
                    self.world_size,
                    world_size.max(1) - 1
                ),
                remedy: self.remedy.to_owned(),
            }),
        }
    }

    fn words(&self, rank: usize, world_size: usize) -> String {
        format!("{}={rank} and {}={world_size}", self.rank, self.world_size)
    }

    fn address(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
        rank: usize,
        world_size: usize,
    ) -> Result<String, RanksError> {
        if let Some(address) = variable("MASTER_ADDR") {
            return Ok(address);
        }
        let on_one_machine = world_size == 1
            || match self.extent {
                Extent::Unknown => false,
                Extent::RanksHere(name) => number(variable, name, self.remedy)? == Some(world_size),
                Extent::Machines(name) => number(variable, name, self.remedy)? == Some(1),
            };
        let list = variable("SLURM_STEP_NODELIST").filter(|_| self.rank == SLURM.rank);
        match list {
            _ if on_one_machine => Ok("127.0.0.1".to_owned()),
            Some(list) => Ok(first_machine(&list)),
            None => Err(RanksError::HalfSet {
                set: self.words(rank, world_size),
                missing: "MASTER_ADDR",
                remedy: "set it to the name of rank 0's machine for all ranks, or to 127.0.0.1 if all are on one"
                    .to_owned(),
            }),
        }
    }
}

fn port(variable: &dyn Fn(&str) -> Option<String>) -> Result<u16, RanksError> {
    let Some(value) = variable("MASTER_PORT") else {
        return Ok(DEFAULT_PORT);
    };
    value.parse().ok().filter(|port| *port > 0).ok_or(RanksError::Setting {
        variable: "MASTER_PORT",
        value,
        problem: "no port".to_owned(),
        remedy: "set it to a free port of rank 0's machine, 1024 to 65535".to_owned(),
    })
}

fn number(
    variable: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
    remedy: &str,
) -> Result<Option<usize>, RanksError> {
    let Some(value) = variable(name) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|_| RanksError::Setting {
        variable: name,
        value,
        problem: "no number".to_owned(),
        remedy: remedy.to_owned(),
    })
}

/// `node01` of `node[01-04,07],other`.
fn first_machine(list: &str) -> String {
    let first = list.split(',').next().unwrap_or_default();
    match first.split_once('[') {
        None => first.to_owned(),
        Some((name, numbers)) => {
            let number = numbers.split(['-', ']']).next().unwrap_or_default();
            format!("{name}{number}")
        }
    }
}

#[cfg(test)]
mod tests;
