//! A cycle's report, rendered.

pub mod github;
pub mod human;
pub mod json;
