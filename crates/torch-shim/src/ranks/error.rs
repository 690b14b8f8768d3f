//! What can go wrong between ranks.

use std::time::Duration;

/// Why the ranks of a run could not meet, or had to stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RanksError {
    /// One variable of the launcher is set and its companion is not.
    #[error("{set} is set and {missing} is not; {remedy}")]
    HalfSet {
        /// The variable with its value, `RANK=1`.
        set: String,
        /// The name of the variable without a value.
        missing: &'static str,
        /// What to do.
        remedy: String,
    },
    /// A variable has a value that it cannot have.
    #[error("{variable}={value} is {problem}; {remedy}")]
    Setting {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What the value is instead.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// Two launchers disagree.
    #[error("{first}, but {second}; unset the variables of the launcher that did not start this process")]
    Contradiction {
        /// `RANK=0 and WORLD_SIZE=1`.
        first: String,
        /// The same from the other launcher.
        second: String,
    },
    /// Rank 0 cannot open the port at which the others look for it.
    #[error("rank 0 cannot listen on port {port} ({reason}); set MASTER_PORT to a free port, the same for all ranks")]
    Listen {
        /// MASTER_PORT.
        port: u16,
        /// The operating system's message.
        reason: String,
    },
    /// Rank 0 does not answer at its address.
    #[error(
        "rank {rank} did not reach rank 0 at {address} within {} s ({reason}); check that rank 0 runs and that \
         MASTER_ADDR and MASTER_PORT are those of its machine", .waited.as_secs_f64()
    )]
    Unreachable {
        /// This rank.
        rank: usize,
        /// `MASTER_ADDR:MASTER_PORT`.
        address: String,
        /// How long it was tried.
        waited: Duration,
        /// The last message of the operating system.
        reason: String,
    },
    /// Some ranks did not come.
    #[error(
        "of {world_size} ranks, {missing} did not come to {address} within {} s; start as many processes as \
         WORLD_SIZE says", .waited.as_secs_f64()
    )]
    Absent {
        /// `rank 2` or `ranks 2, 3`.
        missing: String,
        /// The number of ranks that were expected.
        world_size: usize,
        /// `MASTER_ADDR:MASTER_PORT`.
        address: String,
        /// How long they were waited for.
        waited: Duration,
    },
    /// Two ranks were started with different numbers of ranks.
    #[error(
        "rank {rank} was started with WORLD_SIZE={own}, rank 0 with WORLD_SIZE={first}; start all ranks with the same"
    )]
    WorldSize {
        /// This rank.
        rank: usize,
        /// Its number of ranks.
        own: usize,
        /// Rank 0's number of ranks, as rank 0 wrote it.
        first: String,
    },
    /// Two processes have the same rank.
    #[error("two processes came to {address} as rank {rank}; give each its own RANK, or each run its own MASTER_PORT")]
    Taken {
        /// The rank.
        rank: usize,
        /// `MASTER_ADDR:MASTER_PORT`.
        address: String,
    },
    /// A rank cannot open a connection to another one.
    #[error("rank {rank} has no connection to rank {peer} at {address} ({reason}); ranks need free ports between them")]
    Connection {
        /// This rank.
        rank: usize,
        /// The other one.
        peer: usize,
        /// Where the other one listens.
        address: String,
        /// The operating system's message.
        reason: String,
    },
    /// A rank ended or fell silent without saying why.
    #[error("rank {rank} was lost ({sign}): all ranks stop, and the same command resumes the run")]
    Lost {
        /// The rank.
        rank: usize,
        /// By what it was noticed.
        sign: String,
    },
    /// A rank reported a failure.
    #[error(
        "rank {rank} failed: {message}; all ranks stop, and once that is remedied the same command resumes the run"
    )]
    Failed {
        /// The rank.
        rank: usize,
        /// Its words.
        message: String,
    },
    /// Two ranks do different things, so their sums would be meaningless.
    #[error(
        "rank {rank} expects {expected}, but rank {peer} sent {sent}: start all ranks with the same program and command"
    )]
    Different {
        /// This rank.
        rank: usize,
        /// The other one.
        peer: usize,
        /// `exchange 12: a sum of 400 bytes`.
        expected: String,
        /// The same of the other rank.
        sent: String,
    },
    /// A tensor that cannot be sent.
    #[error("ranks exchange contiguous tensors of f32, f64 or i64 on the CPU, not {tensor}; {remedy}")]
    Tensor {
        /// What was given.
        tensor: String,
        /// What to do.
        remedy: &'static str,
    },
    /// libtorch refused, in its words.
    #[error("libtorch: {0}")]
    Libtorch(String),
}
