//! Schedule: a queue of runs over slots, one child process each. A failed run never stops the others.
//!
//! Several programs may work on one grid, on machines that share its folder: a run is claimed by its directory's lock, and
//! a run that somebody else trains comes back to the queue until it is finished or free.

pub(crate) mod device;
pub(crate) mod preflight;
pub(crate) mod process;
pub(crate) mod slots;
pub(crate) mod view;

use std::collections::HashSet;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::grid::Planned;
use crate::run::Role;
use crate::run::Run;

/// One thing to train, and what must be finished before.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// What is trained.
    pub(crate) run: Run,
    /// The runs that must be finished before, and what for.
    pub(crate) needs: Vec<(Role, Run)>,
}

impl Task {
    /// Whether it needs the run in directory `id`.
    fn needs(&self, id: &str) -> bool {
        self.needs.iter().any(|(_, run)| run.id() == id)
    }
}

/// Why a run is not finished, for people to read.
pub(crate) type Failure = (String, String);

/// How a run's process ended without finishing it.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an error for people: the same again would end the same.
    Refused(String),
    /// Killed or panicked, as when memory runs out: with fewer neighbours it may go well.
    Crashed(String),
    /// Somebody else trains it.
    Elsewhere,
}

/// Starts a run's process on a slot and waits for it. The physical boundary: tests put a fake one here.
pub(crate) trait Launcher: Sync {
    /// # Errors
    /// If the run did not finish here.
    fn launch(&self, task: &Task, slot: usize) -> Result<(), Ended>;
}

/// How long a slot rests before it asks again for a run that somebody else trains.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything that must be trained for `planned`, each run once, after those that it needs.
pub(crate) fn tasks(planned: &[Planned]) -> Vec<Task> {
    let mut seen = HashSet::new();
    let mut tasks = Vec::new();
    for Planned { run, needs } in planned.iter().flat_map(Planned::in_order) {
        if seen.insert(run.id()) {
            tasks.push(Task {
                run: run.clone(),
                needs: needs.iter().map(|(role, needed)| (*role, needed.run.clone())).collect(),
            });
        }
    }
    tasks
}

/// The queue: what waits, what runs, what is over.
struct Queue {
    waiting: Vec<Task>,
    running: HashSet<String>,
    failures: Vec<Failure>,
    /// Runs that crashed once.
    crashed: HashSet<String>,
    /// Slots that have not closed.
    open_slots: usize,
    /// Runs that somebody else trains are dropped, not waited for.
    leave_others: bool,
}

impl Queue {
    /// The next task that needs none of those that wait or run.
    fn next(&mut self) -> Option<Task> {
        let waiting: HashSet<String> = self.waiting.iter().map(|task| task.run.id()).collect();
        let ready = self.waiting.iter().position(|task| {
            let mut needed = task.needs.iter().map(|(_, run)| run.id());
            needed.all(|needed| !waiting.contains(&needed) && !self.running.contains(&needed))
        })?;
        let task = self.waiting.remove(ready);
        self.running.insert(task.run.id());
        Some(task)
    }

    /// Why a task that is ready cannot run: one that it needs failed.
    fn blocked(&self, task: &Task) -> Option<String> {
        task.needs.iter().find_map(|(role, needed)| {
            let needed = needed.id();
            let failed = self.failures.iter().any(|(run, _)| *run == needed);
            failed.then(|| format!("its {} {needed} failed", role.name()))
        })
    }

    /// Files how a task ended. A run that crashed gets one more try; true: the slot is to close, so that its neighbours have
    /// more memory by then.
    fn settle(&mut self, task: Task, ended: Result<(), Ended>) -> bool {
        let run = task.run.id();
        self.running.remove(&run);
        match ended {
            Ok(()) => false,
            Err(Ended::Elsewhere) if self.leave_others => {
                // Whoever trains it goes on with what needs it, and with what needs that.
                let mut left = vec![run];
                while let Some(run) = left.pop() {
                    self.waiting.retain(|waiting| {
                        let needs_it = waiting.needs(&run);
                        left.extend(needs_it.then(|| waiting.run.id()));
                        !needs_it
                    });
                }
                false
            }
            Err(Ended::Elsewhere) => {
                self.waiting.push(task);
                false
            }
            Err(Ended::Crashed(_)) if self.crashed.insert(run.clone()) => {
                self.waiting.insert(0, task);
                self.open_slots > 1
            }
            Err(Ended::Crashed(reason)) => {
                self.failures.push((run, format!("crashed twice: {reason}")));
                false
            }
            Err(Ended::Refused(reason)) => {
                self.failures.push((run, reason));
                false
            }
        }
    }
}

