//! The exit codes of the program.

use std::process::ExitCode;

use methods::TrainError;
use torch_shim::GraphError;

use crate::run::directory::RunDirError;

/// How the program ended. Scripts and the parent of a worker read the number, so it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for is finished.
    Finished = 0,
    /// At least one run failed; each is listed with its reason.
    Failed = 1,
    /// Nothing was started: the arguments, the grid or the data must be corrected.
    Refused = 2,
    /// A worker found the lock of its run taken: two programs started the run at the same moment.
    Held = 3,
    /// A worker could not record its steps as a CUDA graph: the device may have run out of memory.
    GraphFailed = 4,
}

impl Exit {
    /// The exit code of a program that stops with `error`.
    pub(crate) fn of(error: &anyhow::Error) -> Exit {
        if let Some(RunDirError::Held { .. }) = error.downcast_ref() {
            Exit::Held
        } else if error.is::<GraphError>() || matches!(error.downcast_ref(), Some(TrainError::Graph(_))) {
            Exit::GraphFailed
        } else {
            Exit::Refused
        }
    }

    /// The exit status of the process.
    pub(crate) fn code(self) -> i32 {
        self as i32
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
