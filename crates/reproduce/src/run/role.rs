//! What a run takes from another run.

/// What a run takes from another one that is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The network that a second stage retrains or adjusts.
    FirstStage,
    /// The network that it begins with.
    Initial,
    /// The network whose answers it learns.
    Teacher,
}

impl Role {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::FirstStage => "first stage",
            Role::Initial => "initial network",
            Role::Teacher => "teacher",
        }
    }

    /// Option of a worker that names the directory.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Role::FirstStage => "--first-stage",
            Role::Initial => "--initial",
            Role::Teacher => "--teacher",
        }
    }
}
