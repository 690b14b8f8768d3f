//! Progress display of a grid. On a terminal it has a line per running run and the total; elsewhere a line for a finished epoch at most
//! every few seconds.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use datasets::photographs::PackProgress;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use crate::out;
use crate::run::Run;
use crate::run::message::Message;

/// Shortest interval between two lines of output without a terminal.
const QUIET: Duration = Duration::from_secs(5);

/// The progress display of a grid.
pub(crate) struct View {
    lines: MultiProgress,
    total: ProgressBar,
    last_printed: Mutex<Option<Instant>>,
}

/// The line of one running run.
pub(crate) struct RunLine<'a> {
    view: &'a View,
    bar: ProgressBar,
    name: String,
    started: Instant,
    state: Mutex<RunState>,
}

/// Progress of a running run.
#[derive(Default)]
struct RunState {
    first_epoch: i64,
    epochs: i64,
    images: i64,
    seconds_per_epoch: f64,
    /// Test accuracy at the last evaluation.
    accuracy: Option<f64>,
    summary: String,
}

impl View {
    /// The display of a grid of `runs` runs, of which `done` are finished.
    pub(crate) fn new(runs: usize, done: usize) -> View {
        let lines = MultiProgress::new();
        let total = lines.add(ProgressBar::new(runs as u64).with_position(done as u64));
        total.set_style(style("{bar:30} {pos} of {len} runs finished, {elapsed} so far"));
        total.enable_steady_tick(Duration::from_secs(1));
        View {
            lines,
            total,
            last_printed: Mutex::new(None),
        }
    }

    /// Adds a line for a run that starts.
    pub(crate) fn start(&self, run: &Run) -> RunLine<'_> {
        let name = format!("{}  {}  seed {}", run.name, run.imbalance, run.seed);
        let bar = self.lines.insert_before(&self.total, ProgressBar::new(1));
        bar.set_style(style("{bar:20} {prefix}  {msg}"));
        bar.set_prefix(name.clone());
        bar.set_message("loading");
        RunLine {
            view: self,
            bar,
            name,
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Removes the lines.
    pub(crate) fn close(&self) {
        self.total.finish_and_clear();
    }

    /// Prints a line if there is no terminal, unless one was printed shortly before.
    fn print(&self, line: &str, always: bool) {
        let mut last = self.last_printed.lock().expect("no panic while printing");
        if !self.lines.is_hidden() || (!always && last.is_some_and(|last| last.elapsed() < QUIET)) {
            return;
        }
        out::note(line);
        *last = Some(Instant::now());
    }
}

impl RunLine<'_> {
    /// Updates the line.
    pub(crate) fn show(&self, message: &Message) {
        let mut state = self.state.lock().expect("no panic while showing");
        match *message {
            Message::Started {
                next_epoch,
                epochs,
                images,
            } => {
                *state = RunState {
                    first_epoch: next_epoch,
                    epochs,
                    images,
                    ..RunState::default()
                };
                self.bar.set_length((epochs * images).unsigned_abs());
                self.move_to(&state, next_epoch, 0);
            }
            Message::Step { epoch, images } => self.move_to(&state, epoch, images),
            Message::Epoch {
                epoch,
                train_loss,
                accuracy,
                images_per_second,
                seconds,
            } => {
                state.seconds_per_epoch = seconds;
                state.accuracy = accuracy.or(state.accuracy);
                let test = state
                    .accuracy
                    .map(|accuracy| format!("  test {:.1} %", 100.0 * accuracy));
                state.summary = format!(
                    "{images_per_second:.0} images/s  loss {train_loss:.3}{}",
                    test.unwrap_or_default()
                );
                let left = HumanDuration(Duration::from_secs_f64(seconds * (state.epochs - epoch - 1) as f64));
                let line = format!(
                    "{}  epoch {} of {}  {}  {left:#} left",
                    self.name,
                    epoch + 1,
                    state.epochs,
                    state.summary
                );
                self.view.print(&line, epoch + 1 == state.epochs);
                self.move_to(&state, epoch + 1, 0);
            }
        }
    }

    /// Removes the line and counts the run.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        self.view.total.inc(1);
    }

    fn move_to(&self, state: &RunState, epoch: i64, images: i64) {
        let images = images.min(state.images);
        let position = epoch * state.images + images;
        self.bar.set_position(position.unsigned_abs());
        let shown_epoch = (epoch + 1).min(state.epochs);
        self.bar.set_message(format!(
            "epoch {shown_epoch}/{}  {}  {}",
            state.epochs,
            state.summary,
            self.left(state, position)
        ));
    }

    /// Time left: from the duration of the last epoch or, in the first one, from the speed of this session.
    fn left(&self, state: &RunState, position: i64) -> String {
        let trained = position - state.first_epoch * state.images;
        let images_left = (state.epochs * state.images - position) as f64;
        let per_image = if state.seconds_per_epoch > 0.0 {
            state.seconds_per_epoch / state.images as f64
        } else if trained > 0 {
            self.started.elapsed().as_secs_f64() / trained as f64
        } else {
            return String::new();
        };
        format!(
            "{:#} left",
            HumanDuration(Duration::from_secs_f64(images_left * per_image))
        )
    }
}

/// A bar for the download of a data set, which appears with the first bytes.
pub(crate) fn show_download() -> impl FnMut(datasets::DownloadProgress<'_>) {
    let bar = ProgressBar::no_length();
    bar.set_style(style(
        "{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left  {msg}",
    ));
    move |progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_message(progress.url.to_owned());
        bar.set_position(progress.received);
    }
}

/// A bar for photographs that are packed.
pub(crate) fn show_packing() -> impl Fn(PackProgress) + Sync {
    let bar = ProgressBar::no_length();
    bar.set_style(style("{bar:30} {pos} of {len} photographs packed, {eta} left"));
    move |progress| {
        bar.set_length(progress.of as u64);
        bar.set_position(progress.photographs as u64);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is valid")
        .progress_chars("━━─")
}
