//! What came of asking an agent for a better prompt template, as data (`learn --evolve --output
//! json`).

use super::Usage;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evolution {
    pub schema: u32,
    pub attempts: usize,
    /// Those the template can be blamed for; without any no agent was asked.
    pub failures: usize,
    /// The current template's file; `None`: built in.
    pub template: Option<String>,
    #[serde(flatten)]
    pub proposed: Option<Proposal>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    pub agent: String,
    pub model: Option<String>,
    pub usage: Usage,
    pub duration_ms: u64,
    /// The whole template.
    pub proposal: String,
    /// Against the current one, unified.
    pub diff: String,
    /// Where the proposal was written.
    pub written: Option<String>,
    /// Where the old template is kept.
    pub kept: Option<String>,
    /// What is left to do, or worth knowing.
    pub notes: Vec<String>,
}
