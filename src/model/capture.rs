//! What one attempt did and found out, kept for the next one: a page of facts, no code.

use super::{
    BranchName, Failure, GateResult, IssueId, Outcome, OutcomeRecord, Phase, RunId, Sha, Time, safe_key,
};
use serde::{Deserialize, Serialize};

/// Captures that are kept: the newest.
pub const KEPT: usize = 50;

/// One attempt, as the next one is told of it. Texts are redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    pub timestamp: Time,
    pub run_id: RunId,
    pub issue: String,
    pub issue_id: IssueId,
    pub title: String,
    pub attempt: u32,
    pub outcome: Outcome,
    #[serde(default)]
    pub failure: Option<Failure>,
    pub phase: Phase,
    pub branch: BranchName,
    pub base_sha: Sha,
    /// What the attempt left; on the remote only when it was published.
    #[serde(default)]
    pub head_sha: Option<Sha>,
    #[serde(default)]
    pub created: Vec<String>,
    #[serde(default)]
    pub changed: Vec<String>,
    #[serde(default)]
    pub deleted: Vec<String>,
    /// Oldest first.
    #[serde(default)]
    pub commits: Vec<CapturedCommit>,
    /// From the first of them to the last; `None` when there are not two.
    #[serde(default)]
    pub commits_span_ms: Option<u64>,
    /// Sentences of commit messages that tell of a choice.
    #[serde(default)]
    pub decisions: Vec<String>,
    #[serde(default)]
    pub gates: Vec<GateResult>,
    #[serde(default)]
    pub error_tail: Option<String>,
    /// What the agent said at its end.
    #[serde(default)]
    pub last_words: Option<String>,
    #[serde(default)]
    pub duration_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedCommit {
    pub sha: Sha,
    pub subject: String,
}

impl Capture {
    /// Whether it tells of that attempt. A run that finds a lost attempt may make one of the same
    /// number itself: only their ends tell them apart.
    pub fn is_of(&self, attempt: &OutcomeRecord) -> bool {
        self.issue_id == attempt.issue_id
            && self.run_id == attempt.run_id
            && (self.attempt, self.outcome) == (attempt.attempt, attempt.outcome)
    }

    /// The name of its file; the names' order is that of time.
    pub fn file_name(&self) -> String {
        let at = self.timestamp.format("%Y%m%dT%H%M%S%.3fZ");
        format!("{at}-{}-{}.json", safe_key(&self.issue), self.attempt)
    }

    /// Whether a file of that name tells of the ticket.
    pub fn is_file_of(name: &str, issue: &str) -> bool {
        let attempt = name.split_once("Z-").map(|(_, rest)| rest).and_then(|rest| rest.rsplit_once('-'));
        attempt.is_some_and(|(key, _)| key.eq_ignore_ascii_case(&safe_key(issue)))
    }
}
