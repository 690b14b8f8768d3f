//! What ranks say when one of them is missing, lost or wrong.

use super::{free_port, impatient, outcomes, printed, refusal, start, start_all, tell};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command};
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};
use torch_shim::ranks::{Ranks, RanksError};

/// The victim waits to be killed, all others wait for it.
pub(super) fn run(task: &str, ranks: &Ranks) -> Result<(), RanksError> {
    let victim = usize::from(task != "lose the first");
    if ranks.rank() == victim {
        match task {
            "report" => {
                ranks.report_failure("the disk is full");
                return Ok(());
            }
            "differ" => return ranks.all_reduce_sum(&Tensor::zeros(8, (Kind::Float, Device::Cpu))),
            "lose one" | "lose the first" => {
                tell("ready", "");
                std::thread::sleep(Duration::from_secs(60));
            }
            "go on" => {
                tell("ready", "");
                std::thread::sleep(Duration::from_secs(3));
            }
            "be slow" => std::thread::sleep(Duration::from_secs(13)),
            _ => panic!("no task {task}"),
        }
    }
    ranks.barrier()
}

/// Waits until a process is connected to all others. What it writes later goes to the result.
fn await_ready(process: &mut Child) -> BufReader<ChildStdout> {
    let mut output = BufReader::new(process.stdout.take().expect("piped"));
    let mut line = String::new();
    while line != "ready: \n" {
        line.clear();
        assert_ne!(output.read_line(&mut line).expect("text"), 0, "it did not connect");
    }
    output
}

/// The words of the others after `signal` was sent to `victim`, and how long they took.
fn words_after(task: &str, victim: usize, signal: &str) -> (Vec<String>, Duration) {
    let port = free_port();
    let mut processes: Vec<Child> = (0..3).map(|rank| start(task, port, rank, 3)).collect();
    let mut victim = processes.remove(victim);
    let _output = await_ready(&mut victim);
    let begin = Instant::now();
    let sent = Command::new("kill").args([signal, &victim.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    let words = outcomes(processes);
    let waited = begin.elapsed();
    victim.kill().expect("it was started here");
    victim.wait().expect("it was started here");
    (words, waited)
}

#[test]
fn a_killed_rank_is_named_by_all_others() {
    let (words, waited) = words_after("lose one", 1, "-KILL");
    for words in words {
        assert!(words.starts_with("rank 1 was lost ("), "{words}");
        assert!(
            words.ends_with("): all ranks stop, and the same command resumes the run"),
            "{words}"
        );
    }
    assert!(waited < Duration::from_secs(15), "{waited:?}");
}

#[test]
fn the_loss_of_the_first_rank_is_named_although_it_has_the_store() {
    let (words, waited) = words_after("lose the first", 0, "-KILL");
    for words in words {
        assert!(words.starts_with("rank 0 was lost ("), "{words}");
    }
    assert!(waited < Duration::from_secs(15), "{waited:?}");
}

#[test]
#[ignore = "waits until silence counts as loss, 15 s"]
fn a_rank_that_falls_silent_is_named_by_all_others() {
    for victim in [1, 0] {
        let task = if victim == 0 { "lose the first" } else { "lose one" };
        let (words, waited) = words_after(task, victim, "-STOP");
        for words in words {
            assert!(words.starts_with(&format!("rank {victim} was lost (")), "{words}");
        }
        assert!(waited < Duration::from_secs(20), "{waited:?}");
    }
}

#[test]
#[ignore = "is slower than silence may last, 13 s"]
fn a_slow_rank_is_waited_for() {
    assert_eq!(outcomes(start_all("be slow", 3)), ["fine"; 3]);
}

#[test]
fn a_failure_is_passed_on_in_its_words() {
    let words = outcomes(start_all("report", 3));
    let expected = "rank 1 failed: the disk is full; all ranks stop, and once that is remedied the same command \
                    resumes the run";
    assert_eq!(words, [expected, "fine", expected]);
}

#[test]
fn ranks_that_do_different_things_stop() {
    let words = outcomes(start_all("differ", 2));
    for words in words {
        assert!(words.contains("expects operation 2, a sum, with "), "{words}");
        assert!(
            words.contains("start all ranks with the same program and command"),
            "{words}"
        );
    }
}

#[test]
fn ranks_with_different_numbers_of_ranks_stop() {
    let port = free_port();
    let first = start("sums", port, 0, 2);
    let second = start("sums", port, 1, 3);
    let words = "rank 1 was started with WORLD_SIZE=3, rank 0 with WORLD_SIZE=2; start all ranks with the same";
    assert_eq!(printed(second, "outcome"), words);
    let first = printed(first, "outcome");
    assert!(first.starts_with(&format!("rank 1 failed: {words}")), "{first}");
}

#[test]
fn a_rank_that_is_there_twice_is_named() {
    let port = free_port();
    let processes = vec![
        start("sums", port, 0, 3),
        start("sums", port, 1, 3),
        start("sums", port, 1, 3),
    ];
    let words = outcomes(processes);
    let expected = format!("two processes came to 127.0.0.1:{port} as rank 1; give each its own RANK");
    assert!(words.iter().all(|words| words.contains(&expected)), "{words:?}");
}

#[test]
fn a_run_goes_on_when_another_one_comes_to_its_port() {
    let port = free_port();
    let first = start("go on", port, 0, 2);
    let mut second = start("go on", port, 1, 2);
    let _output = await_ready(&mut second);
    let words = refusal(&impatient(port, 1, 2)).to_string();
    assert!(
        words.ends_with("give each its own RANK, or each run its own MASTER_PORT"),
        "{words}"
    );
    assert_eq!(printed(first, "outcome"), "fine");
    second.wait().expect("it was started here");
}

#[test]
fn a_port_in_use_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("it is bound").port();
    let words = refusal(&impatient(port, 0, 2)).to_string();
    assert!(
        words.starts_with(&format!("rank 0 cannot listen on port {port} (Address already in use")),
        "{words}"
    );
    assert!(
        words.ends_with("set MASTER_PORT to a free port, the same for all ranks"),
        "{words}"
    );
}

#[test]
fn a_first_rank_that_is_not_there_is_named() {
    let port = free_port();
    let words = refusal(&impatient(port, 1, 2)).to_string();
    let expected = format!("rank 1 did not reach rank 0 at 127.0.0.1:{port} within 0.5 s (Connection refused");
    assert!(words.starts_with(&expected), "{words}");
    let mut elsewhere = impatient(port, 1, 2);
    elsewhere.address = "no-such-machine.invalid".to_owned();
    let words = refusal(&elsewhere).to_string();
    assert!(
        words.contains("no-such-machine.invalid") && words.contains("failed to lookup"),
        "{words}"
    );
}

#[test]
fn ranks_that_do_not_come_are_named() {
    let port = free_port();
    let words = refusal(&impatient(port, 0, 3)).to_string();
    let expected = format!(
        "of 3 ranks, ranks 1, 2 did not come to 127.0.0.1:{port} within 0.5 s; start as many processes as WORLD_SIZE \
         says"
    );
    assert_eq!(words, expected);
}
