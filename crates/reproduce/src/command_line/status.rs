//! The states of a grid's runs, printed once or kept up to date in a terminal.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use console::Term;
use methods::count;
use serde::Serialize;

use crate::grid::{Plan, Planned};
use crate::out;
use crate::run::RunId;
use crate::run::directory::{RunDir, State};
use crate::schedule::Failure;

/// Time between two looks at the files of a grid.
const PAUSE: Duration = Duration::from_secs(2);

/// The states of the runs of a plan.
pub(crate) struct Status {
    /// In the order of the plan.
    pub(crate) runs: Vec<RunStatus>,
    /// Of damaged runs, said after the others.
    pub(crate) failures: Vec<Failure>,
}

/// A run, and how far it is.
#[derive(Debug, Serialize)]
pub(crate) struct RunStatus {
    run: RunId,
    #[serde(flatten)]
    progress: Progress,
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum Progress {
    ToDo,
    Running,
    /// By nobody at present.
    Interrupted {
        trained_epochs: i64,
        /// Of the next epoch.
        trained_steps: i64,
        epochs: i64,
    },
    InterruptedOrRunning {
        trained_epochs: i64,
        epochs: i64,
        reason: String,
    },
    Finished {
        /// After the last epoch, in 0..1.
        accuracy: f64,
    },
    Unusable {
        /// In what way.
        kind: String,
        reason: String,
    },
}

impl RunStatus {
    fn is_finished(&self) -> bool {
        matches!(self.progress, Progress::Finished { .. })
    }

    /// A line.
    fn text(&self) -> String {
        let state = match &self.progress {
            Progress::ToDo => "to do".to_owned(),
            Progress::Running => "running".to_owned(),
            Progress::Interrupted {
                trained_epochs,
                trained_steps,
                epochs,
            } => {
                let steps = match trained_steps {
                    0 => String::new(),
                    steps => format!(" and {}", count(*steps, "step")),
                };
                format!("interrupted after {trained_epochs} of {epochs} epochs{steps}")
            }
            Progress::InterruptedOrRunning {
                trained_epochs,
                epochs,
                reason,
            } => format!("interrupted after {trained_epochs} of {epochs} epochs, or running: {reason}"),
            Progress::Finished { accuracy } => format!("done: {:.2} %", 100.0 * accuracy),
            Progress::Unusable { kind, .. } => kind.clone(),
        };
        format!("{}  {state}", self.run)
    }
}

impl Status {
    /// Of the runs of `plan` below `out`. Writes nothing.
    pub(crate) fn of(out: &Path, plan: &Plan) -> Status {
        let (mut runs, mut failures) = (Vec::new(), Vec::new());
        for Planned { id, run, .. } in plan.all() {
            let epochs = run.epochs();
            let progress = match RunDir::of(out, id).state() {
                Ok(State::Fresh) => Progress::ToDo,
                Ok(State::Interrupted { next_epoch, steps }) => Progress::Interrupted {
                    trained_epochs: next_epoch,
                    trained_steps: steps,
                    epochs,
                },
                Ok(State::Running) => Progress::Running,
                Ok(State::Unknown { next_epoch, reason }) => Progress::InterruptedOrRunning {
                    trained_epochs: next_epoch,
                    epochs,
                    reason,
                },
                Ok(State::Done(outcome)) => Progress::Finished {
                    accuracy: outcome.accuracy_last,
                },
                Err(error) => {
                    failures.push((id.clone(), error.to_string()));
                    Progress::Unusable {
                        kind: error.state(),
                        reason: error.to_string(),
                    }
                }
            };
            runs.push(RunStatus {
                run: id.clone(),
                progress,
            });
        }
        Status { runs, failures }
    }

    /// A line a run.
    pub(crate) fn text(&self) -> String {
        self.runs.iter().map(|run| run.text() + "\n").collect()
    }

    fn finished(&self) -> usize {
        self.runs.iter().filter(|run| run.is_finished()).count()
    }

    /// As many lines as a terminal of `rows` and `columns` has room for: all runs or else those that are not finished, then how many are.
    fn screen(&self, rows: usize, columns: usize) -> Vec<String> {
        let room = rows.saturating_sub(2).max(1); // the last line, and the cursor's
        let is_short = self.runs.len() <= room;
        let shown = self.runs.iter().filter(|run| is_short || !run.is_finished());
        let mut shown: Vec<String> = shown.map(RunStatus::text).collect();
        let left_out = shown.len().saturating_sub(room);
        shown.truncate(room);
        let total = format!("{} of {} runs finished", self.finished(), self.runs.len());
        let total = match left_out {
            0 => total,
            more => format!("{total}; {more} more are not"),
        };
        let cut = |line: String| console::truncate_str(&line, columns, "…").into_owned();
        shown.into_iter().chain([total]).map(cut).collect()
    }
}

/// Shows the states of the runs of `plan` below `out` in the terminal until all are finished, and returns the last ones.
///
/// # Errors
/// If standard output is no terminal.
pub(crate) fn watch(out: &Path, plan: &Plan) -> anyhow::Result<Status> {
    let terminal = Term::stdout();
    if !terminal.is_term() {
        bail!("--watch needs a terminal, and standard output is none; leave it out");
    }
    loop {
        let status = Status::of(out, plan);
        let (rows, columns) = terminal.size();
        let lines = status.screen(rows.into(), columns.into());
        out::result(&(lines.join("\n") + "\n"))?;
        if status.finished() == plan.all().len() {
            return Ok(status);
        }
        std::thread::sleep(PAUSE);
        terminal
            .clear_last_lines(lines.len())
            .context("cannot write to the terminal")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(runs: usize, finished: usize) -> Status {
        let status = |run: usize| RunStatus {
            run: RunId::named(format!("run-{run}")),
            progress: if run < finished {
                Progress::Finished { accuracy: 0.5 }
            } else {
                Progress::ToDo
            },
        };
        Status {
            runs: (0..runs).map(status).collect(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn a_screen_has_all_runs_or_as_many_unfinished_ones_as_there_is_room_for() {
        assert_eq!(
            status(2, 1).screen(24, 80),
            ["run-0  done: 50.00 %", "run-1  to do", "1 of 2 runs finished"]
        );
        assert_eq!(
            status(9, 5).screen(5, 80),
            [
                "run-5  to do",
                "run-6  to do",
                "run-7  to do",
                "5 of 9 runs finished; 1 more are not"
            ]
        );
        assert_eq!(status(9, 7).screen(5, 6), ["run-7…", "run-8…", "7 of …"]);
        assert_eq!(status(1, 0).screen(0, 80).len(), 2);
    }
}
