//! Which model a ticket is given, and why.

use super::run::Run;
use crate::model::Issue;
use crate::model::plan::Complexity;
use crate::policy::complexity::{self, Choice};

/// What an attempt at the issue asks for, and the model it is given.
pub(super) fn model_for(run: &Run<'_>, issue: &Issue, attempt: u32) -> (Option<Complexity>, Choice) {
    let rules = &run.settings.model;
    let complexity = issue.has_details.then(|| complexity::assess(issue, attempt, &rules.weights));
    let choice = complexity::choose(complexity.as_ref(), rules);
    (complexity, choice)
}
