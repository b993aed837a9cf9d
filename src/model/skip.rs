//! Tickets a cycle left, and the rule that kept each out.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub issue: String,
    pub reason: SkipReason,
    pub detail: String,
}

/// Tickets that are no candidates, by the rule that keeps them out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptOut {
    pub reason: SkipReason,
    pub count: usize,
    /// How many of which state, label, person, project: `Backlog 7, Done 5`.
    pub detail: String,
    pub issues: Vec<KeptOutIssue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptOutIssue {
    pub issue: String,
    pub title: String,
    pub detail: String,
}

/// The rule that kept an issue out of this cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    State,
    LabelMissing,
    LabelExcluded,
    Assignee,
    Project,
    Team,
    BlockedBy,
    Claimed,
    InReview,
    Done,
    Backoff,
    Blocked,
    NoSlot,
    StateLimit,
    Overlap,
    AttemptsExhausted,
    Untrusted,
    ChangedSincePoll,
    Permission,
    Machine,
    Login,
    Service,
    Damaged,
}

impl SkipReason {
    pub fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::LabelMissing => "label_missing",
            Self::LabelExcluded => "label_excluded",
            Self::Assignee => "assignee",
            Self::Project => "project",
            Self::Team => "team",
            Self::BlockedBy => "blocked_by",
            Self::Claimed => "claimed",
            Self::InReview => "in_review",
            Self::Done => "done",
            Self::Backoff => "backoff",
            Self::Blocked => "blocked",
            Self::NoSlot => "no_slot",
            Self::StateLimit => "state_limit",
            Self::Overlap => "overlap",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Untrusted => "untrusted",
            Self::ChangedSincePoll => "changed_since_poll",
            Self::Permission => "permission",
            Self::Machine => "machine",
            Self::Login => "login",
            Self::Service => "service",
            Self::Damaged => "damaged",
        }
    }
}
