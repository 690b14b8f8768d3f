//! Storm: a grid that is killed again and again, at random moments, by the signals that end programs, in its parent, its
//! worker or both, ends as one that nobody touched.
//!
//! `STORM_KILLS` says how many kills (ten, if it says nothing), `STORM_SEED` which ones.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

use crate::kill_and_resume::without_times;
use crate::sandbox::{Sandbox, entries};

const SIGNALS: [(&str, Signal); 3] = [("KILL", Signal::KILL), ("TERM", Signal::TERM), ("INT", Signal::INT)];
const TARGETS: [Target; 3] = [Target::Parent, Target::Worker, Target::Both];

/// Which process is killed.
#[derive(Clone, Copy, Debug)]
enum Target {
    Parent,
    /// Its parent starts it once more.
    Worker,
    Both,
}

/// A small grid whose runs are of both stages, with the options that it is started with.
struct Storm {
    threads: &'static str,
    /// What an undisturbed start of the same leaves, by file.
    calm: BTreeMap<String, String>,
    /// How long that takes.
    duration: Duration,
}

/// SplitMix64 (Steele et al. 2014): the same kills for the same seed.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 0..1.
    fn share(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[(self.draw() % all.len() as u64) as usize]
    }
}

fn grid() -> Sandbox {
    Sandbox::with("seeds     = [0]", "seeds     = [0]\nvalidation = { per_class = 2 }")
}

fn options(threads: &'static str) -> [&'static str; 6] {
    ["--methods", "nc-drw-crt", "--threads", threads, "--metrics-every", "2"]
}

impl Storm {
    fn new(threads: &'static str) -> Storm {
        let sandbox = grid();
        let started = Instant::now();
        sandbox.run(&options(threads)).succeeded();
        Storm {
            threads,
            duration: started.elapsed(),
            calm: left(&sandbox),
        }
    }

    /// Starts the grid until it ends by itself, or `kills` are spent and it is let end; returns how many it took.
    fn pass_over(&self, random: &mut Random, kills: usize) -> usize {
        let sandbox = grid();
        let mut history = Vec::new();
        loop {
            let mut command = sandbox.run_command(&options(self.threads));
            let mut parent = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary starts");
            if history.len() < kills {
                sleep(self.duration.mul_f64(random.share()));
                history.extend(kill(&mut parent, random));
            }
            let status = parent.wait().expect("it is our child");
            if status.success() {
                break;
            }
        }
        let left = left(&sandbox);
        for (file, text) in &self.calm {
            let same = left.get(file) == Some(text);
            assert!(same, "{file} differs after {history:?}, {} threads", self.threads);
        }
        assert_eq!(left.len(), self.calm.len(), "{:?} after {history:?}", left.keys());
        history.len()
    }
}

/// Kills what a coin says of `parent` and its worker, and says what; `None` if it has ended.
fn kill(parent: &mut Child, random: &mut Random) -> Option<String> {
    let target = *random.one_of(&TARGETS);
    let (name, signal) = *random.one_of(&SIGNALS);
    if parent.try_wait().expect("it is our child").is_some() {
        return None;
    }
    let parent = i32::try_from(parent.id()).expect("a process's number");
    let victims = match target {
        Target::Parent => vec![parent],
        Target::Worker => workers(parent),
        Target::Both => workers(parent).into_iter().chain([parent]).collect(),
    };
    for victim in &victims {
        let _ = kill_process(Pid::from_raw(*victim).expect("not zero"), signal); // a worker may have ended just now
    }
    (!victims.is_empty()).then(|| format!("{name} of {target:?}"))
}

/// The processes that `parent` has started, as Linux tells them.
fn workers(parent: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    children
        .flat_map(|children| children.split_whitespace().map(i32::from_str).collect::<Vec<_>>())
        .map(|child| child.expect("a process's number"))
        .collect()
}

/// Every file of the grid's runs that a clock, or the history of kills, has no part in. Bytes of checkpoints as digests.
fn left(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let mut left = BTreeMap::new();
    for run in entries(&sandbox.path("out/runs")) {
        for name in entries(&sandbox.path(&format!("out/runs/{run}"))) {
            let file = format!("out/runs/{run}/{name}");
            let text = match name.as_str() {
                "environment.toml" | "log.txt" | "run.lock" => continue,
                "checkpoint.safetensors" | "predictions.npz" => {
                    format!("{:x}", Sha256::digest(fs::read(sandbox.path(&file)).expect("a file")))
                }
                "metrics.csv" => format!("{:?}", without_times(&sandbox.read(&file))),
                "outcome.json" => without_lines(&sandbox.read(&file), &["seconds", "device", "commit"]),
                _ => sandbox.read(&file),
            };
            left.insert(file, text);
        }
    }
    left
}

/// JSON of a field a line, without some.
fn without_lines(json: &str, fields: &[&str]) -> String {
    let is_kept = |line: &&str| {
        fields
            .iter()
            .all(|field| !line.trim_start().starts_with(&format!("\"{field}\":")))
    };
    json.lines().filter(is_kept).collect::<Vec<_>>().join("\n")
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

#[test]
fn a_grid_killed_again_and_again_ends_as_one_that_was_not() {
    let kills = setting("STORM_KILLS", 10);
    let seed = setting("STORM_SEED", 0);
    let mut random = Random(seed as u64);
    let mut survived = 0;
    for threads in ["1", "2"] {
        let storm = Storm::new(threads);
        let upto = if threads == "1" { kills / 2 } else { kills };
        while survived < upto {
            survived += storm.pass_over(&mut random, upto - survived);
        }
    }
    assert_eq!(survived, kills);
}
