//! Command line: what a person types, and what each verb does.

pub(crate) mod arguments;
pub(crate) mod plan;
pub(crate) mod submit;
pub(crate) mod verbs;
