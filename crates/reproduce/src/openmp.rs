//! How libtorch's OpenMP threads wait for each other. By default they spin, so that with a busy neighbour on the same cores they
//! keep each other, and it, from working.
//!
//! libgomp reads its environment before `main`, so a process has to be started in the right one.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variables that decide it, and what we say in the first.
const VARIABLES: [&str; 2] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];
const PASSIVE: &str = "passive";

/// Lets the threads of `command` sleep while they wait, unless a person has set how they do.
pub(crate) fn let_threads_sleep(command: &mut Command) {
    if VARIABLES.iter().all(|variable| env::var_os(variable).is_none()) {
        command.env(VARIABLES[0], PASSIVE);
    }
}

/// Starts this program again where threads sleep while they wait, in place of this process; returns if they do already.
pub(crate) fn restart_where_threads_sleep() {
    if VARIABLES.iter().any(|variable| env::var_os(variable).is_some()) {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // Where it cannot be started again, it goes on with threads that spin: the same numbers, later.
        let _ = Command::new(program)
            .args(env::args_os().skip(1))
            .env(VARIABLES[0], PASSIVE)
            .exec();
    }
}
