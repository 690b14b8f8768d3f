//! The processes that train one run together on this machine: the first one starts the others, measures, and writes the run's files.

use std::net::{Ipv4Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use methods::DataParallel;
use torch_shim::ranks::{RankSettings, Ranks};

use crate::openmp;
use crate::worker::job::{Job, Place};

/// How long the processes wait for each other at the start, which is loading libtorch.
const PATIENCE: Duration = Duration::from_secs(120);

/// This process and those that train with it.
pub(crate) struct Team {
    pub(crate) parallel: DataParallel,
    /// Those that this process has started.
    others: Vec<Child>,
}

impl Team {
    /// Starts the other processes of the run, or joins those that have started this one; `None` if there are no others.
    ///
    /// # Errors
    /// If a process cannot be started, or they do not find each other.
    pub(crate) fn gather(job: &Job) -> anyhow::Result<Option<Team>> {
        let processes = job.settings.processes;
        if processes == 1 {
            return Ok(None);
        }
        let (place, others) = if let Some(place) = job.place {
            (place, Vec::new())
        } else {
            let port = free_port().context("there is no free port on this machine")?;
            let others: std::io::Result<_> = (1..processes).map(|rank| start(Place { rank, port })).collect();
            let others: Vec<Child> = others.context("cannot start the other processes of the run")?;
            (Place { rank: 0, port }, others)
        };
        let ranks = Ranks::connect(&RankSettings {
            address: Ipv4Addr::LOCALHOST.to_string(),
            port: place.port,
            rank: place.rank.into(),
            world_size: processes.into(),
            local_rank: None,
            timeout: PATIENCE,
            restarts_of_torchrun: None,
        })?;
        Ok(Some(Team {
            parallel: DataParallel::new(ranks),
            others,
        }))
    }

    /// Trains with the others. What ends one of them ends all, each with the reason in its error.
    ///
    /// # Errors
    /// That of `train`, or the loss of another process.
    pub(crate) fn train<T>(&self, train: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        // libtorch's backward pass can only panic.
        let trained = catch_unwind(AssertUnwindSafe(train)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            Err(anyhow!("{}", said.unwrap_or("a process of the run panicked")))
        });
        if let Err(error) = &trained {
            self.parallel.report_failure(&format!("{error:#}"));
        }
        trained
    }

    /// Ends with the others, all of them having trained to the end.
    pub(crate) fn part(self) {
        let Team { parallel, others } = self;
        parallel.part();
        for mut other in others {
            drop(other.wait()); // how it ended is in the log, and the run has what it trained
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A process with the arguments of this one, in another place.
fn start(place: Place) -> std::io::Result<Child> {
    let mut other = Command::new(std::env::current_exe()?);
    other.args(std::env::args_os().skip(1));
    other.args(["--rank", &place.rank.to_string(), "--port", &place.port.to_string()]);
    openmp::let_threads_sleep(&mut other);
    other.stdin(Stdio::null()).stdout(Stdio::null()).spawn() // its errors go to the log of the run, as this process's do
}
