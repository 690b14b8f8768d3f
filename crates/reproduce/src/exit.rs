//! The exit codes of the program.

use std::process::ExitCode;

use methods::TrainError;
use torch_shim::GraphError;

use crate::run::directory::RunDirError;

/// How the program ended. Scripts and the parent of a worker read its number, so a number keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for is finished.
    Finished = 0,
    /// Some run failed; it is listed with its reason.
    Failed = 1,
    /// Nothing was started: the arguments, the grid or the data need attention.
    Refused = 2,
    /// A worker found its run's lock taken: two programs asked for it in the same moment.
    Held = 3,
    /// A worker's steps did not become a CUDA graph: the device's memory may have run out.
    GraphFailed = 4,
}

impl Exit {
    /// How a program ends that stops at `error`.
    pub(crate) fn of(error: &anyhow::Error) -> Exit {
        if let Some(RunDirError::Held { .. }) = error.downcast_ref() {
            Exit::Held
        } else if error.is::<GraphError>() || matches!(error.downcast_ref(), Some(TrainError::Graph(_))) {
            Exit::GraphFailed
        } else {
            Exit::Refused
        }
    }

    /// The number that the system passes on.
    pub(crate) fn code(self) -> i32 {
        self as i32
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
