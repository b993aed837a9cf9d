//! Conductor: one invocation is one cycle that turns tickets into reviewed pull requests.
//!
//! The map, from the outside in. Imports point downwards only; `tests/architecture.rs` holds it.
//!
//! - [`cli`]: arguments → configuration → call → rendering; the wiring of kinds to adapters.
//! - [`cycle`]: the story of one cycle: reconcile, select, claim, work, publish, record.
//! - [`adapters`]: the outside world in our words: trackers, forges, agents, state stores, the clock.
//! - [`walls`]: what holds agents, hooks and gates: where they may write, what they may not read.
//! - [`workspace`], [`gates`], [`guards`]: a ticket's private clone, the checks of an attempt, what must hold before a push.
//! - [`vault`]: Conductor's own bare repository, in which it fetches, commits its state and pushes.
//! - [`config`]: YAML, environment and flags → one immutable value.
//! - [`report`]: a cycle's report, rendered.
//! - [`policy`]: decisions: values in, verdict out, no I/O.
//! - [`ports`]: the traits the cycle speaks to.
//! - [`system`]: processes, git and HTTP.
//! - [`files`]: files that others may have written, read and written safely.
//! - [`model`]: the words everything else is said in.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod cycle;
pub mod files;
pub mod gates;
pub mod guards;
pub mod model;
pub mod policy;
pub mod ports;
pub mod report;
pub mod system;
pub mod vault;
pub mod walls;
pub mod workspace;
