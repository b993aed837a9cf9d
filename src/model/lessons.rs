//! What the history of attempts teaches, as values.

use super::Time;
use serde::Serialize;

/// The lessons of some attempts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lessons {
    pub attempts: usize,
    /// Lines of the history that could not be read.
    pub unreadable_lines: usize,
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub outcomes: Vec<Count>,
    /// Of the attempts that are judged: successes and failures of their own.
    pub success_rate: Option<f64>,
    pub averages: Option<Averages>,
    pub failures_by_class: Vec<Count>,
    pub failures_by_phase: Vec<Count>,
    pub failures_by_gate: Vec<Count>,
    /// Second and later attempts.
    pub retries: Rate,
    pub by_model: Vec<Rate>,
    pub by_label: Vec<Rate>,
    /// Oldest first.
    pub by_week: Vec<Rate>,
    pub recommendations: Vec<Recommendation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    pub name: String,
    pub count: usize,
}

/// How often it went well.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rate {
    pub name: String,
    pub judged: usize,
    pub successes: usize,
    pub success_rate: Option<f64>,
}

/// Per attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Averages {
    pub duration_ms: u64,
    pub tokens: u64,
    pub tool_calls: f64,
    pub files_modified: f64,
    /// Of the attempts whose cost is known.
    pub usd: Option<f64>,
}

/// A setting, and why to look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recommendation {
    pub setting: String,
    pub text: String,
}
