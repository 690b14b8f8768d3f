//! How libtorch's OpenMP threads wait for each other. By default they spin, so that on cores shared with other processes they keep each
//! other, and the others, from working.
//!
//! libgomp reads its environment before `main`, so a process must be started in the right one.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variables that control it, and our value of the first.
const VARIABLES: [&str; 2] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];
const PASSIVE: &str = "passive";

/// Lets the threads of `command` sleep while they wait, unless the user has set one of the variables.
pub(crate) fn let_threads_sleep(command: &mut Command) {
    if VARIABLES.iter().all(|variable| env::var_os(variable).is_none()) {
        command.env(VARIABLES[0], PASSIVE);
    }
}

/// Replaces this process by the same program with threads that sleep while they wait; returns if they do already.
pub(crate) fn restart_where_threads_sleep() {
    if VARIABLES.iter().any(|variable| env::var_os(variable).is_some()) {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // If it cannot be started again, it continues with threads that spin, which is slower and computes the same numbers.
        let _ = Command::new(program)
            .args(env::args_os().skip(1))
            .env(VARIABLES[0], PASSIVE)
            .exec();
    }
}
