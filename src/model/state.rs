//! The state document: what runs remember of each other. A contract (see the README's
//! "State document"): shapes change only with their version.
//!
//! Transitions borrow a state and return a new one or a [`Refusal`]; no clock, no I/O. Unknown
//! fields survive a rewrite.

use super::{BranchName, Failure, GateResult, IssueId, Outcome, Phase, RunId, Sha, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version this program reads and writes.
pub const VERSION: u32 = 1;

type Extra = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub version: u32,
    #[serde(default)]
    pub updated_at: Option<Time>,
    #[serde(default)]
    pub updated_by: Option<Writer>,
    #[serde(default)]
    pub claims: BTreeMap<IssueId, Claim>,
    #[serde(default)]
    pub issues: BTreeMap<IssueId, IssueRecord>,
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Day (`YYYY-MM-DD`, UTC) → what its runs used.
    #[serde(default)]
    pub usage: BTreeMap<String, DayUsage>,
    #[serde(default)]
    pub outcomes: Vec<OutcomeRecord>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    pub run_id: RunId,
    pub conductor: String,
}

/// Who works on an issue, and until when that may be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub identifier: String,
    pub run_id: RunId,
    pub host: String,
    pub pid: u32,
    /// When the process started, in the host's own terms: a pid alone may be somebody else's.
    #[serde(default)]
    pub pid_started: Option<String>,
    #[serde(default)]
    pub ci_run_url: Option<String>,
    pub claimed_at: Time,
    pub lease_expires_at: Time,
    pub attempt: u32,
    pub branch: BranchName,
    pub base_sha: Sha,
    #[serde(flatten)]
    pub extra: Extra,
}

/// What is remembered of an issue between cycles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssueRecord {
    pub identifier: String,
    pub status: IssueStatus,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default)]
    pub interruptions: u32,
    #[serde(default)]
    pub failures_by_phase: BTreeMap<Phase, u32>,
    #[serde(default)]
    pub branch: Option<BranchName>,
    #[serde(default)]
    pub head_sha: Option<Sha>,
    #[serde(default)]
    pub pull_request: Option<RecordedPullRequest>,
    #[serde(default)]
    pub next_attempt_at: Option<Time>,
    #[serde(default)]
    pub blocked_reason: Option<String>,
    /// The ticket's own time of change when we last wrote to it; a later one means a person did.
    #[serde(default)]
    pub issue_updated_at: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl IssueRecord {
    pub fn new(identifier: &str, status: IssueStatus) -> Self {
        Self {
            identifier: identifier.to_owned(),
            status,
            attempts: 0,
            interruptions: 0,
            failures_by_phase: BTreeMap::new(),
            branch: None,
            head_sha: None,
            pull_request: None,
            next_attempt_at: None,
            blocked_reason: None,
            issue_updated_at: None,
            extra: Extra::new(),
        }
    }

    /// All failures over all cycles.
    pub fn failures(&self) -> u32 {
        self.failures_by_phase.values().sum()
    }
}

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
    pub fn word(self) -> &'static str {
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPullRequest {
    pub number: u64,
    pub url: String,
}

/// The provider's limit, shared by all runners.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    #[serde(default)]
    pub backoff_until: Option<Time>,
    #[serde(default)]
    pub consecutive_hits: u32,
    #[serde(default)]
    pub total_hits: u32,
    #[serde(default)]
    pub last_hit_at: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DayUsage {
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub output_tokens: u64,
    #[serde(default)]
    pub cache_creation_tokens: u64,
    #[serde(default)]
    pub cache_read_tokens: u64,
    #[serde(default)]
    pub usd: f64,
    #[serde(default)]
    pub runs: u64,
    #[serde(flatten)]
    pub extra: Extra,
}

/// The day a moment belongs to, in the words of [`State::usage`].
pub fn day_of(at: Time) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// One attempt in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    pub timestamp: Time,
    pub run_id: RunId,
    pub issue: String,
    pub issue_id: IssueId,
    pub attempt: u32,
    pub outcome: Outcome,
    #[serde(default)]
    pub failure: Option<Failure>,
    pub phase: Phase,
    #[serde(default)]
    pub tool_calls: u64,
    #[serde(default)]
    pub files_modified: u64,
    #[serde(default)]
    pub tokens_used: u64,
    #[serde(default)]
    pub usd: Option<f64>,
    #[serde(default)]
    pub duration_ms: u64,
    #[serde(default)]
    pub has_commits: bool,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub branch: Option<BranchName>,
    #[serde(default)]
    pub pull_request: Option<String>,
    #[serde(default)]
    pub gates: Vec<GateResult>,
    #[serde(default)]
    pub error_tail: Option<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Why a transition is not possible on the state as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of what was asked is possible or needed any more.
    Nothing,
    /// The claim the transition builds on is no longer this run's.
    ClaimLost,
}

impl State {
    pub fn empty() -> Self {
        Self {
            version: VERSION,
            updated_at: None,
            updated_by: None,
            claims: BTreeMap::new(),
            issues: BTreeMap::new(),
            rate_limit: RateLimit::default(),
            usage: BTreeMap::new(),
            outcomes: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// Reads a document. A newer version or anything malformed is an error, never "empty".
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let head: Versioned = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        if head.version != VERSION {
            return Err(format!(
                "its version is {}, this program reads version {VERSION}: use a matching release of conductor",
                head.version
            ));
        }
        serde_json::from_slice(text).map_err(|e| e.to_string())
    }

    /// The document as it is stored: readable, one trailing newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_else(|_| "{}".to_owned());
        text.push('\n');
        text
    }

    /// The issue's record as a fresh or existing value.
    pub fn record_of(&self, id: &IssueId, identifier: &str) -> IssueRecord {
        self.issues.get(id).cloned().unwrap_or_else(|| IssueRecord::new(identifier, IssueStatus::Running))
    }
}

/// What stands for words that a host did not take.
const WITHHELD: &str = "the words were left out: the remote refused them";

impl State {
    /// The same without what programs and people said: for a host that refuses the document.
    pub fn without_free_text(&self) -> Self {
        let mut state = self.clone();
        let withhold = |text: &mut Option<String>| {
            if let Some(text) = text {
                WITHHELD.clone_into(text);
            }
        };
        state.issues.values_mut().for_each(|record| withhold(&mut record.blocked_reason));
        state.outcomes.iter_mut().for_each(|outcome| withhold(&mut outcome.error_tail));
        state
    }
}
