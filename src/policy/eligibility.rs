//! Whether an issue may be worked on now, and if not, by which rule. Looks at one issue alone:
//! slots, overlap and trust are judged elsewhere.

use crate::model::report::SkipReason;
use crate::model::settings::{AssigneeRule, Limits, TrackerRules};
use crate::model::state::RecordedPullRequest;
use crate::model::{Blocker, Claim, Issue, IssueRecord, IssueStatus, State, StateKind, Time};
use chrono::{SecondsFormat, TimeDelta};

/// What an issue is judged by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub tracker: &'a TrackerRules,
    pub limits: &'a Limits,
    pub lease_skew: TimeDelta,
    pub now: Time,
    /// Whether the claim's run still lives, as far as can be known beyond its lease: its process
    /// on this host, its CI run. A run's own claims are no obstacle to it: `false` for those.
    pub is_alive: &'a dyn Fn(&Claim) -> bool,
    /// An operator's word: sets aside the ticket's state and labels, backoff and blocks. Never
    /// another run's claim, an open blocker, or a pull request in review.
    pub force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Eligible {
        /// What was recorded of the issue is about an earlier form of the ticket, or was set aside
        /// by force: its failures count no longer ([`super::retry::renewed`]).
        anew: bool,
    },
    Skip(Skip),
}

/// The rule that excludes an issue, and the facts for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub reason: SkipReason,
    pub detail: String,
}

