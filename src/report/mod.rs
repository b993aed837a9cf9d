//! A cycle's report and its progress, rendered: values in, bytes out to the sink that is given.
//!
//! Nothing here reads the environment, the clock or the terminal's state, and nothing decides.
//! Text of tickets and agents passes through [`text`] (or the escaping of its format) first.
//! Styles are always written; a sink such as `anstream::AutoStream` takes them out where colour
//! is off.

pub mod columns;
pub mod context;
pub mod evolve;
mod explain;
pub mod github;
pub mod human;
pub mod jobs;
pub mod json;
pub mod learn;
pub mod log;
pub mod operator;
pub mod plan;
pub mod progress;
pub mod state;
pub mod status;
pub mod text;
pub mod trace;
pub mod usage;
