//! The result of work on an assignment: attempts with what they used and came to, and the change as
//! a bundle beside the document. A contract, with a version and a JSON Schema (`conductor schema
//! result`). Written where agents run: whoever reads it believes no verdict of it.

use super::carried::{self, Bundle, CarriedError};
use super::{Attempt, BranchName, Capture, IssueId, Outcome, RunId, Sha, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version this program reads and writes.
pub const VERSION: u32 = 1;
/// The document's name in its folder.
pub const FILE: &str = "result.json";
/// The change, beside the document.
pub const CHANGE: &str = "change.bundle";
/// Attempts a result may tell of.
pub const MAX_ATTEMPTS: usize = 100;

const SCHEMA: &str = include_str!("work_result.schema.json");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkResult {
    pub version: u32,
    /// The release that wrote it.
    pub conductor: String,
    /// The SHA-256 of the assignment's file.
    pub assignment: String,
    /// The run that claimed.
    pub run_id: RunId,
    pub issue: String,
    pub issue_id: IssueId,
    pub branch: BranchName,
    pub base_sha: Sha,
    /// Oldest first; at least one.
    pub attempts: Vec<WorkedAttempt>,
    /// What the last attempt left, in [`CHANGE`].
    #[serde(default)]
    pub change: Option<Bundle>,
    /// What held the agent's side in bounds.
    pub sandbox: String,
    /// Things that went less than well.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub finished_at: Time,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkedAttempt {
    #[serde(flatten)]
    pub attempt: Attempt,
    /// What went wrong, for people; empty on success.
    #[serde(default)]
    pub error: String,
    /// The agent's name.
    #[serde(default)]
    pub agent: Option<String>,
    /// When the provider's limit is lifted.
    #[serde(default)]
    pub limit_resets_at: Option<Time>,
    /// What the next attempt is told.
    #[serde(default)]
    pub capture: Option<Capture>,
}

impl WorkResult {
    /// Reads a document of this version.
    pub fn parse(text: &[u8]) -> Result<Self, CarriedError> {
        carried::parse("result", VERSION, text)
    }

    /// The document's JSON Schema.
    pub fn schema() -> Result<Value, serde_json::Error> {
        carried::with_shared_definitions(SCHEMA)
    }

    /// How the work ended.
    pub fn outcome(&self) -> Outcome {
        self.attempts.last().map_or(Outcome::Interrupted, |last| last.attempt.outcome)
    }
}
