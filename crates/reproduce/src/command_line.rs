//! The command line: arguments, and what each subcommand does.

pub(crate) mod arguments;
mod open;
pub(crate) mod others;
pub(crate) mod plan;
mod quote;
mod status;
pub(crate) mod submit;
pub(crate) mod verbs;
