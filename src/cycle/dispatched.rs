//! What the report says of each ticket of this run.

use super::deliver::Parcel;
use super::model_choice;
use super::run::Run;
use super::work::attempted::Attempted;
use crate::model::report::{Dispatched, ReportedPullRequest};
use crate::model::{Attempt, Outcome, Sha};
use std::time::Duration;

/// A ticket that was worked on, as the report has it.
pub(super) fn dispatched(
    run: &Run<'_>,
    parcel: &Parcel,
    attempts: &[Attempted],
    outcome: Outcome,
    begun: Duration,
) -> Dispatched {
    let elapsed = run.elapsed().saturating_sub(begun);
    let record = &parcel.record;
    let pull_request = record.pull_request.as_ref().map(|pull| ReportedPullRequest {
        number: pull.number,
        url: pull.url.clone(),
        created: parcel.created,
    });
    let branch = record.branch.as_ref().unwrap_or(&parcel.claim.branch);
    let mut dispatched = Dispatched {
        outcome: Some(outcome),
        branch: branch.to_string(),
        head_sha: record.head_sha.as_ref().map(Sha::to_string),
        attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
        pull_request,
        duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        blocked_reason: record.blocked_reason().map(str::to_owned),
        stage: Some(record.stage.name()),
        fault: record.fault.clone(),
        kept: parcel.kept.clone(),
        warnings: parcel.warnings.iter().map(|warning| run.redact(warning)).collect(),
        ..Dispatched::of(&parcel.issue)
    };
    for one in attempts {
        dispatched.tool_calls += one.attempt.tool_calls;
        dispatched.usage = dispatched.usage.plus(&one.attempt.usage);
    }
    if let Some(last) = attempts.last() {
        let (complexity, choice) = model_choice::model_for(run, &parcel.issue, last.attempt.number);
        (dispatched.complexity, dispatched.model_reason) = (complexity, Some(choice.reason));
        let Attempt { failure, phase, model, gates, .. } = last.attempt.clone();
        dispatched.failure = failure;
        dispatched.phase = Some(phase);
        dispatched.model = model;
        dispatched.gates = gates;
        dispatched.commits = last.work.commits.len() as u64;
        dispatched.files_changed = last.work.files.len() as u64;
        dispatched.error = Some(last.error.clone()).filter(|error| !error.is_empty());
        dispatched.log = last.log.as_ref().map(|log| log.display().to_string());
    }
    if dispatched.error.is_none() {
        dispatched.error = record.fault.as_ref().map(|fault| fault.message.clone());
    }
    dispatched
}
