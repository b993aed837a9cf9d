//! `trace.jsonl`: what an agent did, one record per turn of the model and one for its end, each a
//! line of JSON. A contract: shapes grow, they do not change. Texts in it are redacted and cut.

use super::{Phase, Time, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TraceRecord {
    Turn(TracedTurn),
    Result(TracedResult),
}

/// One answer of the model and what its tools said to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedTurn {
    pub attempt: u32,
    /// From 1 in each attempt.
    pub turn: u64,
    pub at: Time,
    pub phase: Phase,
    /// Calls by the tool's name.
    pub tools: BTreeMap<String, u64>,
    pub tool_calls: u64,
    pub tool_errors: u64,
    pub files_modified: Vec<String>,
    /// The beginning of its words.
    pub text: String,
    /// The session's running total at the end of the turn, as far as the agent told it by then.
    pub tokens: u64,
    pub events: Vec<TracedEvent>,
    /// Events beyond those that are kept.
    #[serde(default)]
    pub events_left_out: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TracedEvent {
    Tool { name: String, file: Option<String>, input: String },
    ToolResult { is_error: bool, output: String },
    RateLimit { reached: bool, resets_at: Option<Time>, detail: String },
    Retrying { detail: String },
    Denied { tool: String },
}

/// How the agent ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedResult {
    pub attempt: u32,
    pub at: Time,
    pub phase: Phase,
    /// Whether the agent called it a success; `None` when it said nothing.
    pub ok: Option<bool>,
    /// The beginning of its last words.
    pub message: String,
    pub model: Option<String>,
    pub turns: u64,
    pub tool_calls: u64,
    pub files_modified: u64,
    pub usage: Usage,
    pub duration_ms: u64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// Why Conductor ended it, when it did.
    pub stopped: Option<String>,
}

/// The records of a file. A torn last line, as a run that was killed leaves it, is no record.
pub fn parse(text: &str) -> Vec<TraceRecord> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
