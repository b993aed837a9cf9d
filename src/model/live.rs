//! What a running cycle writes down for people who look at it from outside: `status.json` of the
//! run and of each ticket. Names are in the ancestor's spelling.

use super::state::RateLimit;
use super::{Outcome, Phase, RunId, Time, Usage};
use serde::{Deserialize, Serialize};

/// `status.json` of a run; there only while it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveRun {
    pub run_id: RunId,
    pub pid: u32,
    pub pid_started: Option<String>,
    pub started_at: Time,
    pub updated_at: Time,
    pub running: Vec<LiveIssue>,
    pub queued: usize,
    pub completed: usize,
    pub failed: usize,
    pub total_attempts: u32,
    pub max_concurrent: usize,
    pub stopping: bool,
    pub rate_limit: RateLimit,
    /// Of all attempts of the run so far.
    pub usage: Usage,
}

/// `status.json` of a ticket; the last one stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveIssue {
    pub issue: String,
    /// The agent's process, once there is one.
    pub pid: Option<u32>,
    pub started: Time,
    pub last_update: Time,
    pub phase: Phase,
    pub files_modified: u64,
    pub tool_calls: u64,
    pub tokens_used: u64,
    pub workspace_path: Option<String>,
    pub attempt: u32,
    /// How it ended; `None` while the run works on it.
    pub outcome: Option<Outcome>,
    pub run_id: RunId,
    /// Conductor's own process: when it is gone, so is the run.
    pub run_pid: u32,
    pub run_pid_started: Option<String>,
}
