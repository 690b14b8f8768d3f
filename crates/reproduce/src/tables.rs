//! Tables: finished runs to a frame, the frame to means over seeds, those to Markdown and CSV beside the published numbers.

pub(crate) mod collect;
pub(crate) mod markdown;
pub(crate) mod provenance;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod robustness;
pub(crate) mod table;
