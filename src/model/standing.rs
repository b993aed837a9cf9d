//! How things stand between runs, as values for people and programs: tickets with whose turn it is,
//! claims with whether their runs live, limits, budgets, what cannot be read.

use super::damaged::Damaged;
use super::live::LiveRun;
use super::state::{RateLimit, Writer};
use super::{BranchName, Claim, Cost, Fault, IssueId, OutcomeRecord, RecordedPullRequest, StageName, Time};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    pub updated_at: Option<Time>,
    pub updated_by: Option<Writer>,
    /// What keeps every run from beginning anything.
    pub deferred: Option<Deferred>,
    pub rate_limit: RateLimit,
    pub budget: BudgetStanding,
    /// What is open, those that wait for a person first.
    pub tickets: Vec<TicketStanding>,
    /// Changes that came to their end and are remembered.
    pub ended: usize,
    pub claims: Vec<ClaimStanding>,
    /// Newest last.
    pub outcomes: Vec<OutcomeRecord>,
    pub damaged: Vec<DamagedRecord>,
    /// Times on record that this machine's clock cannot agree with.
    pub clocks: Vec<Finding>,
    /// The run that works on this machine now.
    pub live: Option<LiveRun>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deferred {
    pub until: Time,
    pub why: String,
}

/// What was used today, and what may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetStanding {
    pub day: String,
    pub tokens_used: u64,
    pub tokens_allowed: Option<u64>,
    pub usd_used: f64,
    pub usd_allowed: Option<f64>,
}

/// Who acts next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Whoever runs Conductor: a login, a permission, a machine is to be mended.
    Operator,
    /// Whoever wrote the ticket.
    Person,
    /// Whoever looks at the pull request.
    Reviewer,
    /// The provider's limit has to pass.
    Provider,
    Conductor,
}

impl Turn {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Operator => "an operator's turn",
            Self::Person => "a person's turn",
            Self::Reviewer => "a reviewer's turn",
            Self::Provider => "the provider's limit has to pass",
            Self::Conductor => "Conductor's turn",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TicketStanding {
    pub issue: String,
    pub issue_id: IssueId,
    pub stage: StageName,
    pub turn: Turn,
    /// What happens next, or has to.
    pub next: String,
    /// Not before; `None`: by the next run, or by somebody else.
    pub next_try_at: Option<Time>,
    pub fault: Option<Fault>,
    pub pull_request: Option<RecordedPullRequest>,
    pub branch: Option<BranchName>,
    pub attempts: u32,
    pub failures: u32,
    pub interruptions: u32,
    pub rounds: u32,
    pub cost: Cost,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimStanding {
    pub issue_id: IssueId,
    #[serde(flatten)]
    pub claim: Claim,
    /// Since it was claimed, in milliseconds.
    pub age_ms: u64,
    pub alive: bool,
    /// How that is known.
    pub because: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedRecord {
    pub place: &'static str,
    pub key: String,
    pub identifier: Option<String>,
    pub why: String,
    /// What to do about it.
    pub remedy: String,
    pub raw: String,
}

impl DamagedRecord {
    pub fn of(damaged: &Damaged) -> Self {
        Self {
            place: damaged.place.word(),
            key: damaged.key.clone(),
            identifier: damaged.identifier.clone(),
            why: damaged.why.clone(),
            remedy: damaged.remedy(),
            raw: damaged.text().to_owned(),
        }
    }
}

/// Something in the document that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `issues ENG-42`
    pub place: String,
    pub what: String,
    pub remedy: String,
}
