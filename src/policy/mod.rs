//! Decisions: values in, verdict out, no I/O.

pub mod advice;
pub mod budget;
pub mod complexity;
pub mod context;
#[cfg(test)]
mod decisions;
pub mod difficulty;
pub mod eligibility;
pub mod environment;
pub mod evolve;
pub mod failure_analysis;
pub mod faults;
pub mod fix;
#[cfg(test)]
mod fixtures;
pub mod integrity;
pub mod learn;
pub mod ongoing;
pub mod operator;
pub mod outcome;
pub mod preflight;
pub mod prompt;
pub mod pull_request;
pub mod rate_limit;
pub mod retry;
pub mod slots;
pub mod spending;
pub mod standing;
pub mod status_comment;
pub mod template;
