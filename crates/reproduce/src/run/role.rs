//! What a run takes from another run.
//!
//! A run that only another one needs has a name of its own, such as `ce-crt~stage1`; methods of a grid have no `~` in their names.

/// What a run takes from another one that is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The network that a second stage retrains or adjusts.
    FirstStage,
    /// The network that it begins with.
    Initial,
    /// The network whose outputs it learns to match.
    Teacher,
}

impl Role {
    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::FirstStage => "first stage",
            Role::Initial => "initial network",
            Role::Teacher => "teacher",
        }
    }

    /// Name of a run that the grid does not list and that the run of `method` needs as its role.
    ///
    /// # Panics
    /// For a teacher, which the grid lists.
    pub(crate) fn name_for(self, method: &str) -> String {
        let ending = self.ending().expect("a teacher is a method of the grid");
        format!("{method}{ending}")
    }

    /// The method that the run called `name` is trained for, and as what; `None` if the grid lists `name`.
    pub(crate) fn of_name(name: &str) -> Option<(Role, &str)> {
        [Role::FirstStage, Role::Initial]
            .into_iter()
            .find_map(|role| Some((role, name.strip_suffix(role.ending()?)?)))
    }

    /// How the names of runs end that only have this role.
    fn ending(self) -> Option<&'static str> {
        match self {
            Role::FirstStage => Some("~stage1"),
            Role::Initial => Some("~rotation"),
            Role::Teacher => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_only_another_one_needs_is_named_after_it() {
        for (role, name) in [(Role::FirstStage, "ce-crt~stage1"), (Role::Initial, "ce-crt~rotation")] {
            assert_eq!(role.name_for("ce-crt"), name);
            assert_eq!(Role::of_name(name), Some((role, "ce-crt")));
        }
        assert_eq!(Role::of_name("ce-crt"), None);
    }
}
