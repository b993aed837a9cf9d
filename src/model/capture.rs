//! What one attempt did and found out, kept for the next one: a page of facts, no code.

use super::{BranchName, Failure, GateResult, IssueId, Outcome, Phase, RunId, Sha, Time, safe_key};
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
    /// Whether it tells of that attempt.
    pub fn is_of(&self, issue: &IssueId, run: &RunId, attempt: u32) -> bool {
        self.issue_id == *issue && self.run_id == *run && self.attempt == attempt
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
