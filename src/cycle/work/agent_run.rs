//! What one agent did, as its events tell it: counters, its last result, its last words.

use crate::model::cycle_event::{AgentEnd, AgentTotals, CycleEventKind};
use crate::model::{AgentEvent, AgentFault, AgentResult, Ending, Phase, Time, Usage};
use crate::policy::outcome::ToolTally;
use std::collections::BTreeSet;
use std::time::Duration;

/// What an agent did, from start to end.
#[derive(Debug, Clone)]
pub(in crate::cycle) struct AgentRun {
    /// The agent's name, for people.
    pub agent: String,
    pub ending: Ending,
    /// The last one stands.
    pub result: Option<AgentResult>,
    /// The provider said that its limit is reached; with the reset it named.
    pub limit: Option<Option<Time>>,
    /// The session's id, as the agent told it.
    pub session: Option<String>,
    pub model: Option<String>,
    pub phase: Phase,
    pub tool_calls: u64,
    /// What became of them.
    pub tools: ToolTally,
    pub files: BTreeSet<String>,
    /// Of the whole session.
    pub usage: Usage,
    /// What the session had used before this attempt.
    pub before: Usage,
    pub turns: u64,
    /// What it said last.
    pub words: String,
    /// Of all its processes.
    pub duration: Duration,
}

impl AgentRun {
    pub fn new(agent: &str) -> Self {
        Self {
            agent: agent.to_owned(),
            ending: Ending::default(),
            result: None,
            limit: None,
            session: None,
            model: None,
            phase: Phase::Reading,
            tool_calls: 0,
            tools: ToolTally::default(),
            files: BTreeSet::new(),
            usage: Usage::default(),
            before: Usage::default(),
            turns: 0,
            words: String::new(),
            duration: Duration::ZERO,
        }
    }

    /// The counters of a session go on; how its next process ends is open.
    pub fn going_on(before: &Self) -> Self {
        Self { ending: Ending::default(), result: None, limit: None, ..before.clone() }
    }

    /// What this attempt used.
    pub fn spent(&self) -> Usage {
        self.usage.minus(&self.before)
    }

    /// When the provider's limit is lifted, where it was told.
    pub fn limit_resets_at(&self) -> Option<Time> {
        let named = self.result.as_ref().and_then(|result| match result.fault {
            Some(AgentFault::Limit { resets_at, .. }) => resets_at,
            _ => None,
        });
        named.or(self.limit.flatten())
    }

    /// Where it is; of its session, what this attempt used.
    pub fn totals(&self) -> AgentTotals {
        AgentTotals {
            phase: self.phase,
            turns: self.turns,
            tool_calls: self.tool_calls,
            files_modified: self.files.len() as u64,
            usage: self.spent(),
        }
    }

    /// How it ended, as an event of its attempt.
    pub fn end(&self, attempt: u32) -> CycleEventKind {
        let result = self.result.as_ref();
        CycleEventKind::AgentEnded(Box::new(AgentEnd {
            attempt,
            totals: self.totals(),
            ok: result.map(|result| result.fault.is_none()),
            message: result.map(|result| result.message.clone()).unwrap_or_default(),
            model: self.model.clone(),
            duration: self.duration,
            ending: self.ending.clone(),
        }))
    }

    pub fn fold(&mut self, event: &AgentEvent) {
        self.tools.fold(event);
        match event {
            AgentEvent::Session { id, model } => {
                self.session = id.clone().or(self.session.take());
                self.model = model.clone().or(self.model.take());
            }
            AgentEvent::Turn => self.turns += 1,
            AgentEvent::Tool(call) => {
                self.tool_calls += 1;
                self.phase = call.phase.unwrap_or(self.phase);
                self.files.extend(call.file.clone());
            }
            AgentEvent::Phase(phase) => self.phase = *phase,
            AgentEvent::Usage(usage) => self.usage = usage.bounded(),
            AgentEvent::RateLimit { reached: true, resets_at, .. } => self.limit = Some(*resets_at),
            AgentEvent::Finished(result) => {
                if !result.message.trim().is_empty() {
                    self.words.clone_from(&result.message);
                }
                if let Some(usage) = result.usage {
                    self.usage = usage.bounded();
                }
                self.result = Some(result.clone());
            }
            AgentEvent::Text(words) if !words.trim().is_empty() => self.words.clone_from(words),
            AgentEvent::RateLimit { reached: false, .. }
            | AgentEvent::ToolResult { .. }
            | AgentEvent::Text(_)
            | AgentEvent::Retrying { .. }
            | AgentEvent::Denied { .. }
            | AgentEvent::Noise => {}
        }
    }
}
