//! What `codex exec --json` prints, line by line.

use super::super::{Events, json};
use super::item::{self, Items};
use crate::model::{AgentEvent, AgentResult};

/// The reader of one run's stream.
#[derive(Debug, Default)]
pub struct CodexExecStream {
    items: Items,
    turns: u64,
}

impl CodexExecStream {
    /// Adds what the line says to `events`; a line that says nothing adds nothing.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        let Some(entry) = json::parse(line) else { return };
        match item::text(&entry, "type") {
            "thread.started" => events.push_back(AgentEvent::Session {
                id: entry["thread_id"].as_str().map(str::to_owned),
                model: None,
            }),
            "turn.started" => {
                self.turns += 1;
                events.push_back(AgentEvent::Turn);
            }
            "item.started" | "item.updated" => self.items.begin(&entry["item"], events),
            "item.completed" => self.items.complete(&entry["item"], events),
            "turn.completed" => {
                let usage = item::usage(&entry["usage"]);
                events.push_back(AgentEvent::Usage(usage));
                events.push_back(AgentEvent::Finished(AgentResult {
                    fault: None,
                    message: self.items.last_words.clone(),
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
}
