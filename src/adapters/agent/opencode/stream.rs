//! What `opencode run --format json` prints, line by line: steps of the model, its tools, its
//! words, errors. Each step tells its own tokens and cost; here they become a running total.

use super::super::{Events, json, refusal};
use crate::model::event::payload;
use crate::model::{AgentEvent, AgentFault, AgentResult, Phase, ToolCall, Usage};
use serde_json::Value;

/// The reader of one run's stream.
#[derive(Debug, Default)]
pub struct OpencodeStream {
    session: Option<String>,
    last_words: String,
    turns: u64,
    usage: Option<Usage>,
}

impl OpencodeStream {
    /// The stream of a further turn of a session that used that much before.
    pub fn going_on(before: Option<Usage>) -> Self {
        Self { usage: before, ..Self::default() }
    }

    /// Adds what the line says to `events`; a line that says nothing adds nothing.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        let Some(entry) = json::parse(line) else { return };
        let told = entry["sessionID"].as_str().map(str::to_owned);
        if told.is_some() && told != self.session {
            self.session.clone_from(&told);
            events.push_back(AgentEvent::Session { id: told, model: None });
        }
        let part = &entry["part"];
        match text(&entry["type"]) {
            "step_start" => {
                self.turns += 1;
                events.push_back(AgentEvent::Turn);
            }
            "text" => {
                self.last_words = text(&part["text"]).to_owned();
                events.push_back(AgentEvent::Text(self.last_words.clone()));
            }
            "tool_use" => {
                events.push_back(AgentEvent::Tool(tool_call(part)));
                let state = &part["state"];
                let output = state["output"].as_str().or(state["error"].as_str()).unwrap_or_default();
                events.push_back(AgentEvent::ToolResult {
                    is_error: state["status"] == "error",
                    output: payload(output),
                });
            }
            "step_finish" => self.step_over(part, events),
            "error" => {
                let (fault, message) = fault(&entry["error"]);
                self.finish(Some(fault), message, events);
            }
            _ => {}
        }
    }

    /// A step that ends for tools is followed by another; any other is the last.
    fn step_over(&mut self, part: &Value, events: &mut Events) {
        let total = self.usage.unwrap_or_default().plus(&usage(part));
        self.usage = Some(total);
        events.push_back(AgentEvent::Usage(total));
        match text(&part["reason"]) {
            "tool-calls" => {}
            reason @ ("length" | "content-filter" | "error") => {
                let message = format!("the model's answer ended early: {reason}");
                self.finish(Some(AgentFault::Error), message, events);
            }
            _ => self.finish(None, self.last_words.clone(), events),
        }
    }

    fn finish(&self, fault: Option<AgentFault>, message: String, events: &mut Events) {
        let (usage, turns) = (self.usage, Some(self.turns));
        events.push_back(AgentEvent::Finished(AgentResult { fault, message, usage, turns }));
    }
}

fn tool_call(part: &Value) -> ToolCall {
    let (name, input) = (text(&part["tool"]), &part["state"]["input"]);
    let writes = ["edit", "write", "patch"].iter().any(|word| name.contains(word)) && !name.contains("todo");
    let command = input["command"].as_str();
    let preview = command.map_or_else(|| input.to_string(), str::to_owned);
    ToolCall {
        name: name.to_owned(),
        phase: Phase::of_tool(name, command),
        file: input["filePath"].as_str().filter(|_| writes).map(str::to_owned),
        preview: payload(&preview),
    }
}

/// One step's own; its input is told without what came from the cache. A cost of nothing is one
/// nobody knows: the price list lacks the model, or a subscription pays.
fn usage(part: &Value) -> Usage {
    let tokens = &part["tokens"];
    Usage {
        input_tokens: json::tokens(&tokens["input"]),
        output_tokens: json::tokens(&tokens["output"]).saturating_add(json::tokens(&tokens["reasoning"])),
        cache_creation_tokens: json::tokens(&tokens["cache"]["write"]),
        cache_read_tokens: json::tokens(&tokens["cache"]["read"]),
        usd: json::dollars(&part["cost"]).filter(|cost| *cost > 0.0),
    }
    .bounded()
}

/// The status first, words only where that says nothing. The `retry-after` of a refusal it gave up
/// on has been tried and was wrong.
fn fault(error: &Value) -> (AgentFault, String) {
    let data = &error["data"];
    let message = data["message"].as_str().or(error["message"].as_str()).unwrap_or(text(&error["name"]));
    let by_status = data["statusCode"].as_u64().and_then(|status| refusal::of_status(status, None));
    let by_name = || (text(&error["name"]) == "ProviderAuthError").then_some(AgentFault::Login);
    let fault = by_status.or_else(by_name).or_else(|| refusal::of_error(message));
    (fault.unwrap_or(AgentFault::Error), message.to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
