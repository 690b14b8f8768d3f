//! Learns when a rank dies or fails, and tells the others.
//!
//! Each rank's thread counts up its own beat in the store and looks at the first failure that was reported there. Rank 0
//! watches the others' beats and reports those that stand still; the others watch rank 0's. It is the thread that keeps
//! a rank alive in the others' eyes, so the rank itself may take its time.

use super::RanksError;
use super::store::Store;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(500);
/// A rank whose beat stands still for this long is lost.
const SILENCE: Duration = Duration::from_secs(10);
/// A rank whose connection ends may have said why in the store, where the beat's thread finds it.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long rank 0 keeps the store open for ranks that have not left it.
const FAREWELL: Duration = Duration::from_secs(3);

enum Order {
    Report {
        rank: usize,
        kind: &'static str,
        text: String,
        done: Sender<()>,
    },
    Leave {
        done: Sender<()>,
    },
}

/// The handle of a rank's thread. When it is dropped the rank leaves the others.
#[derive(Debug)]
pub(super) struct Monitor {
    orders: Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    verdict: Mutex<Option<RanksError>>,
    last_look: Mutex<Instant>,
}

impl Monitor {
    /// # Errors
    /// If there is no memory for a thread.
    pub(super) fn start(store: Store, rank: usize, world_size: usize) -> Result<Monitor, RanksError> {
        let (orders, received) = mpsc::channel();
        let shared = Arc::new(Shared {
            verdict: Mutex::new(None),
            last_look: Mutex::new(Instant::now()),
        });
        let beating = Beating {
            store,
            rank,
            beats: vec![(-1, Instant::now()); world_size],
            lost: 0,
            store_ended: false,
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("ranks".to_owned())
            .spawn(move || beating.run(&received))
            .map_err(|error| RanksError::Libtorch(format!("cannot start a thread: {error}")))?;
        Ok(Monitor { orders, shared })
    }

    /// # Errors
    /// Who was lost or failed, if anyone was.
    pub(super) fn check(&self) -> Result<(), RanksError> {
        if let Some(verdict) = locked(&self.shared.verdict).clone() {
            return Err(verdict);
        }
        if locked(&self.shared.last_look).elapsed() > SILENCE {
            return Err(lost(0, "its store does not answer"));
        }
        Ok(())
    }

    /// Why the connection to `peer` ended: what the store says, else that it was lost.
    pub(super) fn why_connection_ended(&self, peer: usize, sign: &str) -> RanksError {
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until {
            if let Err(verdict) = self.check() {
                return verdict;
            }
            std::thread::sleep(BEAT / 10);
        }
        self.report(peer, "lost", sign);
        lost(peer, sign)
    }

    /// Tells all ranks that this one failed.
    pub(super) fn report_failure(&self, rank: usize, message: &str) {
        self.report(rank, "failed", message);
    }

    fn report(&self, rank: usize, kind: &'static str, text: &str) {
        let (done, reported) = mpsc::channel();
        let text = text.to_owned();
        let order = Order::Report { rank, kind, text, done };
        if self.orders.send(order).is_ok() {
            // Without an answer the store is gone, and with it rank 0: the others notice that.
            let _ = reported.recv_timeout(LAST_WORDS);
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let (done, left) = mpsc::channel();
        if self.orders.send(Order::Leave { done }).is_ok() {
            let _ = left.recv_timeout(FAREWELL + BEAT);
        }
    }
}

/// What the thread owns.
struct Beating {
    store: Store,
    rank: usize,
    /// The last count of each rank and when it was first seen.
    beats: Vec<(i64, Instant)>,
    /// How many of the other ranks cannot be waited for.
    lost: usize,
    store_ended: bool,
    shared: Arc<Shared>,
}

impl Beating {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(BEAT) {
                Ok(Order::Report { rank, kind, text, done }) => {
                    if !self.store_ended {
                        let _ = report(&self.store, rank, kind, &text); // without a store there is nobody to tell
                    }
                    self.look();
                    let _ = done.send(());
                }
                Ok(Order::Leave { done }) => {
                    if !self.store_ended {
                        let _ = leave(&self.store, self.rank, self.beats.len(), self.lost); // or the others are gone
                    }
                    drop(self.store);
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        if locked(&self.shared.verdict).is_some() {
            return;
        }
        let seen = self.beat();
        *locked(&self.shared.last_look) = Instant::now();
        if let Err(verdict) = seen {
            let verdict = match verdict {
                RanksError::Libtorch(_) => {
                    self.store_ended = true;
                    lost(0, "its store ended")
                }
                RanksError::Lost { rank, ref sign } => {
                    let _ = report(&self.store, rank, "lost", sign);
                    verdict
                }
                verdict => verdict,
            };
            self.lost = usize::from(matches!(verdict, RanksError::Lost { .. }));
            *locked(&self.shared.verdict) = Some(verdict);
        }
    }

    fn beat(&mut self) -> Result<(), RanksError> {
        failure(&self.store)?;
        self.store.add(&format!("beat/{}", self.rank), 1)?;
        let watched = if self.rank == 0 { 1..self.beats.len() } else { 0..1 };
        for rank in watched {
            let (count, since) = &mut self.beats[rank];
            let now = self.store.add(&format!("beat/{rank}"), 0)?;
            if now != *count {
                (*count, *since) = (now, Instant::now());
            } else if since.elapsed() > SILENCE && self.store.add(&format!("left/{rank}"), 0)? == 0 {
                return Err(lost(rank, &format!("no sign of life for {} s", SILENCE.as_secs())));
            }
        }
        Ok(())
    }
}

/// Leaves the store. Rank 0 takes it with it, so it waits for those who have come, except for `lost` of them.
pub(super) fn leave(store: &Store, rank: usize, world_size: usize, lost: usize) -> Result<(), RanksError> {
    store.add(&format!("left/{rank}"), 1)?;
    let until = Instant::now() + FAREWELL;
    while rank == 0 && Instant::now() < until {
        let mut staying = 0;
        for other in 1..world_size {
            let has_left = store.add(&format!("left/{other}"), 0)? >= store.add(&format!("arrived/{other}"), 0)?;
            staying += usize::from(!has_left);
        }
        if staying <= lost {
            break;
        }
        std::thread::sleep(BEAT / 20);
    }
    Ok(())
}

/// Writes a failure for all ranks to find, unless there is one: the others follow from the first.
pub(super) fn report(store: &Store, rank: usize, kind: &str, text: &str) -> Result<(), RanksError> {
    if store.add("failures", 1)? == 1 {
        store.set("failure", &format!("{rank} {kind} {text}"))?;
    }
    Ok(())
}

/// # Errors
/// The failure that was reported first, or that the store is gone.
pub(super) fn failure(store: &Store) -> Result<(), RanksError> {
    let Some(value) = store.get("failure")? else {
        return Ok(());
    };
    let mut words = value.splitn(3, ' ');
    let rank = words.next().and_then(|rank| rank.parse().ok()).unwrap_or_default();
    let kind = words.next();
    let text = words.next().unwrap_or_default();
    Err(if kind == Some("lost") {
        lost(rank, text)
    } else {
        RanksError::Failed {
            rank,
            message: text.to_owned(),
        }
    })
}

pub(super) fn lost(rank: usize, sign: &str) -> RanksError {
    RanksError::Lost {
        rank,
        sign: sign.to_owned(),
    }
}

/// The value also after a thread panicked with it: no value here is ever half-written.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
