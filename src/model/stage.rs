//! The stages of a change: what is done, and everything the next step needs. Values only; which
//! step follows a stage is the cycle's, what a fault means is `policy::faults`'.

use super::{GateResult, RecordedUsage, Sha, Time, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

type Extra = BTreeMap<String, Value>;

/// How far a change has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// A run holds the claim, or held it when it died.
    Claimed,
    /// The work is accepted; next: push the branch.
    Ready(Box<Delivery>),
    /// The branch is on the remote; next: open or find the pull request.
    Pushed(Box<Delivery>),
    /// The pull request is there; next: link it, move the ticket, write the comment.
    Proposed(Box<Delivery>),
    /// Next: look at the pull request.
    InReview(Review),
    /// Next: claim again, same branch, same pull request.
    Rework(Rework),
    Merged(Ended),
    Closed(Ended),
    Done(Ended),
    /// Becomes eligible by itself.
    Waiting(Wait),
    /// A person's turn.
    Blocked(Block),
}

/// An accepted change on its way to the pull request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub head: Sha,
    /// The commit the work started from.
    pub base: Sha,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub draft: bool,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub reviewers: Vec<String>,
    /// What people should know of the change; in the body already.
    #[serde(default)]
    pub notes: Vec<String>,
    #[serde(default)]
    pub gates: Vec<GateResult>,
    /// Paths the change touches, at most [`FILES`].
    #[serde(default)]
    pub files: Vec<String>,
    #[serde(default)]
    pub commits: u64,
    #[serde(default)]
    pub attempt: u32,
    #[serde(default)]
    pub usage: RecordedUsage,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub agent: Option<String>,
    /// The run that did the work.
    #[serde(default)]
    pub run_id: Option<String>,
    #[serde(default)]
    pub accepted_at: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Delivery {
    /// Pushed work of which nothing but its head is known: its words are made when it is proposed.
    pub fn found(head: Sha) -> Self {
        Self {
            base: head.clone(),
            head,
            title: String::new(),
            body: String::new(),
            draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            notes: Vec::new(),
            gates: Vec::new(),
            files: Vec::new(),
            commits: 0,
            attempt: 0,
            usage: RecordedUsage::default(),
            model: None,
            agent: None,
            run_id: None,
            accepted_at: None,
            extra: Extra::new(),
        }
    }

    /// Whether nobody wrote what its pull request says.
    pub fn lacks_words(&self) -> bool {
        self.title.is_empty()
    }
}

/// Paths a record keeps of a change.
pub const FILES: usize = 200;

/// A pull request people look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The head that was seen last.
    #[serde(default)]
    pub head: Option<Sha>,
    #[serde(default)]
    pub since: Option<Time>,
    #[serde(default)]
    pub files: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A further round on the same branch and pull request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rework {
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub round: u32,
    #[serde(flatten)]
    pub extra: Extra,
}

/// The end of a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// `merged`, `closed`, `no_changes`, `ticket_closed`.
    #[serde(default)]
    pub result: String,
    /// Who decided it, where that is known.
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub at: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// The results of an ended change.
pub const NO_CHANGES: &str = "no_changes";
pub const TICKET_CLOSED: &str = "ticket_closed";

/// A ticket that becomes eligible by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// `None`: by the next cycle.
    #[serde(default)]
    pub until: Option<Time>,
    #[serde(default)]
    pub why: String,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A ticket that waits for a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    #[serde(default)]
    pub why: String,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Stage {
    pub fn waiting(until: Option<Time>, why: impl Into<String>) -> Self {
        Self::Waiting(Wait { until, why: why.into(), extra: Extra::new() })
    }

    pub fn blocked(why: impl Into<String>) -> Self {
        Self::Blocked(Block { why: why.into(), extra: Extra::new() })
    }

    pub fn done(result: &str, at: Option<Time>) -> Self {
        Self::Done(Ended { result: result.to_owned(), at, ..Ended::default() })
    }

    pub const fn name(&self) -> StageName {
        match self {
            Self::Claimed => StageName::Claimed,
            Self::Ready(_) => StageName::Ready,
            Self::Pushed(_) => StageName::Pushed,
            Self::Proposed(_) => StageName::Proposed,
            Self::InReview(_) => StageName::InReview,
            Self::Rework(_) => StageName::Rework,
            Self::Merged(_) => StageName::Merged,
            Self::Closed(_) => StageName::Closed,
            Self::Done(_) => StageName::Done,
            Self::Waiting(_) => StageName::Waiting,
            Self::Blocked(_) => StageName::Blocked,
        }
    }

    /// The change that is being delivered, where one is.
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Ready(delivery) | Self::Pushed(delivery) | Self::Proposed(delivery) => Some(delivery),
            _ => None,
        }
    }

    /// Nothing follows by itself.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Merged(_) | Self::Closed(_) | Self::Done(_))
    }

    /// The word readers of version 1 know.
    pub fn status(&self) -> IssueStatus {
        match self {
            Self::Claimed | Self::Ready(_) | Self::Pushed(_) | Self::Proposed(_) => IssueStatus::Running,
            Self::InReview(_) | Self::Rework(_) => IssueStatus::InReview,
            Self::Done(end) if end.result == NO_CHANGES => IssueStatus::NoChanges,
            Self::Merged(_) | Self::Closed(_) | Self::Done(_) => IssueStatus::Done,
            Self::Waiting(_) => IssueStatus::Failed,
            Self::Blocked(_) => IssueStatus::Blocked,
        }
    }
}

/// The stages' names, as the document has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    Claimed,
    Ready,
    Pushed,
    Proposed,
    InReview,
    Rework,
    Merged,
    Closed,
    Done,
    Waiting,
    Blocked,
}

impl StageName {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Ready => "ready",
            Self::Pushed => "pushed",
            Self::Proposed => "proposed",
            Self::InReview => "in_review",
            Self::Rework => "rework",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
        }
    }
}

/// The word of version 1 for how an issue stands; derived from the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueStatus {
    Running,
    InReview,
    Done,
    Failed,
    Blocked,
    NoChanges,
}

impl IssueStatus {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::InReview => "in_review",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::NoChanges => "no_changes",
        }
    }
}

/// What one ticket has cost in all its attempts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    #[serde(default, deserialize_with = "super::state::amount")]
    pub usd: f64,
    #[serde(default, deserialize_with = "super::state::count")]
    pub tokens: u64,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Cost {
    /// The sum, finite whatever is added.
    #[must_use]
    pub fn plus(self, usage: &Usage) -> Self {
        let usd = self.usd + usage.usd.filter(|usd| usd.is_finite() && *usd > 0.0).unwrap_or(0.0);
        let usd = if usd.is_finite() { usd.max(0.0) } else { f64::MAX.sqrt() };
        Self { usd, tokens: self.tokens.saturating_add(usage.total_tokens()), extra: self.extra }
    }
}

impl Review {
    pub fn of(delivery: &Delivery, since: Time) -> Self {
        Self {
            head: Some(delivery.head.clone()),
            since: Some(since),
            files: delivery.files.clone(),
            extra: Extra::new(),
        }
    }
}
