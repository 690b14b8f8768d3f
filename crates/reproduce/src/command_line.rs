//! The command line: arguments, and what each subcommand does.

pub(crate) mod arguments;
pub(crate) mod exchange;
mod json;
pub(crate) mod others;
pub(crate) mod plan;
mod quote;
pub(crate) mod shell;
pub(crate) mod submit;
pub(crate) mod verbs;
