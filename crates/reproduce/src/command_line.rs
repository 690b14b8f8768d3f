//! The command line: arguments, and what each subcommand does.

pub(crate) mod arguments;
pub(crate) mod check;
pub(crate) mod exchange;
mod json;
mod open;
pub(crate) mod others;
pub(crate) mod photographs;
pub(crate) mod plan;
mod queue;
mod quote;
pub(crate) mod shell;
mod status;
pub(crate) mod submit;
mod train;
pub(crate) mod verbs;
