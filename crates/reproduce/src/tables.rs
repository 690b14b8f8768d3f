//! Tables of finished runs: means over seeds beside the published numbers, as Markdown and CSV.

pub(crate) mod collect;
pub(crate) mod provenance;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod robustness;
pub(crate) mod table;
pub(crate) mod verdicts;