/// Runs `tasks` over `slots` slots, longest first, and returns the failures. Runs that somebody else trains are waited for,
/// or left to them.
pub(crate) fn schedule(
    mut tasks: Vec<Task>,
    slots: usize,
    leave_others: bool,
    launcher: &dyn Launcher,
) -> Vec<Failure> {
    tasks.sort_by_cached_key(|task| std::cmp::Reverse((task.run.epochs(), images(&task.run)))); // stable: grid order otherwise
    let queue = Mutex::new(Queue {
        waiting: tasks,
        running: HashSet::new(),
        failures: Vec::new(),
        crashed: HashSet::new(),
        open_slots: slots,
        leave_others,
    });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for slot in 0..slots {
            let (queue, changed) = (&queue, &changed);
            scope.spawn(move || work_off(queue, changed, slot, leave_others, launcher));
        }
    });
    queue.into_inner().expect("no slot panicked").failures
}

/// One slot: takes tasks until none waits.
fn work_off(queue: &Mutex<Queue>, changed: &Condvar, slot: usize, leave_others: bool, launcher: &dyn Launcher) {
    let mut state = queue.lock().expect("no slot panicked");
    while !state.waiting.is_empty() {
        let Some(task) = state.next() else {
            state = changed.wait(state).expect("no slot panicked"); // what the others need is still running
            continue;
        };
        let blocked = state.blocked(&task);
        drop(state);
        let ended = blocked.map_or_else(|| launcher.launch(&task, slot), |reason| Err(Ended::Refused(reason)));
        if matches!(ended, Err(Ended::Elsewhere)) && !leave_others {
            std::thread::sleep(PATIENCE);
        }
        state = queue.lock().expect("no slot panicked");
        let close = state.settle(task, ended);
        changed.notify_all();
        if close {
            break;
        }
    }
    state.open_slots -= 1;
}