impl Skip {
    pub fn new(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// The first rule that excludes the issue decides.
pub fn assess(issue: &Issue, state: &State, rules: &Rules) -> Verdict {
    let record = state.issues.get(&issue.id);
    let changed = record.is_some_and(|record| has_changed_since(issue, record));
    let found = claimed(state.claims.get(&issue.id), rules)
        .or_else(|| archived(issue))
        .or_else(|| record.and_then(|record| finished(issue, record, changed, rules.tracker)))
        .or_else(|| in_another_state(issue, rules).filter(|_| !rules.force))
        .or_else(|| labelled(issue, rules.tracker).filter(|_| !rules.force))
        .or_else(|| assigned(issue, &rules.tracker.assignee))
        .or_else(|| blocked_by(issue, rules.tracker))
        .or_else(|| untitled(issue).filter(|_| !rules.force))
        .or_else(|| record.and_then(|record| held_back(record, changed, rules)).filter(|_| !rules.force));
    match found {
        Some(skip) => Verdict::Skip(skip),
        None => Verdict::Eligible { anew: record.is_some() && (changed || rules.force) },
    }
}

/// Whether a claim's lease, with the clocks' skew on top, has passed. Such a claim is dead
/// whatever else is known of its run.
pub fn lease_is_over(claim: &Claim, skew: TimeDelta, now: Time) -> bool {
    claim.lease_expires_at.checked_add_signed(skew).is_some_and(|end| now >= end)
}

/// Whether an open issue stands before this one.
pub fn is_open(blocker: &Blocker, rules: &TrackerRules) -> bool {
    blocker.state.kind != StateKind::Closed && !blocker.state.is_among(&rules.terminal_states)
}

/// Whether a person changed the ticket after we last wrote to it. Unknown times prove nothing.
fn has_changed_since(issue: &Issue, record: &IssueRecord) -> bool {
    matches!((issue.updated_at, record.issue_updated_at), (Some(now), Some(then)) if now > then)
}

fn claimed(claim: Option<&Claim>, rules: &Rules) -> Option<Skip> {
    let claim = claim
        .filter(|claim| !lease_is_over(claim, rules.lease_skew, rules.now) && (rules.is_alive)(claim))?;
    let detail =
        format!("run {} on {} holds it until {}", claim.run_id, claim.host, moment(claim.lease_expires_at));
    Some(Skip::new(SkipReason::Claimed, detail))
}

fn archived(issue: &Issue) -> Option<Skip> {
    issue.archived.then(|| Skip::new(SkipReason::State, "it is archived: restore it first"))
}

/// A finished issue comes back only when a person moved its ticket back: one that is still where
/// Conductor itself puts tickets may have been touched by the pull request's own integration.
fn finished(issue: &Issue, record: &IssueRecord, changed: bool, rules: &TrackerRules) -> Option<Skip> {
    let where_we_put_it =
        issue.state.is_named(&rules.in_review_state) || issue.state.is_named(&rules.in_progress_state);
    if changed && !where_we_put_it {
        return None;
    }
    match record.status {
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

fn pull_request(pull: Option<&RecordedPullRequest>) -> String {
    match pull {
        Some(pull) => format!("pull request #{} ({})", pull.number, pull.url),
        None => "its work".to_owned(),
    }
}

fn in_another_state(issue: &Issue, rules: &Rules) -> Option<Skip> {
    let active = &rules.tracker.active_states;
    if issue.state.is_among(active) {
        return None;
    }
    let detail = format!("its state is {}, not one of {}", issue.state.name, active.join(", "));
    Some(Skip::new(SkipReason::State, detail))
}

fn labelled(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let carries =
        |wanted: &&String| issue.labels.iter().any(|label| crate::model::issue::same_name(label, wanted));
    let missing: Vec<&str> =
        rules.required_labels.iter().filter(|label| !carries(label)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Some(Skip::new(SkipReason::LabelMissing, format!("it lacks {}", missing.join(", "))));
    }
    let excluded: Vec<&str> = rules.excluded_labels.iter().filter(carries).map(String::as_str).collect();
    (!excluded.is_empty())
        .then(|| Skip::new(SkipReason::LabelExcluded, format!("it carries {}", excluded.join(", "))))
}

fn assigned(issue: &Issue, rule: &AssigneeRule) -> Option<Skip> {
    let person = issue.assignee.as_ref();
    let (fits, wanted) = match rule {
        AssigneeRule::Any => (true, ""),
        AssigneeRule::Nobody => (person.is_none(), "nobody"),
        AssigneeRule::Me => (person.is_some_and(|p| p.is_me), "the credential's owner"),
        AssigneeRule::Person(who) => {
            let is_who = |text: &str| crate::model::issue::same_name(text, who);
            let fits = person
                .is_some_and(|p| is_who(&p.id) || is_who(&p.name) || p.email.as_deref().is_some_and(is_who));
            (fits, who.as_str())
        }
    };
    if fits {
        return None;
    }
    let holder = person.map_or("nobody", |p| p.name.as_str());
    Some(Skip::new(SkipReason::Assignee, format!("it is assigned to {holder}, not to {wanted}")))
}

fn blocked_by(issue: &Issue, rules: &TrackerRules) -> Option<Skip> {
    let open: Vec<String> = issue
        .blocked_by
        .iter()
        .filter(|blocker| is_open(blocker, rules))
        .map(|blocker| format!("{} is {}", blocker.identifier, blocker.state.name))
        .collect();
    (!open.is_empty()).then(|| Skip::new(SkipReason::BlockedBy, open.join(", ")))
}

fn untitled(issue: &Issue) -> Option<Skip> {
    let title = crate::model::text::visible(&issue.title);
    title
        .trim()
        .is_empty()
        .then(|| Skip::new(SkipReason::Blocked, "the title is empty: say what is to be done"))
}

/// What earlier attempts mean for this one. A changed ticket lifts blocks; a wait it sits out.
fn held_back(record: &IssueRecord, changed: bool, rules: &Rules) -> Option<Skip> {
    if !changed && let Some(skip) = blocked(record, rules.limits) {
        return Some(skip);
    }
    let until = record.next_attempt_at.filter(|until| *until > rules.now)?;
    let detail = format!("next attempt at {}, after {}", moment(until), times(record.failures(), "failure"));
    Some(Skip::new(SkipReason::Backoff, detail))
}

fn blocked(record: &IssueRecord, limits: &Limits) -> Option<Skip> {
    const REMEDY: &str = "change the ticket or say `conductor retry`";
    let failures = record.failures();
    if failures >= limits.max_failures.max(1) {
        let detail = format!("{} of {} allowed: {REMEDY}", times(failures, "failure"), limits.max_failures);
        return Some(Skip::new(SkipReason::AttemptsExhausted, detail));
    }
    let why = match record.status {
        IssueStatus::Blocked => {
            record.blocked_reason.clone().unwrap_or_else(|| "recorded as blocked".to_owned())
        }
        IssueStatus::NoChanges => "the agent found nothing to change".to_owned(),
        _ if record.interruptions > limits.max_interruptions => {
            format!("interrupted {}", times(record.interruptions, "time"))
        }
        _ => return None,
    };
    Some(Skip::new(SkipReason::Blocked, format!("{why}: {REMEDY}")))
}

fn times(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A time for people, to the second.
fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
