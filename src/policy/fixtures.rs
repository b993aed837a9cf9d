//! Plain values for the tests of this room.

use crate::model::settings::{AssigneeRule, Backoff, Limits, TrackerRules};
use crate::model::*;
use crate::policy::prompt::Brief;
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many seconds after some moment.
pub fn at(seconds: i64) -> Time {
    Time::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

pub fn in_state(name: &str) -> TicketState {
    TicketState { name: name.to_owned(), kind: StateKind::Unknown }
}

pub fn issue(identifier: &str) -> Issue {
    Issue {
        id: IssueId::new(identifier.to_lowercase()),
        identifier: identifier.to_owned(),
        title: format!("title of {identifier}"),
        description: String::new(),
        has_details: true,
        url: None,
        state: in_state("Todo"),
        team: None,
        priority: Priority::None,
        labels: Vec::new(),
        estimate: None,
        assignee: None,
        creator: None,
        blocked_by: Vec::new(),
        created_at: None,
        updated_at: Some(at(0)),
        archived: false,
        elsewhere: None,
    }
}

/// What marks text from outside in [`brief`].
pub const BOUNDARY: &str = "7f3a9c";

/// A first attempt on a clean base.
pub fn brief(issue: &Issue) -> Brief<'_> {
    Brief {
        issue,
        attempt: 1,
        base_branch: "main",
        branch: "conductor/ENG-1",
        prior: &[],
        captures: &[],
        page: None,
        adjustments: &[],
        continues: &crate::model::continuation::CLEAN,
        gates: &[],
        boundary: BOUNDARY,
    }
}

pub fn rules() -> TrackerRules {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    TrackerRules {
        active_states: names(&["Todo"]),
        terminal_states: names(&["Done", "Canceled"]),
        in_progress_state: "In Progress".to_owned(),
        in_review_state: "In Review".to_owned(),
        done_state: "Done".to_owned(),
        required_labels: Vec::new(),
        excluded_labels: Vec::new(),
        assignee: AssigneeRule::Any,
    }
}

pub fn limits() -> Limits {
    Limits {
        max_concurrent: 5,
        per_state: Vec::new(),
        per_cycle: None,
        deadline: None,
        max_interruptions: 3,
        max_failures: 3,
        reconcile_interval: Duration::from_secs(30),
        max_attempts: 2,
    }
}

pub const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(300) };

pub fn record(status: IssueStatus) -> IssueRecord {
    let stage = match status {
        IssueStatus::Running => Stage::Claimed,
        IssueStatus::InReview => Stage::InReview(Review::default()),
        IssueStatus::Done => Stage::done("merged", None),
        IssueStatus::NoChanges => Stage::done(crate::model::stage::NO_CHANGES, None),
        IssueStatus::Failed => Stage::waiting(None, "it failed"),
        IssueStatus::Blocked => Stage::blocked("recorded as blocked"),
    };
    IssueRecord { issue_updated_at: Some(at(0)), ..IssueRecord::new("ENG-1", stage) }
}

pub fn attempt(outcome: Outcome, failure: Option<Failure>, tail: &str) -> Attempt {
    Attempt {
        number: 1,
        outcome,
        failure,
        fault: None,
        limit_by_words: false,
        phase: Phase::Implementing,
        tool_calls: 3,
        files_modified: 1,
        usage: Usage::default(),
        duration_ms: 1000,
        has_commits: false,
        model: None,
        gates: Vec::new(),
        error_tail: Some(tail.to_owned()).filter(|tail| !tail.is_empty()),
        session: None,
    }
}

pub fn outcome(attempt: u32, outcome: Outcome, failure: Option<Failure>, tail: &str) -> OutcomeRecord {
    OutcomeRecord {
        timestamp: at(0),
        run_id: RunId::new("run"),
        issue: "ENG-1".to_owned(),
        issue_id: IssueId::new("eng-1"),
        attempt,
        outcome,
        failure,
        phase: Phase::Testing,
        tool_calls: 12,
        files_modified: 2,
        tokens_used: 0,
        usd: None,
        duration_ms: 0,
        has_commits: true,
        labels: Vec::new(),
        model: None,
        branch: None,
        pull_request: None,
        gates: Vec::new(),
        error_tail: Some(tail.to_owned()).filter(|tail| !tail.is_empty()),
        session: None,
        extra: BTreeMap::new(),
    }
}

pub fn claim(run: &str, lease_ends: Time) -> Claim {
    Claim {
        identifier: "ENG-1".to_owned(),
        run_id: RunId::new(run),
        host: "runner-7".to_owned(),
        pid: 1,
        pid_started: None,
        ci_run_url: None,
        claimed_at: at(0),
        lease_expires_at: lease_ends,
        attempt: 1,
        branch: BranchName::new("conductor/ENG-1"),
        base_sha: Sha::new("0"),
        purpose: Purpose::Work,
        ticket_state: None,
        assigned: None,
        extra: BTreeMap::new(),
    }
}