/// A run's cost next to another's of the same length: its training images.
fn images(run: &Run) -> i64 {
    run.class_counts().map_or(0, |class_counts| class_counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::grid::{Grid, Options};

    /// Records what was launched; ends the tries of the method `broken` with `endings`, and once those are used up well.
    struct Recorder {
        launched: Mutex<Vec<String>>,
        broken: &'static str,
        endings: Mutex<Vec<Ended>>,
    }

    impl Recorder {
        fn new(broken: &'static str, endings: Vec<Ended>) -> Recorder {
            Recorder {
                launched: Mutex::default(),
                broken,
                endings: Mutex::new(endings),
            }
        }

        fn launched(self) -> Vec<String> {
            self.launched.into_inner().expect("no panic")
        }
    }

    impl Launcher for Recorder {
        fn launch(&self, task: &Task, _slot: usize) -> Result<(), Ended> {
            self.launched.lock().expect("no panic").push(task.run.name.clone());
            let ending = (task.run.name == self.broken).then(|| self.endings.lock().expect("no panic").pop());
            ending.flatten().map_or(Ok(()), Err)
        }
    }

    fn crash() -> Ended {
        Ended::Crashed("killed".into())
    }

    fn planned() -> Vec<Planned> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/shapes-lt.toml");
        Grid::load(&path)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("the grid is valid")
    }

    #[test]
    fn a_first_stage_is_trained_once_and_before_what_needs_it() {
        let recorder = Recorder::new("", Vec::new());
        assert_eq!(schedule(tasks(&planned()), 3, false, &recorder), []);
        let launched = recorder.launched();
        assert_eq!(launched.len(), 5, "{launched:?}");
        let position = |name: &str| launched.iter().position(|launched| launched == name).expect(name);
        assert!(position("ce") < position("ce-crt"));
        assert!(position("nc-drw") < position("nc-drw-crt"));
    }

    #[test]
    fn a_failed_run_fails_what_starts_from_it_and_nothing_else() {
        let recorder = Recorder::new("nc-drw", vec![Ended::Refused("as asked".into())]);
        let failures = schedule(tasks(&planned()), 2, false, &recorder);
        let failed: Vec<&str> = failures.iter().filter_map(|(run, _)| run.split('.').next()).collect();
        assert_eq!(failed, ["nc-drw", "nc-drw-crt"]);
        assert!(failures[1].1.contains("its first stage nc-drw."));
        assert_eq!(recorder.launched().len(), 4);
    }

    #[test]
    fn a_crashed_run_is_tried_once_more() {
        for slots in [1, 2, 3] {
            let recorder = Recorder::new("ce-drw", vec![crash()]);
            assert_eq!(schedule(tasks(&planned()), slots, false, &recorder), []);
            assert_eq!(recorder.launched().len(), 6, "five runs, one of them twice");
            let recorder = Recorder::new("ce-drw", vec![crash(), crash(), crash()]);
            let failures = schedule(tasks(&planned()), slots, false, &recorder);
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].1, "crashed twice: killed");
            assert_eq!(recorder.launched().len(), 6);
        }
    }

    #[test]
    fn the_slot_of_a_crashed_run_closes_unless_it_is_the_last() {
        let mut tasks = tasks(&planned());
        let mut queue = Queue {
            waiting: Vec::new(),
            running: HashSet::new(),
            failures: Vec::new(),
            crashed: HashSet::new(),
            open_slots: 2,
            leave_others: false,
        };
        assert!(queue.settle(tasks.remove(0), Err(crash())));
        queue.open_slots = 1;
        assert!(!queue.settle(tasks.remove(0), Err(crash())));
        assert_eq!(queue.waiting.len(), 2);
    }

    #[test]
    fn a_run_that_somebody_else_trains_is_asked_for_until_it_is_finished() {
        let recorder = Recorder::new("nc-drw", vec![Ended::Elsewhere]);
        assert_eq!(schedule(tasks(&planned()), 2, false, &recorder), []);
        let launched = recorder.launched();
        assert_eq!(launched.len(), 6);
        assert_eq!(
            launched.last().map(String::as_str),
            Some("nc-drw-crt"),
            "its first stage comes before it"
        );
    }

    #[test]
    fn a_run_left_to_others_takes_along_what_starts_from_it() {
        let recorder = Recorder::new("nc-drw", vec![Ended::Elsewhere]);
        assert_eq!(schedule(tasks(&planned()), 2, true, &recorder), []);
        let launched = recorder.launched();
        assert_eq!(launched.len(), 4, "{launched:?}");
        assert!(!launched.iter().any(|name| name == "nc-drw-crt"));
    }

    #[test]
    fn what_fails_or_is_left_takes_along_what_needs_it_at_any_distance() {
        let text = "dataset = \"shapes\"\nimbalance = [{ step = { ratio = 10 } }]\nseeds = [0]\n\
                    [[method]]\nname = \"ce\"\n\
                    [[method]]\nname = \"student\"\n[method.uses]\n\
                    distillation = { teacher = \"ce\", temperature = 3, weight = 0.5, power = 1 }\n\
                    [[method]]\nname = \"pupil\"\n[method.uses]\ninitial = { method = \"student\" }\n";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("small.toml");
        std::fs::write(&path, text).expect("a small file");
        let planned = Grid::load(&path)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("a sound grid");
        let recorder = Recorder::new("ce", vec![Ended::Refused("as asked".into())]);
        let failures = schedule(tasks(&planned), 2, false, &recorder);
        assert_eq!(recorder.launched(), ["ce"]);
        assert!(failures[1].1.starts_with("its teacher ce.step10."), "{failures:?}");
        assert!(
            failures[2].1.starts_with("its initial network student.step10."),
            "{failures:?}"
        );
        let recorder = Recorder::new("ce", vec![Ended::Elsewhere]);
        assert_eq!(schedule(tasks(&planned), 2, true, &recorder), []);
        assert_eq!(recorder.launched(), ["ce"]);
    }
}
