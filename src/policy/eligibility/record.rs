//! What is remembered of the ticket: work that is accepted or done, failures, waits, records that
//! cannot be read.

use super::rules::{Rules, Skip};
use crate::model::damaged::Place;
use crate::model::report::SkipReason;
use crate::model::settings::{Limits, TrackerRules};
use crate::model::text::counted;
use crate::model::{Issue, IssueRecord, IssueStatus, RecordedPullRequest, Stage, State, Time};
use chrono::SecondsFormat;

/// What is remembered of the ticket cannot be read: nobody knows what was done already.
pub(super) fn damaged(issue: &Issue, state: &State) -> Option<Skip> {
    let id = issue.id.as_str();
    let found = state.damage_of(Place::Claim, id).or_else(|| state.damage_of(Place::Issue, id))?;
    let detail = format!(
        "{}; see `conductor state verify`, then `conductor retry {}`",
        found.sentence(),
        issue.identifier
    );
    Some(Skip::new(SkipReason::Damaged, detail))
}

/// Whether a person changed the ticket after we last wrote to it. Unknown times prove nothing.
pub(super) fn has_changed_since(issue: &Issue, record: &IssueRecord) -> bool {
    matches!((issue.updated_at, record.issue_updated_at), (Some(now), Some(then)) if now > then)
}

/// A finished issue comes back only when a person moved its ticket back: one that is still where
/// Conductor itself puts tickets may have been touched by the pull request's own integration.
pub(super) fn finished(
    issue: &Issue,
    record: &IssueRecord,
    changed: bool,
    rules: &TrackerRules,
) -> Option<Skip> {
    let where_we_put_it =
        issue.state.is_named(&rules.in_review_state) || issue.state.is_named(&rules.in_progress_state);
    if let Stage::Ready(_) | Stage::Pushed(_) | Stage::Proposed(_) = record.stage {
        return Some(undelivered(record));
    }
    if changed && !where_we_put_it {
        return None;
    }
    match record.status() {
        IssueStatus::InReview => {
            let what = pull_request(record.pull_request.as_ref());
            Some(Skip::new(SkipReason::InReview, format!("{what} awaits review")))
        }
        IssueStatus::Done => {
            let detail = match &record.pull_request {
                Some(pull) => format!("done with {}", pull.url),
                None => "recorded as done".to_owned(),
            };
            Some(Skip::new(SkipReason::Done, detail))
        }
        IssueStatus::Running | IssueStatus::Failed | IssueStatus::Blocked | IssueStatus::NoChanges => None,
    }
}

/// Accepted work is delivered, never done again.
fn undelivered(record: &IssueRecord) -> Skip {
    let step = match record.stage {
        Stage::Ready(_) => "its branch is still to be pushed",
        Stage::Pushed(_) => "its pull request is still to be opened",
        _ => "its ticket is still to be moved",
    };
    let detail = match &record.fault {
        Some(fault) => format!("its work is accepted, {step}: {}", fault.message),
        None => format!("its work is accepted, {step}"),
    };
    Skip::new(SkipReason::InReview, detail)
}

fn pull_request(pull: Option<&RecordedPullRequest>) -> String {
    match pull {
        Some(pull) => format!("pull request #{} ({})", pull.number, pull.url),
        None => "its work".to_owned(),
    }
}

/// What earlier attempts mean for this one. A changed ticket lifts blocks; a wait it sits out.
pub(super) fn held_back(record: &IssueRecord, changed: bool, rules: &Rules) -> Option<Skip> {
    if !changed && let Some(skip) = blocked(record, rules.limits) {
        return Some(skip);
    }
    let is_believed = |until: &Time| until.signed_duration_since(rules.now) <= rules.max_wait;
    let until = record.next_attempt_at().filter(|until| *until > rules.now).filter(is_believed)?;
    let detail = format!(
        "next attempt at {}, after {}",
        moment(until),
        counted(record.failures() as usize, "failure")
    );
    Some(Skip::new(SkipReason::Backoff, detail))
}

fn blocked(record: &IssueRecord, limits: &Limits) -> Option<Skip> {
    const REMEDY: &str = "change the ticket, or name it with --issue and --force";
    let failures = record.failures();
    if failures >= limits.max_failures.max(1) {
        let detail =
            format!("{} of {} allowed: {REMEDY}", counted(failures as usize, "failure"), limits.max_failures);
        return Some(Skip::new(SkipReason::AttemptsExhausted, detail));
    }
    let why = match record.status() {
        IssueStatus::Blocked => record.blocked_reason().unwrap_or("recorded as blocked").to_owned(),
        IssueStatus::NoChanges => "the agent found nothing to change".to_owned(),
        _ if record.interruptions > limits.max_interruptions => {
            format!("interrupted {}", counted(record.interruptions as usize, "time"))
        }
        _ => return None,
    };
    Some(Skip::new(SkipReason::Blocked, format!("{why}: {REMEDY}")))
}

/// A time for people, to the second.
fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
