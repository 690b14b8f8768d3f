//! Schedule: a queue of runs over slots, one child process each. A failed run never stops the others.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex};

use crate::grid::Planned;
use crate::run::Run;

/// One thing to train, and what must be finished before.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// What is trained.
    pub(crate) run: Run,
    /// The run whose network it starts from.
    pub(crate) first_stage: Option<Run>,
}

/// Why a run is not finished, for people to read.
pub(crate) type Failure = (String, String);

/// Starts a run's process on a slot and waits for it. The physical boundary: tests put a fake one here.
pub(crate) trait Launcher: Sync {
    /// # Errors
    /// The reason why the run did not finish.
    fn launch(&self, task: &Task, slot: usize) -> Result<(), String>;
}

/// Everything that must be trained for `planned`, each run once, first stages before what needs them.
pub(crate) fn tasks(planned: &[Planned]) -> Vec<Task> {
    let mut seen = HashSet::new();
    let mut tasks = Vec::new();
    let mut add = |run: &Run, first_stage: Option<&Run>| {
        if seen.insert(run.id()) {
            tasks.push(Task {
                run: run.clone(),
                first_stage: first_stage.cloned(),
            });
        }
    };
    for Planned { run, first_stage } in planned {
        if let Some(first_stage) = first_stage {
            add(first_stage, None);
        }
        add(run, first_stage.as_ref());
    }
    tasks
}

/// The queue: what waits, what runs, what is over.
struct Queue {
    waiting: Vec<Task>,
    running: HashSet<String>,
    failures: Vec<Failure>,
}

impl Queue {
    /// The next task whose first stage is neither waiting nor running.
    fn next(&mut self) -> Option<Task> {
        let waiting: HashSet<String> = self.waiting.iter().map(|task| task.run.id()).collect();
        let ready = self.waiting.iter().position(|task| {
            let first_stage = task.first_stage.as_ref().map(Run::id);
            first_stage
                .is_none_or(|first_stage| !waiting.contains(&first_stage) && !self.running.contains(&first_stage))
        })?;
        let task = self.waiting.remove(ready);
        self.running.insert(task.run.id());
        Some(task)
    }

    /// Why a task that is ready cannot run: its first stage failed.
    fn blocked(&self, task: &Task) -> Option<String> {
        let first_stage = task.first_stage.as_ref()?.id();
        let failed = self.failures.iter().any(|(run, _)| *run == first_stage);
        failed.then(|| format!("its first stage {first_stage} failed"))
    }
}

/// Runs `tasks` over `slots` slots, longest first, and returns the failures.
pub(crate) fn schedule(mut tasks: Vec<Task>, slots: usize, launcher: &dyn Launcher) -> Vec<Failure> {
    tasks.sort_by_key(|task| std::cmp::Reverse((task.run.epochs(), images(&task.run)))); // stable: grid order otherwise
    let queue = Mutex::new(Queue {
        waiting: tasks,
        running: HashSet::new(),
        failures: Vec::new(),
    });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for slot in 0..slots {
            let (queue, changed) = (&queue, &changed);
            scope.spawn(move || work_off(queue, changed, slot, launcher));
        }
    });
    queue.into_inner().expect("no slot panicked").failures
}

/// One slot: takes tasks until none waits.
fn work_off(queue: &Mutex<Queue>, changed: &Condvar, slot: usize, launcher: &dyn Launcher) {
    let mut state = queue.lock().expect("no slot panicked");
    while !state.waiting.is_empty() {
        let Some(task) = state.next() else {
            state = changed.wait(state).expect("no slot panicked"); // its first stage is still running
            continue;
        };
        let blocked = state.blocked(&task);
        drop(state);
        let result = blocked.map_or_else(|| launcher.launch(&task, slot), Err);
        state = queue.lock().expect("no slot panicked");
        state.running.remove(&task.run.id());
        state
            .failures
            .extend(result.err().map(|reason| (task.run.id(), reason)));
        changed.notify_all();
    }
}

/// A run's cost next to another's of the same length: milder imbalance means more images.
fn images(run: &Run) -> i64 {
    (1e6 / run.imbalance.ratio()) as i64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grid::{Grid, Options};

    /// Records what was launched; fails runs of the method `broken`.
    struct Recorder {
        launched: Mutex<Vec<String>>,
        broken: &'static str,
    }

    impl Launcher for Recorder {
        fn launch(&self, task: &Task, _slot: usize) -> Result<(), String> {
            self.launched.lock().expect("no panic").push(task.run.name.clone());
            if task.run.name == self.broken {
                Err("as asked".into())
            } else {
                Ok(())
            }
        }
    }

    fn planned() -> Vec<Planned> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/shapes-lt.toml");
        Grid::load(&path)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("the grid is valid")
    }

    #[test]
    fn a_first_stage_is_trained_once_and_before_what_needs_it() {
        let recorder = Recorder {
            launched: Mutex::default(),
            broken: "",
        };
        assert_eq!(schedule(tasks(&planned()), 3, &recorder), []);
        let launched = recorder.launched.into_inner().expect("no panic");
        assert_eq!(launched.len(), 5, "{launched:?}");
        let position = |name: &str| launched.iter().position(|launched| launched == name).expect(name);
        assert!(position("ce") < position("ce-crt"));
        assert!(position("nc-drw") < position("nc-drw-crt"));
    }

    #[test]
    fn a_failed_run_fails_what_starts_from_it_and_nothing_else() {
        let recorder = Recorder {
            launched: Mutex::default(),
            broken: "nc-drw",
        };
        let failures = schedule(tasks(&planned()), 2, &recorder);
        let failed: Vec<&str> = failures.iter().filter_map(|(run, _)| run.split('.').next()).collect();
        assert_eq!(failed, ["nc-drw", "nc-drw-crt"]);
        assert!(failures[1].1.contains("its first stage nc-drw."));
        assert_eq!(recorder.launched.into_inner().expect("no panic").len(), 4);
    }
}
