//! Ranks as processes: this test program starts itself, with the variables that torchrun would set.

mod failures;
mod sums;

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use torch_shim::ranks::{RankSettings, Ranks, RanksError};

const TASK: &str = "LONGTAIL_TEST_RANKS_TASK";

/// What a started process does; it prints the words of its error.
#[test]
fn process() {
    let Ok(task) = std::env::var(TASK) else {
        return; // not started by a test
    };
    let settings = RankSettings::from_environment()
        .expect("consistent")
        .expect("several ranks");
    let outcome = Ranks::connect(&settings).and_then(|ranks| match task.as_str() {
        "sums" => sums::sums(&ranks),
        "gradient" => sums::gradient(&ranks),
        "batch norm" => sums::batch_norm(&ranks),
        "speed" => sums::speed(&ranks),
        _ => failures::run(&task, &ranks),
    });
    tell(
        "outcome",
        &outcome.map_or_else(|error| error.to_string(), |()| "fine".to_owned()),
    );
}

/// Writes a line for the test that started this process.
fn tell(label: &str, words: &str) {
    writeln!(std::io::stdout(), "\n{label}: {words}").expect("a pipe");
}

/// A port of this machine that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn start(task: &str, port: u16, rank: usize, world_size: usize) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["process", "--exact", "--nocapture"])
        .env(TASK, task)
        .env("RANK", rank.to_string())
        .env("WORLD_SIZE", world_size.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts")
}

fn start_all(task: &str, world_size: usize) -> Vec<Child> {
    let port = free_port();
    (0..world_size)
        .map(|rank| start(task, port, rank, world_size))
        .collect()
}

/// What a process printed after `label`, once it has ended.
fn printed(process: Child, label: &str) -> String {
    let output = process.wait_with_output().expect("it was started here");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = |line: &str| Some(line.strip_prefix(label)?.strip_prefix(": ")?.to_owned());
    output
        .lines()
        .find_map(words)
        .unwrap_or_else(|| panic!("no {label} in {output}"))
}

/// Each rank's outcome.
fn outcomes(processes: Vec<Child>) -> Vec<String> {
    processes
        .into_iter()
        .map(|process| printed(process, "outcome"))
        .collect()
}

/// The settings of a rank of this process, which waits for half a second only.
fn impatient(port: u16, rank: usize, world_size: usize) -> RankSettings {
    RankSettings {
        address: "127.0.0.1".to_owned(),
        port,
        rank,
        world_size,
        local_rank: None,
        timeout: Duration::from_millis(500),
        restarts_of_torchrun: None,
    }
}

fn refusal(settings: &RankSettings) -> RanksError {
    Ranks::connect(settings).expect_err("it cannot connect")
}
