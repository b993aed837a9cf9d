//! What Claude Code prints with `--output-format stream-json`, line by line.
//!
//! Tolerant: unknown types come and go, `type` is not always the first key, and a field of another
//! shape than expected costs that field only. Values are borrowed from the line and what is not
//! needed is not parsed.

use super::super::{Events, json, refusal};
use super::wire::{Block, Denial, Entry, Field, LimitInfo, Message, ModelUsage, RoundUsage, Text, ToolInput};
use crate::model::event::payload;
use crate::model::{AgentEvent, AgentFault, AgentResult, Evidence, Phase, Time, ToolCall, Usage};
use chrono::DateTime;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

/// The reader of one run's stream.
#[derive(Debug, Default)]
pub struct ClaudeStream {
    /// Ids of the model's answers so far; each comes once per content block.
    answers: HashSet<String>,
    /// Denied calls already told.
    denied: HashSet<String>,
    /// The provider told by its own event that the limit is reached.
    is_limited: bool,
    /// When it is lifted.
    resets_at: Option<Time>,
    /// What a resumed session used before.
    before: Usage,
}

impl ClaudeStream {
    pub fn new() -> Self {
        Self::default()
    }

    /// The stream of a further turn of a session that used that much before.
    pub fn going_on(before: Option<Usage>) -> Self {
        Self { before: before.unwrap_or_default(), ..Self::default() }
    }

    /// Adds what the line says to `events`; a line that says nothing adds nothing.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        let Ok(text) = std::str::from_utf8(line) else {
            return self.push_text(&String::from_utf8_lossy(line), events);
        };
        self.push_text(text, events);
    }

    fn push_text(&mut self, line: &str, events: &mut Events) {
        if let Ok(entry) = serde_json::from_str::<Entry<Message>>(line) {
            return self.entry(&entry, entry.message.as_ref(), events);
        }
        // A message of another shape costs the message, not the line.
        if let Ok(entry) = serde_json::from_str::<Entry<IgnoredAny>>(line) {
            return self.entry(&entry, None, events);
        }
        if let Some(line) = json::without_odd_numbers(line)
            && let Ok(entry) = serde_json::from_str::<Entry<IgnoredAny>>(&line)
        {
            self.entry(&entry, None, events);
        }
    }

    fn entry<M>(&mut self, entry: &Entry<M>, message: Option<&Message>, events: &mut Events) {
        match (&*entry.kind, message) {
            ("assistant", Some(message)) => {
                self.answer(message, entry.parent_tool_use_id.is_some(), events);
            }
            ("user", Some(message)) => tool_results(message, events),
            ("system", _) => self.system(entry, events),
            ("rate_limit_event", _) => self.limit(entry, events),
            ("result", _) => self.result(entry, events),
            _ => {}
        }
    }

    fn system<M>(&mut self, entry: &Entry<M>, events: &mut Events) {
        match entry.subtype.text().as_deref() {
            Some("init") => {
                let owned = |field: Field| field.text().map(Cow::into_owned);
                events.push_back(AgentEvent::Session {
                    id: owned(entry.session_id),
                    model: owned(entry.model),
                });
            }
            Some("api_retry") => {
                let number = |field: Field| field.get::<u64>().unwrap_or(0);
                let why = entry.error.text().unwrap_or(Cow::Borrowed("no answer"));
                events.push_back(AgentEvent::Retrying {
                    detail: format!(
                        "{why} ({}), retry {} of {}",
                        number(entry.error_status),
                        number(entry.attempt),
                        number(entry.max_retries)
                    ),
                });
            }
            Some("permission_denied") => {
                let tool = entry.tool_name.text().unwrap_or_default();
                self.denied(&tool, entry.tool_use_id, events);
            }
            Some("task_notification") => events.push_back(AgentEvent::ToolResult {
                is_error: entry.status.text().is_some_and(|status| status != "completed"),
                output: String::new(),
            }),
            _ => {}
        }
    }

    fn answer(&mut self, message: &Message, is_subagent: bool, events: &mut Events) {
        // What the program itself puts in the model's place is no turn, nor is a subagent's.
        let is_turn = !is_subagent && message.model.as_deref() != Some("<synthetic>");
        if let Some(id) = message.id.as_deref().filter(|id| is_turn && !self.answers.contains(*id)) {
            self.answers.insert(id.to_owned());
            events.push_back(AgentEvent::Turn);
        }
        for block in &message.content.0 {
            match &*block.kind {
                "text" => {
                    let text = block.text.as_ref().map_or("", |text| &*text.0);
                    events.push_back(AgentEvent::Text(text.to_owned()));
                }
                "tool_use" | "server_tool_use" => events.push_back(AgentEvent::Tool(tool_call(block))),
                _ => {}
            }
        }
    }

    fn limit<M>(&mut self, entry: &Entry<M>, events: &mut Events) {
        let Some(info) = entry.rate_limit_info.get::<LimitInfo>() else { return };
        let reached = info.status == "rejected" && !info.is_using_overage.get().unwrap_or(false);
        let resets_at = info.resets_at.get().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        self.is_limited = reached;
        if reached {
            self.resets_at = resets_at;
        }
        let mut detail = info.rate_limit_type.text().as_deref().unwrap_or("limit").replace('_', "-");
        detail.push_str(&format!(": {}", info.status));
        if let Some(used) = info.utilization.get::<f64>() {
            detail.push_str(&format!(", {:.0}% used", used * 100.0));
        }
        events.push_back(AgentEvent::RateLimit { reached, resets_at, detail });
    }

    fn result<M>(&mut self, entry: &Entry<M>, events: &mut Events) {
        for denial in entry.permission_denials.get::<Vec<Denial>>().unwrap_or_default() {
            self.denied(&denial.tool_name, denial.tool_use_id, events);
        }
        let message = match entry.result.text() {
            Some(text) => text.into_owned(),
            None => entry.errors.get::<Vec<Text>>().map(joined).unwrap_or_default(),
        };
        let usage = usage(entry, &self.before);
        if let Some(usage) = usage {
            events.push_back(AgentEvent::Usage(usage));
        }
        events.push_back(AgentEvent::Finished(AgentResult {
            fault: self.fault(entry, &message),
            message,
            usage,
            turns: Some(self.answers.len() as u64),
        }));
    }

    /// `is_error` counts, not `subtype`: errors of the API come as `subtype: success`.
    fn fault<M>(&self, entry: &Entry<M>, message: &str) -> Option<AgentFault> {
        let subtype = entry.subtype.text().unwrap_or_default();
        let is_error = entry.is_error.get().unwrap_or(false) || subtype.starts_with("error");
        if !is_error {
            return refusal::of_result(message).map(|fault| self.dated(fault));
        }
        match &*subtype {
            "error_max_turns" => return Some(AgentFault::MaxTurns),
            "error_max_budget_usd" => return Some(AgentFault::Budget),
            _ => {}
        }
        let structured = || AgentFault::Limit { resets_at: None, evidence: Evidence::Structured };
        let status = entry.api_error_status.get::<u64>();
        let by_kind = entry.api_error_type.text().and_then(|kind| refusal::of_type(&kind));
        let by_status = status.and_then(|status| refusal::of_status(status, None));
        let by_event = || (status.is_none() && self.is_limited).then(structured);
        // A credit balance that is too low comes with the status of any bad request.
        let by_words = || refusal::of_error(message);
        let fault = by_status.or(by_kind).or_else(by_event).or_else(by_words);
        Some(fault.map_or(AgentFault::Error, |fault| self.dated(fault)))
    }

    /// The time of reset that the provider's own event told, where the fault tells none.
    fn dated(&self, fault: AgentFault) -> AgentFault {
        match fault {
            AgentFault::Limit { resets_at, evidence } => {
                AgentFault::Limit { resets_at: self.resets_at.or(resets_at), evidence }
            }
            other => other,
        }
    }

    fn denied(&mut self, tool: &str, id: Field, events: &mut Events) {
        let is_new = id.text().is_none_or(|id| self.denied.insert(id.into_owned()));
        if is_new {
            events.push_back(AgentEvent::Denied { tool: tool.to_owned() });
        }
    }
}

