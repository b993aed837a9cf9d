//! One claimed ticket, from its workspace to accepted work or a failed attempt. Whatever happens
//! here is this ticket's own: every path ends in a [`WorkResult`], and no path ends another's work.

pub(super) mod agent;
pub(super) mod agent_run;
pub(super) mod attempt;
pub(super) mod attempted;
pub(super) mod context;
pub(super) mod environment;
pub(super) mod files;
pub(super) mod hooks;
pub(super) mod job;
pub(super) mod refused;
pub(super) mod result;
pub(super) mod resume;
pub(super) mod saved;
pub(super) mod turns;
pub(super) mod verify;

use super::run::Run;
use super::stop::Stops;
use crate::gates::hooks::Hook;
use crate::model::cycle_event::CycleEventKind;
use crate::model::{Continuation, Failure, FaultKind, IssueRecord, Outcome};
use crate::policy::advice::advice;
use crate::policy::retry::{self, Next};
use crate::workspace::{Continued, WorkspaceError};
use attempt::Plan;
use attempted::Attempted;
use job::{ClaimedIssue, Job};
use result::WorkResult;
use std::time::Duration;

/// Works on a claimed ticket. The workspace stays until the result is delivered or recorded.
pub(super) fn work<'c>(
    run: &Run<'_>,
    claimed: &'c ClaimedIssue,
    job: Result<Job<'c>, WorkspaceError>,
    stops: &Stops<'_>,
) -> WorkResult<'c> {
    let job = match job {
        Ok(job) => job,
        Err(error) => {
            let kind = match error {
                WorkspaceError::Foreign(_) => FaultKind::WorkspaceTaken,
                _ => FaultKind::Workspace,
            };
            let error = run.redact(&error.to_string());
            let number = claimed.claim.attempt;
            return WorkResult::without_workspace(Attempted::without_agent(
                number,
                Failure::Workspace,
                Some(kind),
                error,
            ));
        }
    };
    let attempts = attempts(run, &job, stops);
    WorkResult::of(run, job, attempts)
}

/// Attempts until one stands, or none may follow.
fn attempts(run: &Run<'_>, job: &Job<'_>, stops: &Stops<'_>) -> Vec<Attempted> {
    let first = job.claimed.claim.attempt;
    if let Err(failed) = hooks::run(run, Hook::AfterCreate, job, first, stops) {
        return vec![Attempted::without_agent(
            first,
            Failure::HookFailed,
            None,
            run.redact(&failed.to_string()),
        )];
    }
    let mut all: Vec<Attempted> = Vec::new();
    let mut record = job.claimed.record.clone();
    let mut adjustments = advice(&job.issue().id, &run.ledger.state());
    let mut continues = continuation(run, job, job.workspace.continued());
    let mut is_anew = job.workspace.continued().lost.is_some();
    let mut on_fallback = false;
    loop {
        // A limit of the provider spends no attempt.
        let spent = all.iter().filter(|attempted| !attempted.is_limited()).count();
        let count = u32::try_from(spent).unwrap_or(u32::MAX).saturating_add(1);
        let number = first.saturating_add(count - 1);
        run.emit(job.issue(), CycleEventKind::AttemptStarted { attempt: number });
        let worker = environment::worker(run, job.issue(), number, on_fallback);
        let plan =
            Plan { number, adjustments: &adjustments, earlier: &all, worker, continues: &continues, is_anew };
        let mut attempted = attempt::attempt(run, job, &plan, stops);
        if attempted.attempt.outcome == Outcome::Interrupted
            && let Some(change) = stops.change(&job.issue().id)
        {
            attempted.interrupt(&change);
        }
        let ended = attempted.attempt.clone();
        all.push(attempted);
        if ended.outcome == Outcome::Success {
            return all;
        }
        let failed =
            CycleEventKind::AttemptEnded { attempt: number, outcome: ended.outcome, failure: ended.failure };
        run.emit(job.issue(), failed);
        record = after(run, &record, &ended);
        let is_limited = ended.failure == Some(Failure::RateLimited);
        let next = if is_limited && !on_fallback && fallback_is_there(run) {
            on_fallback = true;
            Next::Retry { after: Duration::ZERO, adjustments: Vec::new() }
        } else {
            retry::within_cycle(&record, &ended, count, &run.settings.limits, &run.settings.retry)
        };
        let Next::Retry { after, adjustments: advice } = next else {
            return all;
        };
        match prepare_next(run, job, &all) {
            Ok(there) if wait(run, job, after, stops) => {
                is_anew = there.lost.is_some();
                continues = continuation(run, job, &there);
            }
            _ => return all,
        }
        adjustments = advice;
    }
}

/// Whether there is a second agent, and it starts. What it could not do spends nobody's attempt.
fn fallback_is_there(run: &Run<'_>) -> bool {
    let Some(fallback) = &run.world.fallback else { return false };
    match fallback.agent.probe() {
        Ok(_) => true,
        Err(error) => {
            let error = run.redact(&error.to_string());
            run.warn(None, format!("agent.fallback cannot step in: {error}; next: `agent.fallback.command`"));
            false
        }
    }
}

/// The workspace for a further attempt: with the work so far, or clean where that was refused.
fn prepare_next(run: &Run<'_>, job: &Job<'_>, all: &[Attempted]) -> Result<Continued, WorkspaceError> {
    let refused = all.last().is_some_and(Attempted::is_refused);
    if refused {
        run.world.workspaces.refuse(&job.workspace)?;
    } else {
        run.world.workspaces.save(&job.workspace)?;
    }
    if refused || run.settings.agent.fresh_retry {
        job.workspace.reset()?;
        return Ok(Continued::default());
    }
    job.workspace.prepare_next()
}

fn continuation(run: &Run<'_>, job: &Job<'_>, continued: &Continued) -> Continuation {
    if let Some(lost) = &continued.lost {
        let message = format!("the attempt starts from a clean base: {lost}");
        run.warn(Some(&job.issue().identifier), message);
    }
    Continuation {
        commits: continued.commits.iter().rev().map(|commit| commit.subject().to_owned()).collect(),
        uncommitted: continued.uncommitted.clone(),
    }
}

/// What an attempt makes of the record.
fn after(run: &Run<'_>, record: &IssueRecord, attempt: &crate::model::Attempt) -> IssueRecord {
    retry::record_after(record, attempt, &run.settings.limits, &run.settings.retry, run.now())
}

/// Waits, unless the work must end.
fn wait(run: &Run<'_>, job: &Job<'_>, duration: Duration, stops: &Stops<'_>) -> bool {
    let issue = job.issue();
    let end = run.world.clock.monotonic().saturating_add(duration);
    let delta = chrono::TimeDelta::from_std(duration).unwrap_or_default();
    if let Some(until) = run.now().checked_add_signed(delta) {
        run.emit(issue, CycleEventKind::Waiting { until });
    }
    while stops.reason(&issue.id).is_none() {
        let left = end.saturating_sub(run.world.clock.monotonic());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    false
}
