//! Scheduling: a queue of runs over slots, one child process per run. A failed run never stops the others.
//!
//! Several programs may work on one grid, on machines that share its folder: the lock of its directory claims a run, and a run that
//! another process trains returns to the queue until it is finished or free.

pub(crate) mod device;
pub(crate) mod preflight;
pub(crate) mod process;
pub(crate) mod slots;
pub(crate) mod view;

use std::collections::HashSet;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::grid::{Beginning, Planned};
use crate::run::{Run, RunId};

/// Why a run is not finished, for people to read.
pub(crate) type Failure = (RunId, String);

/// How a run's process ended without finishing it.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an error: another try would end in the same way.
    Refused(String),
    /// Killed or panicked, as when memory runs out: with fewer runs beside it, another try may succeed.
    Crashed(String),
    /// Another process trains it.
    Elsewhere,
}

/// Starts the process of a run on a slot and waits for it. Tests replace it.
pub(crate) trait Launcher: Sync {
    /// # Errors
    /// If the run did not finish here.
    fn launch(&self, planned: &Planned, slot: usize) -> Result<(), Ended>;

    /// Whether the run that trains `beginning` has got so far.
    fn has_trained(&self, beginning: &Beginning) -> bool;
}

/// Pause of a slot before it looks again whether a run has trained the beginning of another.
const LOOK: Duration = Duration::from_secs(1);

/// Pause of a slot before it tries again to start a run that another process trains.
const PATIENCE: Duration = Duration::from_secs(2);

/// The queue: runs that wait, that are being trained, and that have ended.
struct Queue {
    waiting: Vec<Planned>,
    running: HashSet<RunId>,
    failures: Vec<Failure>,
    /// Runs that crashed once.
    crashed: HashSet<RunId>,
    /// Number of slots that are open.
    open_slots: usize,
    /// Whether runs that another process trains are dropped instead of waited for.
    leave_others: bool,
}

impl Queue {
    /// The next run that needs no run that waits or is being trained, and whose beginning has been trained.
    fn next(&mut self, launcher: &dyn Launcher) -> Option<Planned> {
        let waiting: HashSet<&RunId> = self.waiting.iter().map(|planned| &planned.id).collect();
        let has_ended = |id: &RunId| !waiting.contains(id) && !self.running.contains(id);
        let ready = self.waiting.iter().position(|planned| {
            let begins = |beginning: &Beginning| has_ended(&beginning.run) || launcher.has_trained(beginning);
            planned.needs.iter().all(|(_, id)| has_ended(id)) && planned.beginning.as_ref().is_none_or(begins)
        })?;
        let planned = self.waiting.remove(ready);
        self.running.insert(planned.id.clone());
        Some(planned)
    }

    /// The reason why a run cannot be trained, if a run it needs failed.
    fn blocked(&self, planned: &Planned) -> Option<String> {
        planned.needs.iter().find_map(|(role, needed)| {
            let failed = self.failures.iter().any(|(id, _)| id == needed);
            failed.then(|| format!("its {} {needed} failed", role.name()))
        })
    }

    /// Records how a run ended. A run that crashed is tried once more. Returns whether the slot must close, so that the other runs have more
    /// memory by then.
    fn settle(&mut self, planned: Planned, ended: Result<(), Ended>) -> bool {
        let id = planned.id.clone();
        self.running.remove(&id);
        match ended {
            Ok(()) => false,
            Err(Ended::Elsewhere) if self.leave_others => {
                // The process that trains it also trains the runs that need it, directly or through others.
                let mut left = vec![id];
                while let Some(id) = left.pop() {
                    self.waiting.retain(|waiting| {
                        let begins_with_it = waiting.beginning.as_ref().is_some_and(|beginning| beginning.run == id);
                        let needs_it = begins_with_it || waiting.needs.iter().any(|(_, needed)| *needed == id);
                        left.extend(needs_it.then(|| waiting.id.clone()));
                        !needs_it
                    });
                }
                false
            }
            Err(Ended::Elsewhere) => {
                self.waiting.push(planned);
                false
            }
            Err(Ended::Crashed(_)) if self.crashed.insert(id.clone()) => {
                self.waiting.insert(0, planned);
                self.open_slots > 1
            }
            Err(Ended::Crashed(reason)) => {
                self.failures.push((id, format!("crashed twice: {reason}")));
                false
            }
            Err(Ended::Refused(reason)) => {
                self.failures.push((id, reason));
                false
            }
        }
    }
}

