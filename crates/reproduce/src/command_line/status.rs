//! The states of a grid's runs, printed once or kept up to date in a terminal.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use console::Term;

use crate::grid::{Plan, Planned};
use crate::out;
use crate::run::directory::{RunDir, State};
use crate::schedule::Failure;

/// Time between two looks at the files of a grid.
const PAUSE: Duration = Duration::from_secs(2);

/// The states of the runs of a plan.
pub(crate) struct Status {
    /// A line a run, in the order of the plan, and whether it is finished.
    lines: Vec<(String, bool)>,
    /// Of damaged runs, said after the others.
    pub(crate) failures: Vec<Failure>,
}

impl Status {
    /// Of the runs of `plan` below `out`. Writes nothing.
    pub(crate) fn of(out: &Path, plan: &Plan) -> Status {
        let (mut lines, mut failures) = (Vec::new(), Vec::new());
        for Planned { id, run, .. } in plan.all() {
            let mut is_finished = false;
            let state = match RunDir::of(out, id).state() {
                Ok(State::Fresh) => "to do".to_owned(),
                Ok(State::Interrupted { next_epoch }) => {
                    format!("interrupted after {next_epoch} of {} epochs", run.epochs())
                }
                Ok(State::Running) => "running".to_owned(),
                Ok(State::Unknown { next_epoch, reason }) => {
                    let epochs = run.epochs();
                    format!("interrupted after {next_epoch} of {epochs} epochs, or running: {reason}")
                }
                Ok(State::Done(outcome)) => {
                    is_finished = true;
                    format!("done: {:.2} %", 100.0 * outcome.accuracy_last)
                }
                Err(error) => {
                    failures.push((id.clone(), error.to_string()));
                    error.state()
                }
            };
            lines.push((format!("{id}  {state}"), is_finished));
        }
        Status { lines, failures }
    }

    /// A line a run.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|(line, _)| [line, "\n"]).collect()
    }

    fn finished(&self) -> usize {
        self.lines.iter().filter(|(_, is_finished)| *is_finished).count()
    }

    /// As many lines as a terminal of `rows` and `columns` has room for: all runs or else those that are not finished, then how many are.
    fn screen(&self, rows: usize, columns: usize) -> Vec<String> {
        let room = rows.saturating_sub(2).max(1); // the last line, and the cursor's
        let is_short = self.lines.len() <= room;
        let mut shown: Vec<&str> = Vec::new();
        shown.extend(
            self.lines
                .iter()
                .filter(|(_, is_finished)| is_short || !is_finished)
                .map(|(line, _)| line.as_str()),
        );
        let left_out = shown.len().saturating_sub(room);
        shown.truncate(room);
        let total = format!("{} of {} runs finished", self.finished(), self.lines.len());
        let total = match left_out {
            0 => total,
            more => format!("{total}; {more} more are not"),
        };
        let cut = |line: &str| console::truncate_str(line, columns, "…").into_owned();
        shown.into_iter().chain([total.as_str()]).map(cut).collect()
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
        let line = |run: usize| (format!("run-{run}  state"), run < finished);
        Status {
            lines: (0..runs).map(line).collect(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn a_screen_has_all_runs_or_as_many_unfinished_ones_as_there_is_room_for() {
        assert_eq!(
            status(2, 1).screen(24, 80),
            ["run-0  state", "run-1  state", "1 of 2 runs finished"]
        );
        assert_eq!(
            status(9, 5).screen(5, 80),
            [
                "run-5  state",
                "run-6  state",
                "run-7  state",
                "5 of 9 runs finished; 1 more are not"
            ]
        );
        assert_eq!(status(9, 7).screen(5, 6), ["run-7…", "run-8…", "7 of …"]);
        assert_eq!(status(1, 0).screen(0, 80).len(), 2);
    }
}
