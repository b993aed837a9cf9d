//! A session of an agent that a further attempt of the same ticket may go on with.

use super::RecordedUsage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// As an outcome records it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The agent's name: another one cannot go on with it.
    pub agent: String,
    /// As the agent told it.
    pub id: String,
    /// All the session used so far, its earlier attempts included.
    #[serde(default)]
    pub usage: RecordedUsage,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl Session {
    pub fn new(agent: impl Into<String>, id: impl Into<String>) -> Self {
        Self { agent: agent.into(), id: id.into(), usage: RecordedUsage::default(), extra: BTreeMap::new() }
    }
}

/// Characters of an id; what is longer is none.
const MOST: usize = 200;

/// Whether a text may be a session's id: never an option, never a path.
pub fn is_id(text: &str) -> bool {
    text.len() <= MOST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
