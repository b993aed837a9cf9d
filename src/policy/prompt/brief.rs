//! What a prompt is made of.

use crate::model::settings::GateSpec;
use crate::model::{Capture, Continuation, Issue, OutcomeRecord};

/// The task, what happened before, and what decides about the result.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'a> {
    pub issue: &'a Issue,
    /// From 1.
    pub attempt: u32,
    pub base_branch: &'a str,
    pub branch: &'a str,
    /// The earlier attempts at this issue, oldest first.
    pub prior: &'a [OutcomeRecord],
    /// What is known of them beside, in any order.
    pub captures: &'a [Capture],
    /// Where the agent finds a page about them.
    pub page: Option<&'a str>,
    /// Sentences of advice drawn from them.
    pub adjustments: &'a [String],
    /// The work of the attempt before, where this one goes on from it.
    pub continues: &'a Continuation,
    /// The checks that will be run on the result.
    pub gates: &'a [GateSpec],
    /// Random and unguessable; marks where untrusted text begins and ends.
    pub boundary: &'a str,
}
