//! One attempt at one issue: its outcome, its checks, its record.

use super::{Failure, FaultKind, Phase, Session, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Published: the remote has the branch, the forge the pull request.
    Success,
    /// Failed, and left nothing to keep.
    Failure,
    /// Failed, and left work that was kept.
    Partial,
    /// The agent ended well and changed nothing.
    NoChanges,
    /// Ended from outside: a signal, the deadline, the ticket. Not the agent's failure.
    Interrupted,
}

impl Outcome {
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failure | Self::Partial)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Partial => "partial",
            Self::NoChanges => "no_changes",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One check run on a finished attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    pub name: String,
    pub passed: bool,
    pub duration_ms: u64,
    /// What a later release wrote of it.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl GateResult {
    pub fn new(name: impl Into<String>, passed: bool, duration_ms: u64) -> Self {
        Self { name: name.into(), passed, duration_ms, extra: BTreeMap::new() }
    }
}

/// One attempt, as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub outcome: Outcome,
    #[serde(default)]
    pub failure: Option<Failure>,
    /// The fault, where it is told more exactly than by the failure.
    #[serde(default)]
    pub fault: Option<FaultKind>,
    /// A limit of the provider that is known by words alone.
    #[serde(default)]
    pub limit_by_words: bool,
    pub phase: Phase,
    #[serde(default)]
    pub tool_calls: u64,
    #[serde(default)]
    pub files_modified: u64,
    #[serde(default)]
    pub usage: Usage,
    #[serde(default)]
    pub duration_ms: u64,
    #[serde(default)]
    pub has_commits: bool,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub gates: Vec<GateResult>,
    /// The end of what went wrong, at most 500 characters, redacted.
    #[serde(default)]
    pub error_tail: Option<String>,
    /// What a further attempt may go on with, where the agent has such a thing.
    #[serde(default)]
    pub session: Option<Session>,
}