fn tool_results(message: &Message, events: &mut Events) {
    for block in message.content.0.iter().filter(|block| block.kind == "tool_result") {
        events.push_back(AgentEvent::ToolResult {
            is_error: block.is_error.unwrap_or(false),
            output: raw(block.content),
        });
    }
}

fn tool_call(block: &Block) -> ToolCall {
    let name = block.name.as_deref().unwrap_or_default().to_owned();
    let input = block.input.get::<ToolInput>();
    let text = |field: &Option<Text>| field.as_ref().map(|text| text.0.clone().into_owned());
    let command = input.as_ref().and_then(|input| text(&input.command));
    let lower = name.to_lowercase();
    let writes = (lower.contains("edit") || lower.contains("write")) && !lower.contains("todo");
    let edited = input.as_ref().filter(|_| writes);
    let file = edited.and_then(|input| text(&input.file_path).or_else(|| text(&input.notebook_path)));
    let preview = raw(block.input);
    ToolCall { phase: Phase::of_tool(&name, command.as_deref()), name, file, preview }
}

/// The session's running total. Newer versions go on counting in a resumed session, older ones
/// begin anew: a total that has no room for what was used before is one of this process alone.
fn usage<M>(entry: &Entry<M>, before: &Usage) -> Option<Usage> {
    let round = entry.usage.get::<RoundUsage>().map(|round| Usage {
        input_tokens: round.input_tokens.tokens(),
        output_tokens: round.output_tokens.tokens(),
        cache_creation_tokens: round.cache_creation_input_tokens.tokens(),
        cache_read_tokens: round.cache_read_input_tokens.tokens(),
        usd: None,
    });
    let usd = entry.total_cost_usd.dollars();
    let models = entry.model_usage.get::<BTreeMap<Cow<str>, Field>>().unwrap_or_default();
    let told = if models.is_empty() { round.or(usd.map(|_| Usage::default()))? } else { sum(&models) };
    let told = Usage { usd, ..told };
    let at_least = before.plus(&round.unwrap_or_default()).total_tokens();
    Some(if told.total_tokens() >= at_least { told } else { before.plus(&told) })
}

fn sum(models: &BTreeMap<Cow<str>, Field>) -> Usage {
    models.values().filter_map(|model| model.get::<ModelUsage>()).fold(Usage::default(), |total, model| {
        total.plus(&Usage {
            input_tokens: model.input_tokens.tokens(),
            output_tokens: model.output_tokens.tokens(),
            cache_creation_tokens: model.cache_creation_input_tokens.tokens(),
            cache_read_tokens: model.cache_read_input_tokens.tokens(),
            usd: None,
        })
    })
}

fn joined(errors: Vec<Text>) -> String {
    errors.iter().map(|text| &*text.0).collect::<Vec<_>>().join("; ")
}

/// As it stands in the line.
fn raw(field: Field) -> String {
    field.0.map(|raw| payload(raw.get())).unwrap_or_default()
}
