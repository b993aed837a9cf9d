//! What `codex exec --json` prints, line by line.

use super::super::Events;
use super::item;
use crate::model::{AgentEvent, AgentResult};
use serde_json::Value;
use std::collections::HashSet;

/// The reader of one run's stream.
#[derive(Debug, Default)]
pub struct CodexExecStream {
    begun: HashSet<String>,
    last_words: String,
    turns: u64,
}

impl CodexExecStream {
    /// Adds what the line says to `events`; a line that says nothing adds nothing.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else { return };
        match item::text(&entry, "type") {
            "thread.started" => events.push_back(AgentEvent::Session {
                id: entry["thread_id"].as_str().map(str::to_owned),
                model: None,
            }),
            "turn.started" => {
                self.turns += 1;
                events.push_back(AgentEvent::Turn);
            }
            "item.started" | "item.updated" => self.begin(&entry["item"], events),
            "item.completed" => self.complete(&entry["item"], events),
            "turn.completed" => {
                let usage = item::usage(&entry["usage"]);
                events.push_back(AgentEvent::Usage(usage));
                events.push_back(AgentEvent::Finished(AgentResult {
                    fault: None,
                    message: self.last_words.clone(),
                    usage: Some(usage),
                    turns: Some(self.turns),
                }));
            }
            "turn.failed" => {
                let error = &entry["error"];
                events.push_back(AgentEvent::Finished(AgentResult {
                    fault: Some(item::fault(error, None)),
                    message: item::text(error, "message").to_owned(),
                    usage: None,
                    turns: Some(self.turns),
                }));
            }
            _ => {}
        }
    }

    fn begin(&mut self, entry: &Value, events: &mut Events) {
        if self.begun.insert(item::text(entry, "id").to_owned()) {
            events.extend(item::tool_calls(entry).into_iter().map(AgentEvent::Tool));
        }
    }

    fn complete(&mut self, entry: &Value, events: &mut Events) {
        self.begin(entry, events);
        match &*item::kind(entry) {
            "agentmessage" => {
                self.last_words = item::text(entry, "text").to_owned();
                events.push_back(AgentEvent::Text(self.last_words.clone()));
            }
            "commandexecution" | "filechange" | "mcptoolcall" => {
                events.push_back(item::tool_result(entry));
            }
            _ => {}
        }
    }
}
