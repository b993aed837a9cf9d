//! Decisions: values in, verdict out, no I/O.

pub mod environment;
pub mod prompt;
