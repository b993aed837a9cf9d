//! What a ticket's last attempt teaches the next.

use super::failure_analysis;
use crate::model::{Attempt, IssueId, OutcomeRecord, State, Usage};

/// Sentences for the prompt; none after a success.
pub fn advice(id: &IssueId, state: &State) -> Vec<String> {
    let last = state.outcomes.iter().rev().find(|outcome| outcome.issue_id == *id);
    last.filter(|outcome| outcome.outcome.is_failure())
        .map(|outcome| failure_analysis::adjustments(&attempt_of(outcome)))
        .unwrap_or_default()
}

fn attempt_of(outcome: &OutcomeRecord) -> Attempt {
    Attempt {
        number: outcome.attempt,
        outcome: outcome.outcome,
        failure: outcome.failure,
        fault: None,
        limit_by_words: false,
        phase: outcome.phase,
        tool_calls: outcome.tool_calls,
        files_modified: outcome.files_modified,
        usage: Usage::default(),
        duration_ms: outcome.duration_ms,
        has_commits: outcome.has_commits,
        model: outcome.model.clone(),
        gates: outcome.gates.clone(),
        error_tail: outcome.error_tail.clone(),
        session: None,
    }
}
