//! Whether an issue may be worked on now, and if not, by which rule. Looks at one issue alone:
//! slots, overlap and trust are judged elsewhere.
//!
//! The order of the rules is the order of what a person wants to know first: who has the ticket
//! now, what is remembered of it, what the ticket itself says, and why it has to wait.

mod claims;
mod kept_out;
mod record;
mod ticket;

pub use claims::{lease_is_over, running};
pub use kept_out::kept_out;
pub use ticket::is_open;

use crate::model::report::SkipReason;
use crate::model::settings::{Limits, TrackerRules};
use crate::model::{Claim, Issue, State, Time};
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
    /// A wait on record is believed up to so far from now: the clock that wrote it may be wrong.
    pub max_wait: TimeDelta,
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
    let changed = record.is_some_and(|record| record::has_changed_since(issue, record));
    let forced_aside = |skip: Option<Skip>| skip.filter(|_| !rules.force);
    let found = claims::claimed(state.claims.get(&issue.id), rules)
        .or_else(|| record::damaged(issue, state))
        .or_else(|| ticket::archived(issue))
        .or_else(|| record.and_then(|record| record::finished(issue, record, changed, rules.tracker)))
        .or_else(|| ticket::elsewhere(issue))
        .or_else(|| forced_aside(ticket::in_another_state(issue, rules)))
        .or_else(|| forced_aside(ticket::labelled(issue, rules.tracker)))
        .or_else(|| ticket::assigned(issue, &rules.tracker.assignee))
        .or_else(|| ticket::blocked_by(issue, rules.tracker))
        .or_else(|| forced_aside(ticket::untitled(issue)))
        .or_else(|| forced_aside(record.and_then(|record| record::held_back(record, changed, rules))));
    match found {
        Some(skip) => Verdict::Skip(skip),
        None => Verdict::Eligible { anew: record.is_some() && (changed || rules.force) },
    }
}

/// A time for people, to the second.
fn moment(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
