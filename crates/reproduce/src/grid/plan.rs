//! The runs that a grid stands for, and those they depend on.

use std::collections::HashMap;
use std::ops::Index;

use crate::run::{Role, Run, RunId};

/// Runs, each once and after those that it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    runs: Vec<Planned>,
    /// Where a run is in `runs`.
    places: HashMap<RunId, usize>,
    /// Those that the grid lists, in its order, as places in `runs`: method, then its plug-in twin × imbalance × seed.
    asked: Vec<usize>,
}

/// A run, and those that it needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// Of `run`.
    pub(crate) id: RunId,
    /// What is trained.
    pub(crate) run: Run,
    /// What must be finished before: of a second stage the first one, else what it begins with and who teaches it.
    pub(crate) needs: Vec<(Role, RunId)>,
}

impl Planned {
    /// The run that it needs as its `role`.
    #[cfg(test)]
    pub(crate) fn needed(&self, role: Role) -> Option<&RunId> {
        let found = self.needs.iter().find(|(other, _)| *other == role);
        found.map(|(_, id)| id)
    }
}

impl Plan {
    /// Adds a run whose needs are there, unless it is there itself, and returns its id.
    pub(super) fn add(&mut self, run: Run, needs: Vec<(Role, RunId)>) -> RunId {
        let id = run.id();
        if !self.places.contains_key(&id) {
            self.places.insert(id.clone(), self.runs.len());
            self.runs.push(Planned {
                id: id.clone(),
                run,
                needs,
            });
        }
        id
    }

    /// Says that the grid lists the run `id`, which is there.
    pub(super) fn ask(&mut self, id: &RunId) {
        self.asked.push(self.places[id]);
    }

    /// All runs, each after those that it needs.
    pub(crate) fn all(&self) -> &[Planned] {
        &self.runs
    }

    /// The runs that the grid lists, in its order.
    pub(crate) fn asked(&self) -> impl ExactSizeIterator<Item = &Planned> + Clone {
        self.asked.iter().map(|&place| &self.runs[place])
    }

    /// The first run that the grid lists, which has at least one.
    pub(crate) fn first(&self) -> &Run {
        &self[0].run
    }
}

/// A run by its id, which must be that of one in the plan.
impl Index<&RunId> for Plan {
    type Output = Run;

    fn index(&self, id: &RunId) -> &Run {
        &self.runs[self.places[id]].run
    }
}

/// A run by its number in the grid's list.
impl Index<usize> for Plan {
    type Output = Planned;

    fn index(&self, number: usize) -> &Planned {
        &self.runs[self.asked[number]]
    }
}
