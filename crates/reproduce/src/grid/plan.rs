//! The runs that a grid describes, and those they depend on.

use std::collections::{BTreeSet, HashMap};
use std::ops::Index;
use std::path::{Path, PathBuf};

use methods::Method;

use crate::run::{Role, Run, RunId};

/// Runs, each once and after the runs it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    runs: Vec<Planned>,
    /// Index of each run in `runs`.
    places: HashMap<RunId, usize>,
    /// The file whose weights all its networks begin with, from `--init`.
    init: Option<PathBuf>,
    /// Indices in `runs` of the runs that the grid lists, in its order: method, then its plug-in twin × imbalance × seed.
    asked: Vec<usize>,
}

/// A run, and the runs it needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// Id of `run`.
    pub(crate) id: RunId,
    /// The run.
    pub(crate) run: Run,
    /// The runs that must be finished before: the first stage of a second one, else the initial network and the teacher.
    pub(crate) needs: Vec<(Role, RunId)>,
    /// The epochs that another run of the plan trains for it.
    pub(crate) beginning: Option<Beginning>,
    /// Epochs before which its checkpoint is kept, because other runs begin with it.
    pub(crate) keeps: BTreeSet<i64>,
}

/// The first epochs of a run, which another one trains with the same bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The run that trains them.
    pub(crate) run: RunId,
    /// How many they are.
    pub(crate) epochs: i64,
}

impl Planned {
    /// The run it needs in the `role`.
    #[cfg(test)]
    pub(crate) fn needed(&self, role: Role) -> Option<&RunId> {
        let found = self.needs.iter().find(|(other, _)| *other == role);
        found.map(|(_, id)| id)
    }
}

/// A method without its deferred parts, and the places of the runs that are like it before they start.
type Alike = (Method, Vec<usize>);

impl Plan {
    /// Adds a run, unless the plan has it, and returns its id. The plan has the runs it needs.
    pub(super) fn add(&mut self, run: Run, needs: Vec<(Role, RunId)>) -> RunId {
        let id = run.id();
        if !self.places.contains_key(&id) {
            self.places.insert(id.clone(), self.runs.len());
            self.runs.push(Planned {
                id: id.clone(),
                run,
                needs,
                beginning: None,
                keeps: BTreeSet::new(),
            });
        }
        id
    }

    /// Lets each run begin with the epochs that an earlier run of the plan trains alike, as many as there are.
    pub(super) fn share_beginnings(&mut self) {
        // Runs of a plan differ in imbalance, seed and method. Those that may share epochs have the same method but for deferred parts.
        let mut groups: HashMap<(String, i64), Vec<Alike>> = HashMap::new();
        for (place, Planned { run, .. }) in self.runs.iter().enumerate() {
            if run.method.second_stage.is_some() {
                continue; // it begins with its first stage
            }
            let undeferred = run.method.before(1);
            let of_seed = groups.entry((run.imbalance.to_string(), run.seed)).or_default();
            match of_seed.iter_mut().find(|(method, _)| *method == undeferred) {
                Some((_, places)) => places.push(place),
                None => of_seed.push((undeferred, vec![place])),
            }
        }
        for (_, places) in groups.into_values().flatten() {
            for (number, &place) in places.iter().enumerate() {
                let method = &self.runs[place].run.method;
                let like = |&earlier: &usize| (method.epochs_like(&self.runs[earlier].run.method), earlier);
                let longest = places[..number]
                    .iter()
                    .map(like)
                    .rev()
                    .max_by_key(|(epochs, _)| *epochs);
                if let Some((epochs, earlier)) = longest.filter(|(epochs, _)| *epochs > 0) {
                    let run = self.runs[earlier].id.clone();
                    self.runs[earlier].keeps.insert(epochs);
                    self.runs[place].beginning = Some(Beginning { run, epochs });
                }
            }
        }
    }

    /// Marks the run `id`, which the plan has, as listed by the grid.
    pub(super) fn ask(&mut self, id: &RunId) {
        self.asked.push(self.places[id]);
    }

    /// States the file whose weights all its networks begin with.
    pub(super) fn begin_with(&mut self, init: Option<PathBuf>) {
        self.init = init;
    }

    /// That file.
    pub(crate) fn init(&self) -> Option<&Path> {
        self.init.as_deref()
    }

    /// All runs, each after the runs it needs.
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
