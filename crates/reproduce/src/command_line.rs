//! The command line: arguments, and what each subcommand does.

pub(crate) mod arguments;
pub(crate) mod check;
pub(crate) mod others;
pub(crate) mod plan;
mod quote;
pub(crate) mod submit;
mod train;
pub(crate) mod verbs;
