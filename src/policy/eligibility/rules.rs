//! What an issue is judged by, and what the judgement is.

use crate::model::report::SkipReason;
use crate::model::settings::{Limits, TrackerRules};
use crate::model::{Claim, Time};
use chrono::TimeDelta;

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
        /// by force: its failures count no longer ([`crate::policy::retry::renewed`]).
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
