//! Again or not, when, and with what advice: within a cycle and across cycles. A limit of the
//! provider or an interruption is never the issue's fault and spends nothing.

use super::symptom;
use crate::model::settings::{Backoff, Limits};
use crate::model::{Attempt, Failure, IssueRecord, IssueStatus, Outcome, Time};
use chrono::TimeDelta;
use std::time::Duration;

/// What follows an attempt within the same cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Once more, after that wait, with these sentences in the prompt.
    Retry { after: Duration, adjustments: Vec<String> },
    /// Not in this cycle; the reason is for people.
    Stop(String),
}

/// Whether the issue is tried again now. `record` is the one [`record_after`] made of this
/// attempt; `tried` counts the attempts of this cycle, this one included.
pub fn within_cycle(
    record: &IssueRecord,
    attempt: &Attempt,
    tried: u32,
    limits: &Limits,
    backoff: &Backoff,
) -> Next {
    let Some(failure) = class_of(attempt) else {
        return Next::Stop(format!("the attempt ended as {}", attempt.outcome.word()));
    };
    if let Some(why) = not_to_be_repeated(failure) {
        return Next::Stop(why.to_owned());
    }
    if record.status == IssueStatus::Blocked {
        return Next::Stop(record.blocked_reason.clone().unwrap_or_else(|| "it is blocked".to_owned()));
    }
    if tried >= limits.max_attempts {
        return Next::Stop(format!("{tried} of {} attempts of this cycle are used", limits.max_attempts));
    }
    Next::Retry { after: backoff.delay(tried), adjustments: symptom::adjustments(attempt) }
}

/// The issue's record after an attempt: what is counted, and when it may be tried again. Branch,
/// head and pull request are the publisher's to add.
pub fn record_after(
    record: &IssueRecord,
    attempt: &Attempt,
    limits: &Limits,
    backoff: &Backoff,
    now: Time,
) -> IssueRecord {
    match attempt.outcome {
        Outcome::Success => ended(record, attempt, IssueStatus::InReview),
        Outcome::NoChanges => ended(record, attempt, IssueStatus::NoChanges),
        Outcome::Interrupted => interrupted(record, limits),
        Outcome::Failure | Outcome::Partial => match class_of(attempt) {
            Some(Failure::RateLimited) => limited(record),
            failure => failed(record, attempt, failure, limits, backoff, now),
        },
    }
}

/// The record of an issue that starts over: its ticket changed, or an operator said so. Earlier
/// attempts stay known; what they cost is forgiven.
pub fn renewed(record: &IssueRecord) -> IssueRecord {
    IssueRecord {
        interruptions: 0,
        failures_by_phase: Default::default(),
        next_attempt_at: None,
        blocked_reason: None,
        ..record.clone()
    }
}

/// The record after an interruption: counted apart from failures, and too many of them block.
pub fn interrupted(record: &IssueRecord, limits: &Limits) -> IssueRecord {
    let mut next = record.clone();
    next.interruptions = record.interruptions.saturating_add(1);
    if next.interruptions > limits.max_interruptions {
        next.status = IssueStatus::Blocked;
        next.blocked_reason = Some(format!("interrupted {} times", next.interruptions));
    }
    next
}

/// The failure an attempt stands for. An agent that merely exited may have said in words that its
/// provider's limit was reached.
pub fn class_of(attempt: &Attempt) -> Option<Failure> {
    if !attempt.outcome.is_failure() {
        return None;
    }
    let failure = attempt.failure.unwrap_or(Failure::AgentExit);
    let may_speak = matches!(failure, Failure::AgentExit | Failure::Protocol);
    if may_speak && attempt.error_tail.as_deref().is_some_and(symptom::tells_of_limit) {
        return Some(Failure::RateLimited);
    }
    Some(failure)
}

/// Failures that another run of the agent cannot mend.
fn not_to_be_repeated(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::RateLimited => Some("the provider's limit is reached"),
        Failure::Budget => Some("the issue's budget is used up"),
        Failure::Publish => Some("the work is there and could not be published"),
        Failure::HookFailed => Some("a hook failed"),
        Failure::Workspace => Some("the workspace could not be made"),
        Failure::AgentExit
        | Failure::TimedOut
        | Failure::Stalled
        | Failure::GateFailed
        | Failure::GuardRefused
        | Failure::Protocol => None,
    }
}

fn ended(record: &IssueRecord, attempt: &Attempt, status: IssueStatus) -> IssueRecord {
    let attempts = record.attempts.max(attempt.number);
    IssueRecord { status, attempts, ..renewed(record) }
}

/// A limit spends no attempt; the shared backoff says when to go on.
fn limited(record: &IssueRecord) -> IssueRecord {
    let mut next = record.clone();
    next.status = IssueStatus::Failed;
    next.next_attempt_at = None;
    next
}

fn failed(
    record: &IssueRecord,
    attempt: &Attempt,
    failure: Option<Failure>,
    limits: &Limits,
    backoff: &Backoff,
    now: Time,
) -> IssueRecord {
    let mut next = record.clone();
    next.attempts = record.attempts.max(attempt.number);
    let in_phase = next.failures_by_phase.entry(attempt.phase).or_insert(0);
    *in_phase = in_phase.saturating_add(1);
    let (in_phase, failures) = (*in_phase, next.failures());
    next.blocked_reason = if failures >= limits.max_failures {
        Some(format!("failed {failures} times"))
    } else if in_phase >= 2 && failure.is_some_and(is_the_works_own) {
        Some(format!("failed {in_phase} times while {}, likely a structural problem", attempt.phase.word()))
    } else {
        None
    };
    if next.blocked_reason.is_some() {
        next.status = IssueStatus::Blocked;
        next.next_attempt_at = None;
    } else {
        next.status = IssueStatus::Failed;
        next.next_attempt_at =
            TimeDelta::from_std(backoff.delay(failures)).ok().and_then(|delay| now.checked_add_signed(delay));
    }
    next
}

/// Whether the failure speaks about the work, rather than about what surrounds it: a remote that
/// was away twice is no structural problem of the issue.
fn is_the_works_own(failure: Failure) -> bool {
    !matches!(failure, Failure::Publish | Failure::HookFailed | Failure::Workspace)
}