/// Trains `runs` over `slots` slots, longest first, and returns the failures. Runs that another process trains are waited for, or left to
/// it.
pub(crate) fn schedule(
    mut runs: Vec<Planned>,
    slots: usize,
    leave_others: bool,
    launcher: &dyn Launcher,
) -> Vec<Failure> {
    runs.sort_by_cached_key(|planned| std::cmp::Reverse((planned.run.epochs(), images(&planned.run)))); // stable: grid order otherwise
    let queue = Mutex::new(Queue {
        waiting: runs,
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

/// One slot: takes runs until none waits.
fn work_off(queue: &Mutex<Queue>, changed: &Condvar, slot: usize, leave_others: bool, launcher: &dyn Launcher) {
    let mut state = queue.lock().expect("no slot panicked");
    while !state.waiting.is_empty() {
        let Some(planned) = state.next(launcher) else {
            // The waiting runs need one that is being trained, or a part of it.
            (state, _) = changed.wait_timeout(state, LOOK).expect("no slot panicked");
            continue;
        };
        let blocked = state.blocked(&planned);
        drop(state);
        let ended = blocked.map_or_else(|| launcher.launch(&planned, slot), |reason| Err(Ended::Refused(reason)));
        if matches!(ended, Err(Ended::Elsewhere)) && !leave_others {
            std::thread::sleep(PATIENCE);
        }
        state = queue.lock().expect("no slot panicked");
        let close = state.settle(planned, ended);
        changed.notify_all();
        if close {
            break;
        }
    }
    state.open_slots -= 1;
}

/// The relative cost of a run per epoch: its number of training images.
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
        fn launch(&self, planned: &Planned, _slot: usize) -> Result<(), Ended> {
            self.launched.lock().expect("no panic").push(planned.run.name.clone());
            let ending = (planned.run.name == self.broken).then(|| self.endings.lock().expect("no panic").pop());
            ending.flatten().map_or(Ok(()), Err)
        }

        fn has_trained(&self, _beginning: &Beginning) -> bool {
            false
        }
    }

    fn crash() -> Ended {
        Ended::Crashed("killed".into())
    }

    fn planned() -> Vec<Planned> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks/shapes-lt.toml");
        Grid::load(&path, None)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("the grid is valid")
            .all()
            .to_vec()
    }

    #[test]
    fn a_first_stage_is_trained_once_and_before_what_needs_it() {
        let recorder = Recorder::new("", Vec::new());
        assert_eq!(schedule(planned(), 3, false, &recorder), []);
        let launched = recorder.launched();
        assert_eq!(launched.len(), 5, "{launched:?}");
        let position = |name: &str| launched.iter().position(|launched| launched == name).expect(name);
        assert!(position("ce") < position("ce-crt"));
        assert!(position("nc-drw") < position("nc-drw-crt"));
    }

    #[test]
    fn a_failed_run_fails_what_starts_from_it_and_nothing_else() {
        let recorder = Recorder::new("nc-drw", vec![Ended::Refused("as asked".into())]);
        let failures = schedule(planned(), 2, false, &recorder);
        let failed: Vec<&str> = failures.iter().map(|(run, _)| run.method()).collect();
        assert_eq!(failed, ["nc-drw", "nc-drw-crt"]);
        assert!(failures[1].1.contains("its first stage nc-drw."));
        assert_eq!(recorder.launched().len(), 4);
    }

    #[test]
    fn a_crashed_run_is_tried_once_more() {
        for slots in [1, 2, 3] {
            let recorder = Recorder::new("ce-drw", vec![crash()]);
            assert_eq!(schedule(planned(), slots, false, &recorder), []);
            assert_eq!(recorder.launched().len(), 6, "five runs, one of them twice");
            let recorder = Recorder::new("ce-drw", vec![crash(), crash(), crash()]);
            let failures = schedule(planned(), slots, false, &recorder);
            assert_eq!(failures.len(), 1);
            assert_eq!(failures[0].1, "crashed twice: killed");
            assert_eq!(recorder.launched().len(), 6);
        }
    }

    #[test]
    fn the_slot_of_a_crashed_run_closes_unless_it_is_the_last() {
        let mut runs = planned();
        let mut queue = Queue {
            waiting: Vec::new(),
            running: HashSet::new(),
            failures: Vec::new(),
            crashed: HashSet::new(),
            open_slots: 2,
            leave_others: false,
        };
        assert!(queue.settle(runs.remove(0), Err(crash())));
        queue.open_slots = 1;
        assert!(!queue.settle(runs.remove(0), Err(crash())));
        assert_eq!(queue.waiting.len(), 2);
    }

    #[test]
    fn a_run_that_somebody_else_trains_is_asked_for_until_it_is_finished() {
        let recorder = Recorder::new("nc-drw", vec![Ended::Elsewhere]);
        assert_eq!(schedule(planned(), 2, false, &recorder), []);
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
        assert_eq!(schedule(planned(), 2, true, &recorder), []);
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
        let planned = Grid::load(&path, None)
            .and_then(|grid| grid.runs(&Options::default()))
            .expect("a sound grid");
        let recorder = Recorder::new("ce", vec![Ended::Refused("as asked".into())]);
        let failures = schedule(planned.all().to_vec(), 2, false, &recorder);
        assert_eq!(recorder.launched(), ["ce"]);
        assert!(failures[1].1.starts_with("its teacher ce.step10."), "{failures:?}");
        assert!(
            failures[2].1.starts_with("its initial network student.step10."),
            "{failures:?}"
        );
        let recorder = Recorder::new("ce", vec![Ended::Elsewhere]);
        assert_eq!(schedule(planned.all().to_vec(), 2, true, &recorder), []);
        assert_eq!(recorder.launched(), ["ce"]);
    }
}
